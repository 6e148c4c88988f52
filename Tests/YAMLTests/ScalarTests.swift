import JSON
import Platform
import Testing
import YAML

/// Scalars over several lines, in quotes and as blocks.
@Suite struct ScalarTests {
    @Test(arguments: [
        // Without quotes.
        ("b\n  c", "b c"), ("b\n\n  c", "b\nc"), ("b\n\n\n  c", "b\n\nc"), ("b\n  - c", "b - c"),
        ("b  \n   c  \n", "b c"),
        ("b\n c\n  d", "b c d"), ("\n  b\n  c", "b c"), ("b\n  \tc", "b c"), ("b\n \n c", "b\nc"),
        ("b\n  ? c", "b ? c"),
        ("b\n  &c *d !e", "b &c *d !e"), ("b\n  c:d", "b c:d"), ("b\n  :c", "b :c"), ("b\n  c#d", "b c#d"),
        // In quotes.
        ("'b'", "b"), ("''", ""), ("'it''s'", "it's"), ("''''", "'"), ("'a''''b'", "a''b"), ("'b\n  c'", "b c"),
        ("'b\n\n  c'", "b\nc"), ("' b \n  c '", " b c "), ("\"b \\\n   c\"", "b c"), ("\"b\\\n\n  c\"", "b\nc"),
        ("\"b\\t \n  c\"", "b\t c"), ("\"b\t\n \t \n  c\"", "b\nc"), ("\"\n  b\n  \"", " b "),
        ("'a: b # c'", "a: b # c"),
        ("\"\\0\\a\\b\\t\\n\\v\\f\\r\\e\"", "\0\u{7}\u{8}\t\n\u{B}\u{C}\r\u{1B}"),
        ("\"\\ \\\"\\/\\\\\\\t\"", " \"/\\\t"),
        ("\"\\N\\_\\L\\P\"", "\u{85}\u{A0}\u{2028}\u{2029}"), ("\"\\x41\\u00e9\\U0001F600\"", "Aé😀"),
        ("\"\\xff\"", "ÿ"),
        ("\"é日😀\"", "é日😀"), ("\"\\uFEFF\\u0085\"", "\u{FEFF}\u{85}"), ("\"a\\\n  \\  b\"", "a  b"),
        // Blocks that keep their lines.
        ("|\n  b\n  c\n", "b\nc\n"), ("|\n  b", "b"), ("|\n  b\n\n", "b\n"), ("|-\n  b\n\n", "b"),
        ("|+\n  b\n\n", "b\n\n"),
        ("|\n\n  b\n", "\nb\n"), ("|\n  b\n   c\n  d\n", "b\n c\nd\n"), ("|2\n   b\n", " b\n"), ("|1-\n  b\n", " b"),
        ("|-1\n  b\n", " b"),
        ("|\n  # b\n  - c: d\n", "# b\n- c: d\n"), ("|\n  b\n # c\n", "b\n"), ("|\n", ""), ("|-\n", ""),
        ("|+\n\n", "\n"), ("|+\n", ""),
        ("|\n  \tb\n", "\tb\n"), ("|\n  b\t\n", "b\t\n"), ("|\n  b\n   \n", "b\n \n"), ("|\n  b\n  ", "b\n"),
        ("|\n  b\n   ", "b\n "),
        ("|+\n   ", ""), ("|   # c\n  b\n", "b\n"), ("|\n  \n  b\n", "\nb\n"),
        ("|\n  b\\n'\"\n", "b\\n'\"\n"),
        ("|\n \t\n", "\t\n"),
        // Blocks that are folded.
        (">\n  b\n  c\n", "b c\n"), (">\n  b\n\n  c\n", "b\nc\n"), (">\n  b\n\n\n  c\n", "b\n\nc\n"),
        (">\n  b\n   c\n  d\n", "b\n c\nd\n"),
        (">\n  b\n\n   c\n\n  d\n", "b\n\n c\n\nd\n"), (">\n\n  b\n", "\nb\n"), (">-\n  b\n  c\n", "b c"),
        (">+\n  b\n\n", "b\n\n"),
        (">\n  b\n  \tc\n  d\n", "b\n\tc\nd\n"), (">2\n   b\n  c\n", " b\nc\n"), (">\n  b", "b"),
    ])
    func `a scalar is read`(text: String, value: String) throws {
        #expect(try JSONValue(yaml: "a: " + text) == .object(["a": .string(value)]))
    }

    @Test func `a scalar ends where the next line is indented less`() throws {
        let text = "a: |\n  b\n\n# c\nd:\n  - >-\n    e\n    f\n  - g\n   h\ni: 'j\n  k'\n"
        let json = #"{"a":"b\n","d":["e f","g h"],"i":"j k"}"#
        #expect(try JSONValue(yaml: text) == JSONValue(parsing: json))
        #expect(try JSONValue(yaml: "- |1\n  a\n- - >2\n     b\n") == JSONValue(parsing: #"[" a\n",[" b\n"]]"#))
        #expect(try JSONValue(yaml: "a\nb\n\nc") == .string("a b\nc"))
        #expect(try JSONValue(yaml: "'a\nb'") == .string("a b"))
    }
}
