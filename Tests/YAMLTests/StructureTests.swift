import JSON
import Platform
import Testing
import YAML

/// Lists and maps, as blocks and in brackets, comments, anchors and documents.
@Suite struct StructureTests {
    @Test(arguments: [
        // Blocks.
        ("a: 1\nb: 2\n", #"{"a":1,"b":2}"#), ("- a\n- b", #"["a","b"]"#), ("- - a\n  - b\n- c", #"[["a","b"],"c"]"#),
        ("- a: b\n  c: d\n- e: f", #"[{"a":"b","c":"d"},{"e":"f"}]"#), ("- - - a", #"[[["a"]]]"#),
        ("a:\n- b\n- c\nd: e", #"{"a":["b","c"],"d":"e"}"#), ("a:\n  - b\nd: e", #"{"a":["b"],"d":"e"}"#),
        ("-\n  a\n-\n  b: c\n-\n - d", #"["a",{"b":"c"},["d"]]"#),
        ("a:\n  b:\n    c: d\n  e: f", #"{"a":{"b":{"c":"d"},"e":"f"}}"#),
        (" a: b\n c: d", #"{"a":"b","c":"d"}"#), ("a :  b\n'c' : d\n\"e\": f", #"{"a":"b","c":"d","e":"f"}"#),
        ("a:\nb:\n", #"{"a":null,"b":null}"#), ("-\n- \n-", "[null,null,null]"),
        ("a:\n  -\n  - b: \n    c:", #"{"a":[null,{"b":null,"c":null}]}"#),
        // Explicit keys.
        ("? a\n: b", #"{"a":"b"}"#), ("? a\n? b\n: c\nd: e", #"{"a":null,"b":"c","d":"e"}"#),
        ("? a\n: - b\n  - c", #"{"a":["b","c"]}"#), ("? a\n: b: c", #"{"a":{"b":"c"}}"#),
        ("? a\n:\n- b", #"{"a":["b"]}"#),
        ("? |\n  a\n: b", #"{"a\n":"b"}"#), ("? a\n  b\n: c", #"{"a b":"c"}"#),
        ("? \"a\n  b\"\n# c\n: c", #"{"a b":"c"}"#),
        // Brackets.
        ("[]", "[]"), ("{}", "{}"), ("[a, b,]", #"["a","b"]"#), ("[ [a], {b: c} ]", #"[["a"],{"b":"c"}]"#),
        ("{a: 1, b: {c: [d]}}", #"{"a":1,"b":{"c":["d"]}}"#), ("[a: b]", #"[{"a":"b"}]"#),
        ("[a: b, c]", #"[{"a":"b"},"c"]"#),
        ("[? a : b, c]", #"[{"a":"b"},"c"]"#), ("[? a]", #"[{"a":null}]"#), ("[\"a\":b]", #"[{"a":"b"}]"#),
        ("{a, b: c}", #"{"a":null,"b":"c"}"#), ("{a: , b}", #"{"a":null,"b":null}"#), ("{\"a\":1}", #"{"a":1}"#),
        ("{a:1}", #"{"a:1":null}"#), ("[a:b]", #"["a:b"]"#), ("{? a : b}", #"{"a":"b"}"#),
        ("{? a, b}", #"{"a":null,"b":null}"#),
        ("{x: :x}", #"{"x":":x"}"#), ("[:x]", #"[":x"]"#), ("{\"k\"::v}", #"{"k":":v"}"#),
        ("{foo\n: bar}", #"{"foo":"bar"}"#), ("{\"foo\"\n: bar}", #"{"foo":"bar"}"#),
        ("{\"foo\"\n  :bar}", #"{"foo":"bar"}"#),
        ("{a\n b: c}", #"{"a b":"c"}"#), ("[a?b, c?]", #"["a?b","c?"]"#), ("{a?: 1}", #"{"a?":1}"#),
        ("[-a, -1]", #"["-a",-1]"#),
        ("a: [b,\n  c,\n  [d]\n ]", #"{"a":["b","c",["d"]]}"#), ("a: [\n  b\n]\nc: {\n}", #"{"a":["b"],"c":{}}"#),
        ("- a: [\n    b\n  ]\n- c", #"[{"a":["b"]},"c"]"#), ("[\na,\nb\n]", #"["a","b"]"#),
        ("a:\n  [b]", #"{"a":["b"]}"#),
        ("[a, # c\n b # d\n]", #"["a","b"]"#), ("{a: # c\n b}", #"{"a":"b"}"#), ("[!!str , &a , x]", #"["",null,"x"]"#),
        ("[a\n b, c]", #"["a b","c"]"#), ("['a', \"b\"]", #"["a","b"]"#), ("[a#b]", #"["a#b"]"#),
        // Comments.
        ("# a\na: b # c\n  # d\n# e\nc: d", #"{"a":"b","c":"d"}"#), ("a: # b\n  c", #"{"a":"c"}"#),
        ("- # a\n  b", #"["b"]"#),
        ("a: 'b' # c", #"{"a":"b"}"#), ("a: [b] # c", #"{"a":["b"]}"#), ("a: | # c\n  b", #"{"a":"b"}"#),
        ("a: &x # c\n  b", #"{"a":"b"}"#), ("a: b#c", #"{"a":"b#c"}"#), ("a: b\n    # c\nc: d", #"{"a":"b","c":"d"}"#),
        // Tabs.
        ("a:\tb", #"{"a":"b"}"#), ("a: b\t", #"{"a":"b"}"#), ("a: b\t# c", #"{"a":"b"}"#),
        ("a: b\tc", #"{"a":"b\tc"}"#),
        ("[a,\tb\t]", #"["a","b"]"#), ("-\ta", #"["a"]"#), ("a: 1\n\t\nb: 2\n \t \n", #"{"a":1,"b":2}"#),
        ("\t{}", "{}"),
        ("a: [\n \tb]", #"{"a":["b"]}"#), ("a:\n \tb", #"{"a":"b"}"#),
        ("- foo:\t bar\n- - baz\n  -\tbaz", #"[{"foo":"bar"},["baz","baz"]]"#),
        // Line ends, byte order mark.
        ("a: 1\r\nb:\r\n- c\r\n", #"{"a":1,"b":["c"]}"#), ("a: 1\rb: 2", #"{"a":1,"b":2}"#),
        ("\u{FEFF}a: 1", #"{"a":1}"#),
        ("a: |\r\n  b\r\n  c\r\n", #"{"a":"b\nc\n"}"#), ("a: b\r\n  c", #"{"a":"b c"}"#),
        ("\"a\r\n\r\nb\"", #""a\nb""#),
        // Nothing.
        ("", "null"), ("# a\n", "null"), ("\n \n", "null"), ("---", "null"), ("...", "null"), ("--- # c\n", "null"),
        ("---\n...\n", "null"),
        // The marks of a document.
        ("--- a", #""a""#), ("---\ta", #""a""#), ("---\na: b\n...\n# c\n", #"{"a":"b"}"#), ("--- |\n a\n", #""a\n""#),
        ("--- {a: b}", #"{"a":"b"}"#), ("--- &x\na: b", #"{"a":"b"}"#), ("%YAML 1.1\n---\na", #""a""#),
        ("%YAML\t 1.1 # c\n--- a\n...\n...\n", #""a""#), ("a\n...b", #""a ...b""#), ("---a", #""---a""#),
        ("a\n%b", #""a %b""#),
    ])
    func `a structure is read`(text: String, json: String) throws {
        #expect(try JSONValue(yaml: text) == JSONValue(parsing: json))
    }

    @Test(arguments: [
        ("a: &x 1\nb: *x", #"{"a":1,"b":1}"#), ("- &x {p: [q]}\n- *x", #"[{"p":["q"]},{"p":["q"]}]"#),
        ("&k a: &v b\n*v : *k", #"{"a":"b","b":"a"}"#), ("a: &x\n  b: c\nd: *x", #"{"a":{"b":"c"},"d":{"b":"c"}}"#),
        ("a: &x\n- b\nc: *x", #"{"a":["b"],"c":["b"]}"#), ("&m\n&k a: b\nc: *k", #"{"a":"b","c":"a"}"#),
        ("a: &x\nb: *x", #"{"a":null,"b":null}"#), ("- &x a\n- &x b\n- *x", #"["a","b","b"]"#),
        ("[&x a, *x , {*x : b}]", #"["a","a",{"a":"b"}]"#),
        ("- &a.b é\n- *a.b\n- &é f\n- *é", #"["é","é","f","f"]"#), ("- &x !!str 1\n- *x", #"["1","1"]"#),
        ("- &x 012\n- *x\n- {*x : 1}", #"[10,10,{"012":1}]"#),
        ("- &x |\n  a\n- *x", #"["a\n","a\n"]"#), ("- &x {a: &y 1}\n- *y", #"[{"a":1},1]"#),
        ("a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3", #"{"a":{"p":1,"q":2},"b":{"p":1,"q":3}}"#),
        ("- &x {p: 1}\n- &y {p: 2, q: 2}\n- {<<: [*x, *y], r: 3}", #"[{"p":1},{"p":2,"q":2},{"p":1,"q":2,"r":3}]"#),
        ("- &x {p: 1}\n- &y {<<: *x, q: 2}\n- <<: *y", #"[{"p":1},{"p":1,"q":2},{"p":1,"q":2}]"#),
        ("a: 1\n<<: {b: 2}", #"{"a":1,"b":2}"#), ("<<: []\na: 1", #"{"a":1}"#), ("<<: {}", "{}"),
        ("[<<: {a: 1}]", #"[{"a":1}]"#),
        ("<<:\n  a: 1\n  b: 2\nb: 3", #"{"a":1,"b":3}"#), ("? <<\n: {a: 1}", #"{"a":1}"#),
    ])
    func `anchors, aliases and merges are read`(text: String, json: String) throws {
        #expect(try JSONValue(yaml: text) == JSONValue(parsing: json))
    }

    @Test(arguments: [
        ("1: a", "1"), ("012: a", "012"), ("1.0: a", "1.0"), ("true: a", "true"), ("y: a", "y"), ("on: a", "on"),
        ("2001-01-01: a", "2001-01-01"), (".inf: a", ".inf"), ("0x_: a", "0x_"), ("1:30: a", "1:30"), ("=: a", "="),
        ("!!int 1: a", "1"), ("!!str ~: a", "~"), ("!!binary YQ==: b", "a"), ("'null': a", "null"), ("{1: a}", "1"),
        ("a b: c", "a b"), ("a%: b", "a%"), ("-a: b", "-a"), ("a:b: c", "a:b"), ("'': a", ""),
    ])
    func `a key is a string, as it is written`(text: String, key: String) throws {
        let members = try #require(try JSONValue(yaml: text).objectValue)
        #expect(Array(members.keys) == [ExactText(key)])
    }

    @Test func `all documents are read, or one with a refusal of the second`() throws {
        let text = "# c\na: 1\n---\n--- b\n...\n# d\nc\n...\n%YAML 1.1\n---\n- e\n"
        let documents = try YAMLReader.documents(of: Array(text.utf8))
        #expect(documents.map(\.line) == [2, 3, 4, 7, 10])
        #expect(
            documents.map(\.value) == [
                .object(["a": .number("1")]), .null, .string("b"), .string("c"), .array([.string("e")]),
            ])
        #expect(try YAMLReader.documents(of: []).isEmpty)
        #expect(try YAMLReader.documents(of: Array("# a\n...\n".utf8)).isEmpty)
        for (text, line) in [("a: 1\n---\nb", 2), ("a\n...\nb", 3), ("---\n---\n", 2), ("a\n---", 2), ("a\n--- }", 2)] {
            let reason = "a second document begins here, but this text may have only one"
            #expect(refusal(of: text) == "line \(line), column 1: \(reason)")
        }
    }

    /// Where it stands in the whole text is told of each.
    @Test func `a document that cannot be read does not take those behind it`() throws {
        let text = """
            a: [1
            ---
            b: 2
            ---
            c: "d
              e
            ---
            - {{ .Values.f }}
            ---
            - - - - *x
            ... g
            ---
            # h
            ---
            i
            """
        let readings = try YAMLReader.readings(of: Array(text.utf8))
        let told = readings.map { reading in
            switch reading {
            case .success(let document): "\(document.line) \(String(decoding: document.value.encoded(), as: UTF8.self))"
            case .failure(let error): "\(error.place.line):\(error.place.column)"
            }
        }
        #expect(told == ["1:4", #"2 {"b":2}"#, "5:4", "8:4", "10:9", "11:5", "12 null", #"14 "i""#])
        #expect(try YAMLReader.readings(of: Array("a\n---\nb".utf8)).count == 2)
        #expect(try YAMLReader.readings(of: []).isEmpty)
    }

    @Test func `depth is counted anew after a document that cannot be read`() throws {
        let broken = String(repeating: "[", count: 90)
        let readings = try YAMLReader.readings(of: Array("\(broken)\n---\n\(broken)\n---\n[[a]]".utf8))
        #expect(readings.count == 3 && (try? readings[2].get().value) == .array([.array([.string("a")])]))
    }

    @Test func `an anchor is known in its document only`() {
        #expect(throws: YAMLError.self) { try YAMLReader.documents(of: Array("- &a b\n---\n- *a\n".utf8)) }
    }
}
