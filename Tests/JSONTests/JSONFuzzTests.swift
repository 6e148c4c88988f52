import JSON
import Platform
import TestKit
import Testing

@Suite struct JSONFuzzTests {
    /// 100,000 damaged texts in all: none may trap; one that is still JSON encodes to itself from then on, with the
    /// same value.
    @Test(arguments: UInt64(1)...20)
    func `no text crashes the parser and what it accepts survives a round trip`(seed: UInt64) throws {
        let random = RandomJSON(seed: seed)
        var parsed = 0
        for count in 0..<5_000 {
            let text = random.mutated(random.value().encoded())
            // The reader, which the fuzzer compares with the parser too, on some of them.
            if count.isMultiple(of: 25) { fuzzJSON(text) }
            guard let value = try? JSONValue(parsing: text) else { continue }
            parsed += 1
            let encoded = value.encoded()
            let again = try JSONValue(parsing: encoded)
            #expect(again == value.withEncodedNumbers, "seed \(seed): \(text)")
            #expect(again.encoded() == encoded, "seed \(seed): \(text)")
        }
        // Otherwise the damage is so great that only the errors are tested.
        #expect(parsed > 100)
    }
}

extension JSONValue {
    /// The same value with each number as the encoder writes it.
    fileprivate var withEncodedNumbers: JSONValue {
        switch self {
        case .number: .number(String(decoding: encoded(), as: UTF8.self))
        case .array(let elements): .array(elements.map(\.withEncodedNumbers))
        case .object(let members): .object(members.mapValues(\.withEncodedNumbers))
        case .null, .bool, .string: self
        }
    }
}
