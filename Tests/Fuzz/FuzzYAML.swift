import JSON
import Platform
import YAML

/// What is read must be the same when it is written as JSON and read again, as JSON and as YAML. What is JSON already
/// is YAML with the same value, or refused.
func fuzzYAML(_ input: [UInt8]) {
    // Small, so that bombs are refused before they are written out.
    let limits = YAMLLimits(nodes: 10_000, aliasedBytes: 65_536)
    let json = try? JSONValue(parsing: input)
    let documents: [YAMLDocument]
    do throws(YAMLError) {
        documents = try YAMLReader.documents(of: input, limits: limits)
    } catch {
        precondition(error.offset <= input.count && error.place.line > 0 && error.place.column > 0, "\(error)")
        precondition((try? JSONValue(yaml: input, limits: limits)) == nil, "one document is read but not all")
        if let readings = try? YAMLReader.readings(of: input, limits: limits) {
            precondition(readings.contains { (try? $0.get()) == nil }, "all are read, each by itself")
        }
        return
    }
    let readings = try? YAMLReader.readings(of: input, limits: limits).map { try $0.get() }
    precondition(readings == documents, "documents by themselves are others")
    for document in documents { checkRoundTrip(document.value) }
    let one = try? JSONValue(yaml: input, limits: limits)
    precondition((documents.count <= 1) == (one != nil), "the number of documents does not decide")
    if let one { precondition(one == documents.first?.value ?? .null, "one document is another value alone") }
    if let json { precondition(documents.map(\.value) == [yamlNumbers(json)], "JSON is another value as YAML") }
}

private func checkRoundTrip(_ value: JSONValue) {
    let encoded = value.encoded()
    do {
        let again = try JSONValue(parsing: encoded, limits: JSONLimits(bytes: 1 << 30, depth: 100))
        precondition(again == value, "another value as JSON")
        let yaml = try JSONValue(yaml: encoded, limits: YAMLLimits(bytes: 1 << 30))
        precondition(yaml == value, "another value as YAML")
    } catch {
        fatalError("what was read cannot be read again: \(error)")
    }
}

/// The value with numbers as YAML takes them: exponents get a point and a sign, and the integer zero has no sign.
private func yamlNumbers(_ value: JSONValue) -> JSONValue {
    switch value {
    case .number(let text):
        let encoded = String(decoding: value.encoded(), as: UTF8.self)
        return .number(text == "-0" ? "0" : encoded)
    case .array(let elements): return .array(elements.map(yamlNumbers))
    case .object(let members): return .object(members.mapValues(yamlNumbers))
    default: return value
    }
}
