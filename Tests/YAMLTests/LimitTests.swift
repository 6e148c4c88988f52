import JSON
import Platform
import Testing
import YAML

@Suite struct LimitTests {
    @Test func `a text has at most so many bytes`() throws {
        let text = String(repeating: " ", count: 99) + "a"
        #expect(try JSONValue(yaml: text, limits: YAMLLimits(bytes: 100)) == .string("a"))
        #expect(
            refusal(of: " " + text, limits: YAMLLimits(bytes: 100))
                == "line 1, column 1: larger than the 100 bytes allowed")
        #expect(refusal(of: String(repeating: "#", count: 1_048_577)) != nil)
        #expect(try JSONValue(yaml: String(repeating: "#", count: 1_048_576)) == .null)
    }

    @Test(arguments: [
        ("[", "]", 1), ("{a: ", "}", 1), ("- ", "", 1), ("[a: ", "]", 2), ("- a:\n", "", 2), ("? a\n:\n", "", 1),
    ])
    func `lists and maps are at most so many inside each other`(opening: String, closing: String, each: Int) throws {
        func text(_ depth: Int) -> String {
            let lines = opening.split(separator: "\n")
            let indentations = (0..<(depth / each)).map {
                String(repeating: "  ", count: opening.contains("\n") ? $0 : 0)
            }
            let openings = indentations.map { indentation in
                opening.contains("\n") ? lines.map { indentation + $0 + "\n" }.joined() : opening
            }
            let last = (indentations.last ?? "") + (opening.contains("\n") ? "    x" : "x")
            return openings.joined() + last + String(repeating: closing, count: depth / each)
        }
        _ = try JSONValue(yaml: text(100))
        #expect(refusal(of: text(100 + each))?.contains("more than 100 lists and maps inside each other") == true)
        #expect(refusal(of: text(1_000)) != nil)
        _ = try JSONValue(yaml: text(300), limits: YAMLLimits(depth: 300))
    }

    @Test func `10 MB of opening brackets fail at the first too many`() {
        let limits = YAMLLimits(bytes: 10_000_000)
        let error = refusal(of: String(repeating: "[", count: 10_000_000), limits: limits)
        #expect(error == "line 1, column 101: more than 100 lists and maps inside each other")
    }

    @Test func `aliases count as deep as what they stand for`() throws {
        func text(_ anchors: Int) -> String {
            (1...anchors).map { "- &a\($0) " + ($0 == 1 ? "[]" : "[*a\($0 - 1)]") }.joined(separator: "\n")
        }
        _ = try JSONValue(yaml: text(99))
        #expect(refusal(of: text(100)) == "line 100, column 10: more than 100 lists and maps inside each other")
    }

    @Test func `values are counted after aliases are expanded`() throws {
        #expect(try JSONValue(yaml: "[a, b, {c: d}]", limits: YAMLLimits(nodes: 5)).arrayValue?.count == 3)
        let reason = "more than 4 values, aliases counted as what they stand for"
        #expect(refusal(of: "[a, b, {c: d}]", limits: YAMLLimits(nodes: 4)) == "line 1, column 15: \(reason)")
        // 1 + 3 + 3, and each alias once more what is inside it.
        let aliased = "[&x [a, b], *x]"
        #expect(try JSONValue(yaml: aliased, limits: YAMLLimits(nodes: 7)).arrayValue?.count == 2)
        #expect(refusal(of: aliased, limits: YAMLLimits(nodes: 6)) != nil)
        // The billion laughs, as lists and as merges.
        for (first, next) in [
            ("[a]", { (name: Int) in "[" + Array(repeating: "*a\(name)", count: 9).joined(separator: ",") + "]" }),
            ("{x: 1}", { (name: Int) in "{" + (1...9).map { "k\($0): *a\(name)" }.joined(separator: ", ") + "}" }),
        ] {
            let bomb = (0...8).map { "a\($0): &a\($0) " + ($0 == 0 ? first : next($0 - 1)) }.joined(separator: "\n")
            #expect(refusal(of: bomb)?.contains("more than 100000 values") == true)
        }
        let merges = "a: &a {" + (0..<500).map { "k\($0): 1" }.joined(separator: ", ") + "}\nb:\n"
        #expect(
            refusal(of: merges + String(repeating: "- <<: *a\n", count: 300))?.contains("more than 100000 values")
                == true)
    }

    @Test func `many documents are read in one pass, and count together`() throws {
        let text = Array(String(repeating: "---\n", count: 99_999).utf8)
        #expect(try YAMLReader.documents(of: text).last?.line == 99_999)
        #expect(throws: YAMLError.self) { try YAMLReader.documents(of: text + text) }
    }

    @Test func `the bytes that aliases stand for are limited`() throws {
        let text = "- &a " + String(repeating: "x", count: 1_000) + "\n"
        #expect(try JSONValue(yaml: text + String(repeating: "- *a\n", count: 4_000)).arrayValue?.count == 4_001)
        let error = refusal(of: text + String(repeating: "- *a\n", count: 4_300))
        #expect(error?.contains("aliases stand for more than 4194304 bytes together") == true)
        let nested =
            "- &a " + String(repeating: "x", count: 100_000)
            + "\n- &b [*a, *a, *a, *a]\n- &c [*b, *b, *b, *b]\n- [*c, *c, *c, *c]\n"
        #expect(refusal(of: nested)?.contains("aliases stand for more than 4194304 bytes together") == true)
    }

    @Test func `a document has at most so many anchors`() throws {
        let anchors = (0..<1_000).map { "- &a\($0) b\n" }.joined()
        #expect(try JSONValue(yaml: anchors + "- &a1 c\n- *a1\n").arrayValue?.last == .string("c"))
        #expect(refusal(of: anchors + "- &x c\n") == "line 1001, column 3: more than 1000 anchors")
    }

    @Test func `a key has at most as many bytes as JSON allows one`() throws {
        let key = String(repeating: "k", count: 1_000)
        #expect(try JSONValue(yaml: key + ": 1") == .object([ExactText(key): .number("1")]))
        #expect(refusal(of: key + "k: 1") == "line 1, column 1: a key longer than 1000 bytes")
        #expect(refusal(of: "? |\n  " + key + "\n: 1") == "line 1, column 3: a key longer than 1000 bytes")
        #expect(
            refusal(of: "{\"" + String(repeating: "\\u0001", count: 167) + "\": 1}")
                == "line 1, column 2: a key longer than 1000 bytes")
    }
}
