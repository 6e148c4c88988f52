import Testing

@Suite struct StyleTests {
    static let sources = Result { try Repository.swiftFiles(under: "Sources") }
    static let tests = Result { try Repository.swiftFiles(under: "Tests") }

    /// The folders whose comments must be wrapped.
    static let wrappedFolders = ["Sources", "Tests"]

    @Test func `package types and package functions and properties with a body of several lines are documented`() throws
    {
        for file in try Self.sources.get() {
            for (index, line) in file.lines.enumerated() where Self.needsDocumentation(file.lines, at: index) {
                #expect(Self.hasDocumentation(file.lines, before: index), "\(file.path):\(index + 1): \(line)")
            }
        }
    }

    @Test(arguments: [
        (["package struct Term: Sendable {", "}"], true), (["package typealias A = B"], true),
        (["public protocol Clock {", "}"], true), (["struct Term {", "}"], false),
        (["package let name: String"], false),
        (["package var isReady: Bool { true }"], false), (["package var isReady: Bool {", "    true", "}"], false),
        (["    package var sum: Int {", "        let a = 1", "        return a + 1", "    }"], true),
        (["package func f() {", "    a()", "    b()", "}"], true), (["package func f() {", "    a()", "}"], false),
        (["package func f(", "    _ a: Int", ") throws {", "    a()", "    b()", "}"], true),
        (["package init(a: Int) {", "    self.a = a", "    b = 1", "}"], true),
        (["package extension A {", "}"], false),
        (["package import Platform"], false),
        (["package var a = 1", "package func f() {", "    a()", "    b()", "}"], false),
        (["package static let a = [", "    1,", "    2,", "]"], false),
    ])
    func `documentation is asked for by the kind and the size of a declaration`(lines: [String], isNeeded: Bool) {
        #expect(Self.needsDocumentation(lines, at: 0) == isNeeded)
    }

    @Test func `comments are wrapped at 120 columns`() throws {
        for folder in Self.wrappedFolders {
            for file in try Repository.swiftFiles(under: folder) {
                for line in Self.longComments(file.lines) { Issue.record("\(file.path):\(line)") }
            }
        }
    }

    @Test func `a long comment is found unless it is one word or text of a literal`() {
        let long = String(repeating: "word ", count: 30)
        let quotes = "\"\"\""
        #expect(Self.longComments(["/// " + long, "// " + long, "    // short", "f() // " + long]) == [1, 2])
        #expect(Self.longComments(["// https://" + String(repeating: "a", count: 120)]) == [])
        #expect(Self.longComments(["let text = " + quotes, "// " + long, quotes, "// " + long]) == [4])
    }

