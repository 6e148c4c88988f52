import JSON
import Platform
import Testing
import YAML

/// What is refused, with its place and reason. A reason says what to do, and never repeats a value.
@Suite struct RefusalTests {
    private static let tab = "a tab before it; YAML is indented by spaces only"
    private static let brackets = "others drop; quote it"

    @Test(arguments: [
        "a:\n\tb: c", "a:\n  b: 1\n\tc: 2", "-\t- a", "-\ta: b", "?\ta: b", "\ta: b", "a: [\n\tb]", "a: \"b\n\tc\"",
        "a:\n  - b\n\t- c", "? a\n\t: b", "a:\n\tb", "a: b\n\tc",
    ])
    func `a tab as indentation is refused`(text: String) {
        #expect(refusal(of: text)?.hasSuffix(Self.tab) == true, "\(String(describing: refusal(of: text)))")
    }

    @Test(arguments: [
        ("a: %%host%%", "line 1, column 4: '%' begins no text without quotes; quote it: \"%%host%%\""),
        ("a: @b", "line 1, column 4: '@' begins no text without quotes; quote it"),
        (
            "a: b: c",
            "line 1, column 5: ': ' in a value without quotes; quote the value, or begin a map on the next line"
        ),
        ("a: - b", "line 1, column 4: a list on the line of its key or of '---'; it begins on the next line"),
        ("&a - b", "line 1, column 4: a list on the line of its tag or anchor; it begins on the next line"),
        (
            "a: 'it's'",
            "line 1, column 8: text after the closing quote; inside single quotes a quote is written twice: ''"
        ),
        ("a: \"b\"c\"", "line 1, column 7: text after the closing quote; inside double quotes a quote is written \\\""),
        ("a: [b]c", "line 1, column 7: expected the end of the value, found text"),
        ("a: \"b\"#c", "line 1, column 7: a comment needs a blank before its '#'"),
        ("[a,#b\n]", "line 1, column 4: a comment needs a blank before its '#'"),
        ("\"a\":b", "line 1, column 5: expected a blank after ':'"),
        ("- \"a\" b", "line 1, column 7: expected the end of the line, found text"),
        ("[a,,b]", "line 1, column 4: expected a value before ','"),
        ("[,]", "line 1, column 2: expected a value before ','"),
        ("{, a}", "line 1, column 2: expected a key before ','"),
        ("{a b c: d: e}", "line 1, column 10: expected ',' or '}', found ':'"),
        ("[a: b: c]", "line 1, column 6: expected ',' or ']', found ':'"),
        ("a: {b: [c}", "line 1, column 10: expected ',' or ']', found '}'"),
        ("[a] b", "line 1, column 5: expected the end of the document, found text"),
        ("|\na", "line 2, column 1: expected the end of the document, found text"),
        ("{a:}", "line 1, column 3: expected a blank after ':', or quotes around the text"),
        ("[a:]", "line 1, column 3: expected a blank after ':', or quotes around the text"),
        ("[-]", "line 1, column 2: expected text, found '-' alone inside brackets"),
        ("[?x]", "line 1, column 2: '?' at the start of text inside brackets, which others drop; quote it"),
        ("[|]", "line 1, column 2: '|' begins no text inside brackets; quote it, or write the text as a block"),
        ("{[a]: b}", "line 1, column 2: a list or a map as a key, which JSON does not have"),
        ("[a]: b", "line 1, column 1: a list or a map as a key, which JSON does not have"),
        ("? - a\n: b", "line 1, column 3: a list or a map as a key, which JSON does not have"),
        (": a", "line 1, column 1: expected a key before ':'"),
        ("[: a]", "line 1, column 2: a key that is null; quote it if it is text"),
        ("? \n: a", "line 1, column 2: a key that is null; quote it if it is text"),
        ("~: a", "line 1, column 1: a key that is null; quote it if it is text"),
        ("\"<<\": {}", "line 1, column 1: the key '<<' in quotes, which becomes a merge on its way to a check"),
        ("!!str <<: {}", "line 1, column 7: the key '<<' in quotes, which becomes a merge on its way to a check"),
        ("<<: a", "line 1, column 1: expected a map or a list of maps after '<<', found a string"),
        ("<<:", "line 1, column 1: expected a map or a list of maps after '<<', found null"),
        ("<<: [{a: 1}, b]", "line 1, column 1: expected a map or a list of maps after '<<', found a string"),
        ("a: *b", "line 1, column 4: an alias without an anchor before it; quote it if it is text"),
        ("a: &x [*x]", "line 1, column 8: an alias inside what it stands for"),
        ("- &x a\n- &x [*x]", "line 2, column 7: an alias inside what it stands for"),
        ("a: &x b\nc: &y *x", "line 2, column 4: a tag or an anchor on an alias"),
        ("a: &x b\nc: &y\n  *x", "line 2, column 4: a tag or an anchor on an alias"),
        ("a: &b:c d", "line 1, column 6: ':' in the name of an anchor; write a blank before it if the name ends there"),
        (
            "a: &x b\n*x: c",
            "line 2, column 3: ':' in the name of an alias; write a blank before it if the name ends there"
        ),
        ("a: & b", "line 1, column 5: expected the name of an anchor, found text"),
        ("- &x <<\n- {*x : {}}", "line 2, column 4: an alias of '<<'"),
        ("a: |0\n b", "line 1, column 5: expected '-', '+', 1 to 9 or the end of the line after '|', found text"),
        ("a: |10\n b", "line 1, column 6: expected '-', '+', 1 to 9 or the end of the line after '|', found text"),
        ("a: > text", "line 1, column 6: expected '-', '+', 1 to 9 or the end of the line after '>', found text"),
        ("a: |#c\n b", "line 1, column 5: expected '-', '+', 1 to 9 or the end of the line after '|', found '#'"),
        ("a: |\n\tb", "line 2, column 1: a tab where the text is indented; YAML is indented by spaces only"),
        ("a: |\n  b\n\t\nc: d", "line 3, column 1: a tab where the text is indented; YAML is indented by spaces only"),
        ("\"\\'\"", "line 1, column 2: an unknown escape; a single quote needs none in double quotes"),
        ("\"\\q\"", "line 1, column 2: an unknown escape; \\\\ is a backslash"),
        ("\"\\x4\"", "line 1, column 2: expected 2 hexadecimal digits in this escape"),
        ("\"\\ud83d\\ude00\"", "line 1, column 2: an escape that is no character; half of a surrogate pair is none"),
        ("%YAML 1.2\n---\n", "line 1, column 1: expected '%YAML 1.1' and nothing else"),
        ("%TAG ! x\n---\n", "line 1, column 1: a directive other than %YAML"),
        ("%FOO\n---\n", "line 1, column 1: a directive other than %YAML"),
        ("%YAML 1.1\n%YAML 1.1\n---", "line 2, column 1: a second directive; only one is read"),
        ("a\n... b", "line 2, column 5: expected the end of the line after '...', found text"),
        ("é: [a,\n日: ]", "line 1, column 4: expected ']' before line 2, column 1, which is indented too little"),
        ("\u{FEFF}é: @", "line 1, column 4: '@' begins no text without quotes; quote it"),
        (
            "a: 1\r\rb\r\nc: @",
            "line 3, column 1: expected a key of the map that begins at line 1, column 1, found text without ': '"
        ),
    ])
    func `a mistake is refused at its place`(text: String, error: String) {
        #expect(refusal(of: text) == error)
    }

