import CheckModel
import Platform
import TestKit
import Testing

@Suite struct MessageFuzzTests {
    @Test(arguments: UInt64(1)...10)
    func `no malformed message crashes its reader`(seed: UInt64) throws {
        let random = RandomJSON(seed: seed)
        let config = WireConfig(checkName: "a", instances: [Array("{}".utf8)], initConfig: [], adIdentifiers: ["b"])
        let answer = Array("{\"last_change\":1,\"configs\":[".utf8) + config.encoded() + Array("]}".utf8)
        let status = NodeStatusRequest(lastChange: .max, nodeType: 2).encoded()
        var read = 0
        for _ in 0..<1_000 {
            if (try? ConfigsAnswer(parsing: random.mutated(answer))) != nil { read += 1 }
            if (try? NodeStatusRequest(parsing: random.mutated(status))) != nil { read += 1 }
        }
        #expect(read > 10)
    }
}
