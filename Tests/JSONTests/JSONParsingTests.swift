import JSON
import Platform
import Testing

@Suite struct JSONParsingTests {
    struct Valid: Sendable, CustomTestStringConvertible {
        let name: String
        let text: String
        let value: JSONValue
        var testDescription: String { name }
    }

    static let valid = [
        Valid(name: "null", text: "null", value: .null),
        Valid(name: "true in white space", text: " \t\r\ntrue \n", value: .bool(true)),
        Valid(name: "an integer of 20 digits", text: "18446744073709551615", value: .number("18446744073709551615")),
        Valid(name: "a float keeps its zeros", text: "1.50", value: .number("1.50")),
        Valid(name: "an exponent keeps its form", text: "-1E+05", value: .number("-1E+05")),
        Valid(name: "minus zero", text: "-0", value: .number("-0")),
        Valid(
            name: "a digit of 30 places", text: "0.123456789012345678901234567890",
            value: .number("0.123456789012345678901234567890")),
        Valid(name: "every short escape", text: #""\"\\\/\b\f\n\r\t""#, value: .string("\"\\/\u{8}\u{C}\n\r\t")),
        Valid(name: "an escaped code point", text: #""\u00e9\u0000""#, value: .string("\u{E9}\u{0}")),
        Valid(name: "a pair of surrogates", text: #""\ud83d\uDE00""#, value: .string("\u{1F600}")),
        Valid(name: "raw UTF-8", text: "\"é日😀\"", value: .string("é日😀")),
        Valid(
            name: "nested lists", text: "[[1,[2]],[]]",
            value: .array([.array([.number("1"), .array([.number("2")])]), .array([])])),
        Valid(name: "an empty key", text: #"{"":{}}"#, value: .object(["": .object([:])])),
        Valid(name: "percent signs in a key", text: #"{"%%host%%":1}"#, value: .object(["%%host%%": .number("1")])),
    ]

    @Test(arguments: valid)
    func `a valid text gives its value`(_ row: Valid) throws {
        #expect(try JSONValue(parsing: row.text) == row.value)
    }

    struct Invalid: Sendable, CustomTestStringConvertible {
        let name: String
        let text: [UInt8]
        let error: String
        var testDescription: String { name }

        init(_ name: String, _ text: String, _ error: String) {
            self.init(name, Array(text.utf8), error)
        }

        init(_ name: String, _ text: [UInt8], _ error: String) {
            self.name = name
            self.text = text
            self.error = error
        }
    }

    static let invalid = [
        Invalid("nothing", "", "line 1, column 1: ends where a value is expected"),
        Invalid(
            "a byte order mark", [0xEF, 0xBB, 0xBF, 0x31],
            "line 1, column 1: byte order mark; save it as UTF-8 without one"),
        Invalid("an unknown word", "[True]", "line 1, column 2: 'T' where a value is expected"),
        Invalid("a wrong word", "nul", "line 1, column 1: unknown word"),
        Invalid("not a number", "NaN", "line 1, column 1: 'N' where a value is expected"),
        Invalid("a leading zero", "012", "line 1, column 1: a number with a leading zero"),
        Invalid("a bare minus", "-", "line 1, column 2: ends where a digit is expected"),
        Invalid("a plus", "+1", "line 1, column 1: '+' where a value is expected"),
        Invalid("no digit before the point", ".5", "line 1, column 1: '.' where a value is expected"),
        Invalid(
            "no digit after the point", "1.", "line 1, column 3: ends where a digit after the decimal point is expected"
        ),
        Invalid("no digit in the exponent", "1e]", "line 1, column 3: ']' where a digit of the exponent is expected"),
        Invalid("a duplicate key", "{\"a\":1,\n \"b\":2,\n \"a\":3}", "line 3, column 2: duplicate key a"),
        Invalid(
            "a trailing comma in an object", #"{"a":1,}"#,
            "line 1, column 8: '}' where a key in double quotes is expected"),
        Invalid("a trailing comma in an array", "[1,]", "line 1, column 4: ']' where a value is expected"),
        Invalid("no comma", "[1 2]", "line 1, column 4: '2' where ',' or ']' is expected"),
        Invalid("no colon", #"{"a" 1}"#, "line 1, column 6: '1' where ':' is expected"),
        Invalid("a key without quotes", "{a:1}", "line 1, column 2: 'a' where a key in double quotes is expected"),
        Invalid("single quotes", "'a'", "line 1, column 1: ''' where a value is expected"),
        Invalid("an unclosed object", #"{"a":1"#, "line 1, column 7: ends where ',' or '}' is expected"),
        Invalid("an unclosed string", "\"é", "line 1, column 3: ends inside a string"),
        Invalid("a comment", "1 // one", "line 1, column 3: '/' after the end of the value"),
        Invalid("a second value", "1\n2", "line 2, column 1: '2' after the end of the value"),
        Invalid("a zero byte after the end", [0x31, 0], "line 1, column 2: byte 0x00 after the end of the value"),
        Invalid(
            "a raw newline in a string", "\"a\nb\"",
            "line 1, column 3: a control character in a string; write it as an escape"),
        Invalid("an unknown escape", #""\x41""#, "line 1, column 2: an unknown escape"),
        Invalid(
            "an escape with too few digits", #""\u12""#, "line 1, column 6: an escape without four hexadecimal digits"),
        Invalid(
            "digits of another script", "\"\\u\u{FF10}000\"",
            "line 1, column 4: an escape without four hexadecimal digits"),
        Invalid("a lone lower surrogate", #""a\udc00""#, "line 1, column 3: a lone surrogate"),
        Invalid("a lone upper surrogate", #""\ud800x""#, "line 1, column 2: a lone surrogate"),
        Invalid("two upper surrogates", #""\ud800\ud800""#, "line 1, column 2: a lone surrogate"),
        Invalid("invalid UTF-8", [0x22, 0xC3, 0xA9, 0xFF, 0x22], "line 1, column 3: invalid UTF-8"),
        Invalid(
            "invalid UTF-8 after an escape", Array(#""\n\"é"#.utf8) + [0xC3, 0x22], "line 1, column 7: invalid UTF-8"),
        Invalid("an overlong encoding", [0x22, 0xC0, 0xAF, 0x22], "line 1, column 2: invalid UTF-8"),
        Invalid("a surrogate in UTF-8", [0x22, 0xED, 0xA0, 0x80, 0x22], "line 1, column 2: invalid UTF-8"),
        Invalid(
            "invalid UTF-8 outside a string", [0x5B, 0xFF], "line 1, column 2: byte 0xFF where a value is expected"),
    ]

    @Test(arguments: invalid)
    func `an invalid text is an error with place and reason`(_ row: Invalid) {
        #expect(error(parsing: row.text) == row.error)
    }

    @Test func `the depth limit counts nested arrays and objects`() throws {
        let allowed = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(throws: Never.self) { try JSONValue(parsing: allowed) }
        #expect(
            error(parsing: Array(("[" + allowed + "]").utf8))
                == "line 1, column 65: more than 64 arrays and objects inside each other")
        // What was left counts no more.
        let wide = "[" + Array(repeating: "{}", count: 1_000).joined(separator: ",") + "]"
        #expect(throws: Never.self) { try JSONValue(parsing: wide) }
    }

    @Test func `the size of a text is limited`() {
        let limits = JSONLimits(bytes: 4)
        #expect(throws: Never.self) { try JSONValue(parsing: "1234", limits: limits) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: "12345", limits: limits) }
    }

    @Test func `the length of a number is limited`() {
        let digits = String(repeating: "9", count: 1_000)
        #expect(throws: Never.self) { try JSONValue(parsing: digits) }
        #expect(error(parsing: Array((digits + "9").utf8)) == "line 1, column 1: a number longer than 1000 bytes")
    }

    @Test(arguments: [("k", 1_000), ("é", 500), (#"\u0001"#, 166), (#"\""#, 500)])
    func `the limit of a key counts its encoded bytes`(_ letter: String, _ allowed: Int) {
        func object(_ count: Int) -> [UInt8] {
            Array(("{\"" + String(repeating: letter, count: count) + "\":1}").utf8)
        }
        #expect(error(parsing: object(allowed)) == nil)
        #expect(error(parsing: object(allowed + 1)) == "line 1, column 2: a key longer than 1000 bytes")
    }

    @Test func `values compare by code points, members in any order`() throws {
        #expect(try JSONValue(parsing: #"{"a":1,"b":[2]}"#) == JSONValue(parsing: #"{"b":[2],"a":1}"#))
        #expect(try JSONValue(parsing: "1.0") != JSONValue(parsing: "1"))
        #expect(JSONValue.string("\u{E9}") != JSONValue.string("e\u{301}"))
        let members = try JSONValue(parsing: "{\"e\u{301}\":1,\"\u{E9}\":2}").objectValue
        #expect(members?["\u{E9}"] == .number("2") && members?["e\u{301}"] == .number("1"))
        #expect(JSONValue.object(["\u{E9}": .null]) != JSONValue.object(["e\u{301}": .null]))
    }

    @Test func `an accessor gives a value of its type only`() throws {
        let json = try JSONValue(parsing: #"{"s":"x","b":true,"i":-9223372036854775808,"f":1.0,"a":[null],"o":{}}"#)
        #expect(json["s"]?.stringValue == "x")
        #expect(json["b"]?.boolValue == true)
        #expect(json["i"]?.integerValue == .min)
        #expect(json["f"]?.integerValue == nil)
        #expect(json["a"]?.arrayValue == [.null])
        #expect(json["o"]?.objectValue?.isEmpty == true)
        #expect(json["missing"] == nil)
        #expect(json["s"]?["s"] == nil)
        #expect(json["s"]?.boolValue == nil)
    }

    private func error(parsing bytes: [UInt8]) -> String? {
        do {
            _ = try JSONValue(parsing: bytes)
            return nil
        } catch {
            return error.description
        }
    }
}