    @Test(arguments: [
        ("a:\n  - b\n - c", (3, 2), (1, 1), "expected a key at column 1 as at line 1, column 1, found '-' at column 2"),
        (
            "a:\n    b: 1\n  c: 2", (3, 3), (1, 1),
            "expected a key at column 1 as at line 1, column 1, found text at column 3"
        ),
        (
            "a: b\n  # c\n  d", (3, 3), (1, 1),
            "expected a key at column 1 as at line 1, column 1, found text at column 3"
        ),
        ("- a: b\n - c", (2, 2), (1, 1), "expected '- ' at column 1 as at line 1, column 1, found '-' at column 2"),
        (
            "x:\n  a: 1\n  b\n", (3, 3), (2, 3),
            "expected a key of the map that begins at line 2, column 3, found text without ': '"
        ),
        (
            "a: 1\nb:2", (2, 1), (1, 1),
            "expected a key of the map that begins at line 1, column 1, found text without ': '; a colon needs a blank after it"
        ),
        ("a: 1\n- b", (2, 1), (1, 1), "expected a key of the map that begins at line 1, column 1, found '-'"),
        ("- a\n-b", (2, 1), (1, 1), "expected a blank after '-'"),
        (
            "- a\nb: c", (2, 1), (1, 1),
            "expected '- ' or the end of the list that begins at line 1, column 1, found text"
        ),
        (
            "a: b\n  c: d", (2, 3), (1, 4),
            "a key where the text of line 1, column 4 goes on; put it at the column of its siblings, or quote the text"
        ),
        (
            "a: \"x\nb: 1", (1, 4), (1, 4),
            "expected the closing quote before line 2, column 1, which is indented too little"
        ),
        ("a: 'x", (1, 4), (1, 4), "expected the closing quote before the end"),
        ("a: \"x\\", (1, 4), (1, 4), "expected the closing quote before the end"),
        ("\"x\n---\n", (1, 1), (1, 1), "expected the closing quote before '---' in line 2, column 1"),
        ("a: 1\nb: [1, 2\nc: 3", (2, 4), (2, 4), "expected ']' before line 3, column 1, which is indented too little"),
        ("a: {b: c", (1, 4), (1, 4), "expected '}' before the end"),
        ("a: [b,\nc]", (1, 4), (1, 4), "expected ']' before line 2, column 1, which is indented too little"),
        ("[a\n: b]", (2, 1), (1, 2), "a key over two lines; in a list it has one"),
        ("\"a\n  b\": c", (2, 5), (1, 1), "a key over two lines; it has one"),
        ("a: 1\nb: 2\n\"a\": 3", (3, 1), (1, 1), "duplicate key a; it is first at line 1, column 1"),
        ("{1: a, '1': b}", (1, 8), (1, 2), "duplicate key 1; it is first at line 1, column 2"),
        ("- &x a\n- a: 1\n  *x : 2", (3, 3), (2, 3), "duplicate key a; it is first at line 2, column 3"),
        (
            "{p@ss: 1, p@ss: 2}", (1, 11), (1, 2),
            "duplicate key (4 bytes that are no name); it is first at line 1, column 2"
        ),
        (
            "a: 1\n<<: {a: 2}", (2, 1), (1, 1),
            "'<<' also brings the key a; put '<<' first, so that all readers agree; it is first at line 1, column 1"
        ),
        ("<<: {a: 1}\n<<: {b: 1}", (2, 1), (1, 1), "a second '<<' in one map; give one a list"),
        ("a: |\n   \n  b", (3, 3), (1, 4), "an empty line before this one is indented further than the text"),
        ("a: >\n \n  \n   \n # c", (5, 2), (1, 4), "an empty line before this one is indented further than the text"),
        ("%YAML 1.1\na", (2, 1), (1, 1), "expected '---' after the directive"),
        ("%YAML 1.1", (1, 10), (1, 1), "expected '---' after the directive"),
    ])
    func `a refusal names the place of what it is about`(
        text: String, place: (Int, Int), began: (Int, Int), reason: String
    ) throws {
        let error = try #require(#expect(throws: YAMLError.self) { try JSONValue(yaml: text) })
        #expect(error.place == YAMLPlace(line: place.0, column: place.1))
        #expect(error.began == YAMLPlace(line: began.0, column: began.1))
        #expect(error.reason == reason)
        #expect(error.description(in: "x.yaml") == "x.yaml:\(place.0):\(place.1): \(reason)")
    }

