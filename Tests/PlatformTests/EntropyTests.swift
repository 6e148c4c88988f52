import Platform
import Testing

@Suite struct EntropyTests {
    @Test func `a seed gives the numbers of SplitMix64`() {
        let entropy = SeededEntropy(seed: 1_234_567)
        let expected: [UInt64] = [
            6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
        ]
        #expect((0..<5).map { _ in entropy.next() } == expected)
    }

    @Test func `a fraction is at least zero and below one`() {
        let entropy = SeededEntropy(seed: 1)
        let fractions = (0..<10_000).map { _ in entropy.fraction() }
        #expect(fractions.allSatisfy { (0..<1).contains($0) })
        #expect(fractions.contains { $0 < 0.01 })
        #expect(fractions.contains { $0 > 0.99 })
        #expect(Fixed(bits: .max).fraction() < 1)
        #expect(Fixed(bits: 0).fraction() == 0)
    }

    @Test func `a UUID has version 4 and is lower case`() {
        #expect(Fixed(bits: 0).uuid() == "00000000-0000-4000-8000-000000000000")
        #expect(Fixed(bits: .max).uuid() == "ffffffff-ffff-4fff-bfff-ffffffffffff")
        #expect(Fixed(bits: 0x0123_4567_89AB_CDEF).uuid() == "01234567-89ab-4def-8123-456789abcdef")
    }

    @Test func `the system's random numbers differ`() {
        let entropy = SystemEntropy()
        #expect(Set((0..<100).map { _ in entropy.uuid() }).count == 100)
    }
}

private struct Fixed: Entropy {
    let bits: UInt64

    func next() -> UInt64 { bits }
}
