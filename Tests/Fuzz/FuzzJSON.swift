import CheckModel

/// Parses the input; what is JSON must encode to JSON that parses to what encodes alike.
func fuzzJSON(_ input: [UInt8]) {
    guard let value = try? JSON(parsing: input) else { return }
    let encoded = value.encoded()
    guard let again = try? JSON(parsing: encoded) else { fatalError("does not parse what was encoded") }
    precondition(again.encoded() == encoded, "encodes otherwise the second time")
}