    @Test func `no source file is longer than 600 lines and half are no longer than 150`() throws {
        let files = try Self.sources.get()
        for file in files { #expect(file.lines.count <= 600, "\(file.path): \(file.lines.count) lines") }
        let sizes = files.map(\.lines.count).sorted()
        #expect(sizes[sizes.count / 2] <= 150)
        for file in try Self.tests.get() { #expect(file.lines.count <= 800, "\(file.path): \(file.lines.count) lines") }
    }

    @Test func `no function is longer than 70 lines`() throws {
        for file in try Self.sources.get() {
            for function in Self.functions(file.lines) {
                #expect(function.length <= 70, "\(file.path):\(function.line): \(function.length) lines")
            }
        }
    }

    @Test(arguments: [
        ("try!", "a forced try"), ("import Foundation\n", "all of Foundation"), ("String(format:", "all of Foundation"),
        ("Task.detached", "an unstructured task"), (" Task {", "an unstructured task"),
        ("= Task {", "an unstructured task"),
        ("fatalError(\"TODO", "a stub"), ("preconditionFailure(\"TODO", "a stub"), ("TODO", "work left undone"),
        ("FIXME", "work left undone"),
    ])
    func `the sources do not contain a forbidden text`(text: String, meaning: String) throws {
        for file in try Self.sources.get() where file.module != "Simulation" {
            for (index, line) in file.lines.enumerated() where !Self.isComment(line) {
                #expect(!(line + "\n").contains(text), "\(file.path):\(index + 1): \(meaning)")
            }
        }
    }

    @Test func `every unchecked Sendable is justified by a comment above it`() throws {
        for file in try Self.sources.get() {
            for (index, line) in file.lines.enumerated()
            where line.contains("@unchecked Sendable") && !Self.isComment(line) {
                #expect(Self.isComment(Self.lineAbove(index, file.lines)), "\(file.path):\(index + 1)")
            }
        }
    }

    /// Locks are generic: each look at a bare closure in one, through `withLock`, wraps it once more, for good, until
    /// the stack is too small for the call. In a struct it is left as it is.
    @Test func `no lock holds a bare closure`() throws {
        for file in try Self.sources.get() {
            for (index, line) in file.lines.enumerated() where !Self.isComment(line) {
                let holdsClosure = ["Mutex<", "Watched<"].contains { lock in
                    line.ranges(of: lock).contains { Self.isClosure(line[$0.upperBound...]) }
                }
                #expect(!holdsClosure, "\(file.path):\(index + 1): put the closure into a struct")
            }
        }
        #expect(Self.isClosure("@Sendable () -> Int>({ 1 })"))
        #expect(Self.isClosure("(@Sendable (Int) -> Void)?>(nil)"))
        #expect(Self.isClosure("(Int) -> Void>(f)") && Self.isClosure("(Int, run: ([Int]) -> Void)>(f)"))
        #expect(!Self.isClosure("[@Sendable () -> Void]>([])") && !Self.isClosure("State> = f() -> g"))
    }

    /// Whether a generic argument is a function type, an optional one or a tuple with one: an arrow in no brackets but
    /// round ones.
    static func isClosure(_ argument: Substring) -> Bool {
        var depth = 0
        var previous: Character = " "
        for character in argument {
            switch character {
            case ">" where previous == "-": if depth == 0 { return true }
            case "[", "<": depth += 1
            case "]", ">": depth -= 1
            default: break
            }
            if depth < 0 { return false }
            previous = character
        }
        return false
    }

    @Test func `a long function is found`() {
        let long = ["    func f() {"] + Array(repeating: "        g()", count: 70) + ["    }"]
        #expect(Self.functions(long).map(\.length) == [72])
        #expect(Self.functions(["    func f() {", "        g()", "    }"]).map(\.length) == [3])
    }

    static func isComment(_ line: String) -> Bool {
        line.drop { $0 == " " }.hasPrefix("//")
    }

    /// Types need documentation; so do functions, initializers, subscripts and properties with a body of several lines.
    static func needsDocumentation(_ lines: [String], at index: Int) -> Bool {
        let words = Set(lines[index].split { !$0.isLetter })
        guard let first = lines[index].split(separator: " ").first, first == "package" || first == "public",
            words.isDisjoint(with: ["import", "extension"])
        else { return false }
        if !words.isDisjoint(with: ["func", "init", "subscript", "var"]) {
            let indentation = String(lines[index].prefix { $0 == " " })
            // A signature goes on in lines that are indented further or begin with its end.
            let after = lines[(index + 1)...].firstIndex { line in
                !["    ", ")", "{", "where"].contains { line.hasPrefix(indentation + $0) }
            }
            let signature = lines[index..<(after ?? lines.endIndex)]
            guard let start = signature.firstIndex(where: { $0.hasSuffix("{") || $0.hasSuffix("}") }),
                lines[start].hasSuffix("{"),
                let end = lines[start...].firstIndex(where: { $0.hasPrefix(indentation + "}") })
            else { return false }
            return end - start > 2
        }
        return !words.isDisjoint(with: ["struct", "class", "enum", "actor", "protocol", "typealias"])
    }

    /// The numbers of comment lines longer than 120 columns; a single long word cannot be wrapped.
    static func longComments(_ lines: [String]) -> [Int] {
        var isInLiteral = false
        var found: [Int] = []
        for (index, line) in lines.enumerated() {
            if !isInLiteral, isComment(line), line.count > 120, line.split(separator: " ").count > 2 {
                found.append(index + 1)
            }
            if line.ranges(of: "\"\"\"").count % 2 == 1 { isInLiteral.toggle() }
        }
        return found
    }

    static func hasDocumentation(_ lines: [String], before index: Int) -> Bool {
        lineAbove(index, lines).drop { $0 == " " }.hasPrefix("///")
    }

    /// The line above a declaration and its attributes.
    static func lineAbove(_ index: Int, _ lines: [String]) -> String {
        lines[..<index].last { !$0.drop { $0 == " " }.hasPrefix("@") } ?? ""
    }

    /// Functions and initialisers by indentation: the formatter puts the closing brace under the first word.
    static func functions(_ lines: [String]) -> [(line: Int, length: Int)] {
        var found: [(line: Int, length: Int)] = []
        for (index, line) in lines.enumerated() {
            let words = line.split(separator: " ")
            let isFunction = words.contains("func") || line.contains(" init(") || line.contains(" init?(")
            guard isFunction, !isComment(line) else { continue }
            let indentation = String(line.prefix { $0 == " " })
            let end = lines[index...].firstIndex { $0 == indentation + "}" }
            let next = lines[(index + 1)...].firstIndex { $0.hasPrefix(indentation) && $0.contains(" func ") } ?? .max
            if let end, end < next { found.append((index + 1, end - index + 1)) }
        }
        return found
    }
}
