import CheckModel

/// Any text must come back from its encoding. What is JSON must encode to JSON that parses to what encodes alike.
func fuzzJSON(_ input: [UInt8]) {
    let text = JSON.string(String(decoding: input, as: UTF8.self))
    precondition((try? JSON(parsing: text.encoded())) == text, "a text changes")
    guard let value = try? JSON(parsing: input) else { return }
    let encoded = value.encoded()
    guard let again = try? JSON(parsing: encoded) else { fatalError("does not parse what was encoded") }
    precondition(again.encoded() == encoded, "encodes otherwise the second time")
}
