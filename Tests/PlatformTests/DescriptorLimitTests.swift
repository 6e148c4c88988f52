import Platform
import Testing

@Suite struct DescriptorLimitTests {
    @Test(arguments: [(512, 384), (1_024, 768), (10_512, 10_256), (1_048_576, 1_048_320), (4, 3)])
    func `the connection limit leaves a reserve of file descriptors or a quarter of them`(limit: Int, ceiling: Int) {
        #expect(DescriptorLimit.ceiling(of: limit) == ceiling)
    }

    @Test func `the descriptor limit is never lowered`() {
        let limit = DescriptorLimit.raise(toAtLeast: 64)
        #expect(limit >= 64)
        #expect(DescriptorLimit.raise(toAtLeast: 1) == limit)
        #expect(DescriptorLimit.raise(toAtLeast: limit) == limit)
    }
}
