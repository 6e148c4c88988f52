import JSON

/// Any text must come back from its encoding. What is JSON must encode to JSON that parses to what encodes alike.
func fuzzJSON(_ input: [UInt8]) {
    let text = JSONValue.string(String(decoding: input, as: UTF8.self))
    precondition((try? JSONValue(parsing: text.encoded())) == text, "a text changes")
    guard let value = try? JSONValue(parsing: input) else { return }
    let encoded = value.encoded()
    guard let again = try? JSONValue(parsing: encoded) else { fatalError("does not parse what was encoded") }
    precondition(again.encoded() == encoded, "encodes otherwise the second time")
}
