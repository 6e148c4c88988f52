import JSON
import Platform
import TestKit
import Testing
import YAML

@Suite struct YAMLFuzzTests {
    /// The fuzz target's own function: it traps where a value changes on its way.
    @Test func `YAML of the fuzzing corpus survives a round trip`() throws {
        let corpus = try fuzzCorpus("yaml")
        #expect(corpus.count >= 20)
        for (_, input) in corpus { fuzzYAML(input) }
    }

    /// Damaged texts: none may trap, and what is still read survives a round trip.
    @Test(arguments: UInt64(1)...8)
    func `no text crashes the reader`(seed: UInt64) throws {
        let corpus = try fuzzCorpus("yaml").map(\.input)
        let random = RandomJSON(seed: seed)
        var read = 0
        for _ in 0..<2_000 {
            let text = random.mutated(corpus[random.below(corpus.count)])
            fuzzYAML(text)
            if (try? YAMLReader.documents(of: text)) != nil { read += 1 }
        }
        // Otherwise the damage is so great that only the errors are tested.
        #expect(read > 100)
    }

    /// JSON is YAML. The reader refuses only what cannot be a key on the way of a config.
    @Test func `every encoded value is read as YAML with the same value`() throws {
        let random = RandomJSON(seed: 3)
        for _ in 0..<5_000 {
            let encoded = random.value().encoded()
            let expected = try JSONValue(parsing: encoded)
            do throws(YAMLError) {
                let value = try JSONValue(yaml: encoded)
                #expect(value.encoded() == Self.withoutNegativeZero(expected).encoded())
            } catch {
                #expect(error.reason.contains("'<<' in quotes"), "\(error)")
            }
        }
    }

    /// The integer zero has no sign in YAML.
    private static func withoutNegativeZero(_ value: JSONValue) -> JSONValue {
        switch value {
        case .number("-0"): .number("0")
        case .array(let elements): .array(elements.map(withoutNegativeZero))
        case .object(let members): .object(members.mapValues(withoutNegativeZero))
        default: value
        }
    }
}