    @Test(
        arguments: [
            ([0x61, 0x00], 1, "a control character; write it as an escape in double quotes"),
            ([0x7F], 0, "a control character; write it as an escape in double quotes"),
            ([0x22, 0xC2, 0x80, 0x22], 1, "a control character; write it as an escape in double quotes"),
            ([0x61, 0xEF, 0xBF, 0xBE], 1, "a control character; write it as an escape in double quotes"),
            (
                [0x61, 0xC2, 0x85], 1,
                "a line break of YAML 1.1 that is none in YAML 1.2; write it as an escape in double quotes"
            ),
            (
                [0x61, 0xE2, 0x80, 0xA8], 1,
                "a line break of YAML 1.1 that is none in YAML 1.2; write it as an escape in double quotes"
            ),
            ([0x61, 0xEF, 0xBB, 0xBF], 1, "a byte order mark that is not at the start"),
            ([0xFF, 0xFE, 0x61, 0x00], 0, "UTF-16; save it as UTF-8"),
            ([0xFE, 0xFF, 0x00, 0x61], 0, "UTF-16; save it as UTF-8"),
            ([0x61, 0xFF], 1, "invalid UTF-8"), ([0xC3], 0, "invalid UTF-8"), ([0xC0, 0x80], 0, "invalid UTF-8"),
            ([0xED, 0xA0, 0x80], 0, "invalid UTF-8"), ([0xF4, 0x90, 0x80, 0x80], 0, "invalid UTF-8"),
        ] as [([UInt8], Int, String)])
    func `bytes that are no YAML are refused`(bytes: [UInt8], offset: Int, reason: String) {
        let error = #expect(throws: YAMLError.self) { try JSONValue(yaml: bytes) }
        #expect(error?.offset == offset)
        #expect(error?.reason == reason)
    }

    /// A value may be a secret. It is one byte sequence here that is no name, so that it can be found again.
    @Test func `no reason repeats a value`() {
        let secret = "hunter2!hunter2"
        let values = [
            secret, "'\(secret)'", "\"\(secret)\"", "[\(secret)]", "{\(secret): \(secret)}", "*\(secret)", "!\(secret)",
            "|\n  \(secret)",
        ]
        let signs = [
            "", " ", "\n", ":", ": ", "#", "'", "\"", "]", "}", "- ", "&", "*", "!", "|", "@", "%", "\t", ",", "\\",
            "~: ", "<<: ",
        ]
        for value in values {
            for sign in signs {
                for more in signs {
                    let texts = [
                        "a: \(sign)\(value)\(more)", "\(sign)\(value)\(more)", "a: 1\n\(sign)\(value)\(more)",
                        "- \(value)\n\(more)\(value)\(sign)\n b: c",
                    ]
                    for text in texts {
                        let error = refusal(of: text) ?? ""
                        #expect(!error.contains("hunter2"), "\(text): \(error)")
                    }
                }
            }
        }
    }
}
