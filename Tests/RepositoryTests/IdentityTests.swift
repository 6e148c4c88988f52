import Testing

/// Text that names something is compared by its bytes: it is an `ExactText`, not a `String`.
///
/// These tests see declarations only. A set or a dictionary whose type the compiler infers is not seen.
@Suite struct IdentityTests {
    /// The names of options and of environment variables, which are ASCII.
    private static let ascii = ["OptionTable.swift", "ProcessEnvironment.swift", "Program.swift", "Environment.swift"]
    /// Not in a cluster: they simulate and measure.
    private static let others = ["Simulation", "Benchmarks"]

    @Test func `nothing is keyed by a String`() throws {
        for file in try StyleTests.sources.get() where !Self.others.contains(file.module) {
            guard !Self.ascii.contains(where: { file.path.hasSuffix("/\($0)") }) else { continue }
            for number in Self.stringKeys(in: file.lines) {
                Issue.record("\(file.path):\(number): a dictionary or set of String; make it ExactText")
            }
        }
    }

    @Test func `no value that can be compared has a property that is a String`() throws {
        for file in try StyleTests.sources.get() where !Self.others.contains(file.module) && file.module != "Platform" {
            for number in Self.comparedStrings(in: file.lines) {
                Issue.record("\(file.path):\(number): compared by canonical equivalence; make it @ExactText")
            }
        }
    }

    @Test func `both find what they look for`() {
        #expect(
            Self.stringKeys(in: ["var a: [String: Int] = [:]", "var b: Set<String>", "let c = [String:Int]()"]) == [
                1, 2, 3,
            ])
        #expect(Self.stringKeys(in: ["// [String: Int]", "_ environment: [String: String]", "[ExactText: Int]"]) == [])
        let lines = [
            "package struct Key: Hashable, Sendable {", "    package let a: String", "    @ExactText var b: String",
            "    struct Inner {", "        var c: String", "    }", "    private var d: String", "    let e: Int",
            "    var f: String { a }", "    static let g: String = \"\"", "    func h() {", "        let i: String",
            "    }",
            "}", "struct Failure: Error, Hashable {", "    let reason: String", "}", "struct Plain {",
            "    let j: String", "}",
        ]
        #expect(Self.comparedStrings(in: lines) == [2, 7])
    }

    private static func stringKeys(in lines: [String]) -> [Int] {
        lines.indices.filter { index in
            let line = lines[index]
            guard !StyleTests.isComment(line), !line.contains("nvironment") else { return false }
            return line.contains("[String: ") || line.contains("[String:") || line.contains("Set<String>")
        }.map { $0 + 1 }
    }

    /// The stored properties of type `String` in structures and classes that can be compared and are no errors.
    private static func comparedStrings(in lines: [String]) -> [Int] {
        var scopes: [Bool] = []
        var found: [Int] = []
        for (index, line) in lines.enumerated() where !StyleTests.isComment(line) {
            let words = line.split(separator: " ").map(String.init)
            if scopes.last == true, isStoredString(words) { found.append(index + 1) }
            let opened = line.count { $0 == "{" }
            let closed = line.count { $0 == "}" }
            if opened > closed {
                for _ in 0..<(opened - closed) { scopes.append(isCompared(words)) }
            } else if closed > opened {
                scopes.removeLast(min(scopes.count, closed - opened))
            }
        }
        return found
    }

    private static func isCompared(_ words: [String]) -> Bool {
        guard words.contains("struct") || words.contains("class"), !words.contains("Error,") else { return false }
        return words.contains { word in ["Hashable", "Equatable", "Comparable"].contains { word.hasPrefix($0) } }
    }

    private static func isStoredString(_ words: [String]) -> Bool {
        guard let keyword = words.firstIndex(where: { $0 == "let" || $0 == "var" }), keyword + 2 < words.count,
            words[keyword + 2] == "String", !words.contains("static"), !words.contains("@ExactText")
        else { return false }
        return keyword + 3 == words.count || words[keyword + 3] == "="
    }
}
