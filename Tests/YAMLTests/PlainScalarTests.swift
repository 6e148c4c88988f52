import JSON
import Platform
import Testing
import YAML

/// What a scalar without quotes stands for. The rows are those on which go-yaml v2 and PyYAML were tried; go-yaml
/// decides, the digits stay.
@Suite struct PlainScalarTests {
    @Test(arguments: [
        ("null", ["", "~", "null", "Null", "NULL"]),
        ("true", ["true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"]),
        ("false", ["false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"]),
        ("0", ["0", "-0", "00", "+0", "0x0", "-0x0", "0_", "0b0"]), ("7", ["7", "+7", "07", "0o7", "0x7", "0b111"]),
        ("-7", ["-7", "-07", "-0x7"]), ("10", ["012", "00012", "0_12", "0o12", "0O12"]), ("-10", ["-012", "-0o12"]),
        ("511", ["0777"]), ("8", ["08"]), ("9", ["09"]), ("888", ["0888"]), ("-8", ["-08"]),
        ("31", ["0x1F", "0X1F", "0x1_F", "0x1f"]), ("-31", ["-0x1f"]), ("5", ["0b101", "0B101", "0b1_01"]),
        ("1000", ["1_000", "1_0_00", "1000"]), ("1", ["1_", "1__"]), ("10.5", ["1_0.5", "10_.5"]),
        ("9223372036854775808", ["9223372036854775808", "0x8000000000000000"]),
        ("18446744073709551615", ["18446744073709551615", "0xFFFFFFFFFFFFFFFF", "+18446744073709551615"]),
        ("18446744073709551616", ["18446744073709551616", "0x10000000000000000"]),
        ("1267650600228229401496703205376", ["0x10000000000000000000000000"]),
        ("-99999999999999999999", ["-99999999999999999999"]), ("-18446744073709551616", ["-0x10000000000000000"]),
        ("1.5", ["1.5", "+1.5", "1._5", "01.5"]), ("1.50", ["1.50"]), ("1.0", ["1.0", "1."]), ("100.0", ["100.0"]),
        ("999999.0", ["999999.0"]), ("-0.0", ["-0.0", "-.0"]), ("0.5", [".5", "+.5"]), ("-0.5", ["-.5"]),
        ("1.0e+3", ["1e3", "1E+3", "1e+3", "1.0e3", "1.0e+3", "1.0E3"]), ("0.5e+3", [".5e3"]),
        ("12.0e+03", ["12e03"]), ("0.0e+0", ["0e0"]), ("1.0e-3", ["1.e-3", "1e-3"]), ("1.0e+9", ["1e9"]),
        ("1000000.0", ["1000000.0"]), ("0.00001", ["0.00001"]), ("2500000.0", ["2500000.0"]),
    ])
    func `a word or a number`(json: String, texts: [String]) throws {
        for text in texts {
            let value = try JSONValue(parsing: json)
            #expect(try JSONValue(yaml: "a: " + text) == .object(["a": value]), "\(text)")
            if !text.isEmpty { #expect(try JSONValue(yaml: "[\(text)]") == .array([value]), "\(text)") }
            #expect(try JSONValue(yaml: "'\(text)'") == .string(text), "\(text)")
        }
    }

    @Test(arguments: [
        "tRue", "yEs", "oN", "nUll", "none", "None", "yy", "nope", "_1", "0x", "0b", "0b12", "0o8", "0x1G", "1e", "e3",
        "1.2.3", "+", "+-1", "--1", "1-1", "1:30", "12:30:45", "-1:30", "1:30.5", "01:30", "1:60", "0:08", "00:00",
        "1_0:30", "inf", "nan", "NaN", "Infinity", "-.nan", ".iNF", ".", "..", "...a", ".e3", "._5", "2001-01-01",
        "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.10", "2001-12-14T21:59:43", "2001-12-14 21:59:43 -5",
        "2001-01-01 00:00:00Z", "2001-13-01", "2001-02-30", "=", "<<", "-a", "?a", ":a", "::1", "a:b", "a#b", "1,000",
        "5m", "10.0.0.1", "http://h:80/p?q=1#f", "a'b\"c", "a%b", "a @b", "0o7777777777777777777777777", "1e3e",
        "0X10000000000000000", "0xé", "1e5.5", "é", "日本", "a?",
    ])
    func `a string`(text: String) throws {
        #expect(try JSONValue(yaml: "a: " + text) == .object(["a": .string(text)]))
    }

    @Test(arguments: [
        ("-_1", "'_' in an odd place"), ("1_e3", "'_' in an odd place"), ("1e5_0", "'_' in an odd place"),
        ("0_x1", "'_' in an odd place"), ("0x_", "'_' in an odd place"), ("0b_", "'_' in an odd place"),
        (".5_", "'_' in an odd place"), ("-.5_", "'_' in an odd place"), ("0X1_F", "'_' in an odd place"),
        ("0_8", "'_' in an odd place"), ("1_0e3", "'_' in an odd place"), ("1e400", "beyond what others can hold"),
        ("1.0e+400", "beyond what others can hold"), ("07777777777777777777777777", "octal number beyond 64 bits"),
        ("0b-1", "sign inside a number"), (".inf", "infinity and NaN"), ("+.inf", "infinity and NaN"),
        ("-.Inf", "infinity and NaN"), (".INF", "infinity and NaN"), (".NaN", "infinity and NaN"),
        (".nan", "infinity and NaN"), ("@a", "'@' begins no text"), ("`a", "'`' begins no text"),
        ("%%host%%", "quote it: \"%%host%%\""), ("%a", "'%' begins no text"), (", a", "',' begins no text"),
        ("] a", "']' begins no text"), ("} a", "'}' begins no text"), ("b: c", "': ' in a value without quotes"),
        ("- b", "a list on the line of its key"), ("b:", "': ' in a value without quotes"),
    ])
    func `a scalar is refused`(text: String, reason: String) {
        let error = #expect(throws: YAMLError.self) { try JSONValue(yaml: "a: " + text) }
        #expect(error?.reason.contains(reason) == true, "\(text): \(String(describing: error))")
        #expect(error?.place.line == 1)
    }

    @Test func `a number has at most as many bytes as JSON allows one`() throws {
        let digits = String(repeating: "9", count: 1_000)
        #expect(try JSONValue(yaml: digits) == .number(digits))
        for text in [digits + "9", "0x" + digits, "0" + String(repeating: "7", count: 1_000_000)] {
            #expect(throws: YAMLError.self) { try JSONValue(yaml: text) }
            #expect(try JSONValue(yaml: "'\(text)'") == .string(text))
            for tag in ["!!int", "!!float", "!!bool", "!!null"] {
                #expect(throws: YAMLError.self) { try JSONValue(yaml: "\(tag) \(text)") }
            }
        }
        #expect(try JSONValue(yaml: "1" + String(repeating: " x", count: 1_000)).stringValue?.utf8.count == 2_001)
    }
}
