import JSON
import Platform
import Testing

@Suite struct JSONEncodingTests {
    static let rows: [(name: String, value: JSONValue, text: String)] = [
        (
            "keys are sorted by bytes", .object(["b": .null, "a10": .null, "a9": .null, "B": .null, "é": .null]),
            #"{"B":null,"a10":null,"a9":null,"b":null,"é":null}"#
        ),
        ("integers keep their text", .number("12345678901234567890"), "12345678901234567890"),
        ("floats keep their text", .number("0.10"), "0.10"),
        ("an exponent gets a dot and a sign", .number("1e3"), "1.0e+3"),
        ("an exponent with a dot gets a sign", .number("-1.5E3"), "-1.5e+3"),
        ("a signed exponent gets a dot", .number("1E-7"), "1.0e-7"),
        ("an exponent with both stays", .number("2.5e+10"), "2.5e+10"),
        ("quotes and backslashes", .string(#"a"b\c"#), #""a\"b\\c""#),
        ("a slash is not escaped", .string("http://x/"), #""http://x/""#),
        ("control characters", .string("\n\r\t\u{0}\u{1F}\u{8}"), #""\n\r\t\u0000\u001f\u0008""#),
        (
            "what YAML cannot print", .string("\u{7F}\u{80}\u{85}\u{9F}\u{FEFF}\u{FFFE}\u{FFFF}"),
            #""\u007f\u0080\u0085\u009f\ufeff\ufffe\uffff""#
        ),
        ("what YAML breaks lines at", .string("\u{2028}\u{2029}"), #""\u2028\u2029""#),
        ("all else is raw UTF-8", .string("\u{A0}é日😀\u{1FFFE}"), "\"\u{A0}é日😀\u{1FFFE}\""),
        ("variables stay", .object(["%%a%%": .string("%%host%%")]), #"{"%%a%%":"%%host%%"}"#),
    ]

    @Test(arguments: rows)
    func `values are encoded so that YAML parsers read them too`(_ row: (name: String, value: JSONValue, text: String))
    {
        #expect(String(decoding: row.value.encoded(), as: UTF8.self) == row.text, "\(row.name)")
    }
}
