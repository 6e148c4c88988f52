import CheckModel
import Platform
import Testing

@Suite struct JSONFuzzTests {
    /// 100,000 damaged texts in all: none may trap; one that is still JSON encodes to itself from then on, with the same value.
    @Test(arguments: UInt64(1)...20)
    func noTextTrapsAndWhatIsParsedSurvivesEncoding(seed: UInt64) throws {
        let random = RandomJSON(seed: seed)
        var parsed = 0
        for _ in 0..<5_000 {
            let text = random.mutated(random.value().encoded())
            guard let value = try? JSON(parsing: text) else { continue }
            parsed += 1
            let encoded = value.encoded()
            let again = try JSON(parsing: encoded)
            #expect(again == value.withEncodedNumbers, "seed \(seed): \(text)")
            #expect(again.encoded() == encoded, "seed \(seed): \(text)")
        }
        // Otherwise the damage is so great that only the errors are tested.
        #expect(parsed > 100)
    }

    @Test(arguments: UInt64(1)...10)
    func noMessageTrapsItsReader(seed: UInt64) throws {
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

extension JSON {
    /// The same value with each number as the encoder writes it.
    fileprivate var withEncodedNumbers: JSON {
        switch self {
        case .number: .number(String(decoding: encoded(), as: UTF8.self))
        case .array(let elements): .array(elements.map(\.withEncodedNumbers))
        case .object(let members): .object(members.mapValues(\.withEncodedNumbers))
        case .null, .bool, .string: self
        }
    }
}
