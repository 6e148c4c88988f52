import Testing

@Suite struct StyleTests {
    static let sources = Result { try Repository.swiftFiles(under: "Sources") }
    static let tests = Result { try Repository.swiftFiles(under: "Tests") }

    @Test func everyPackageAndPublicDeclarationIsDocumented() throws {
        for file in try Self.sources.get() {
            for (index, line) in file.lines.enumerated() where Self.isExposedDeclaration(line) {
                #expect(Self.hasDocumentation(file.lines, before: index), "\(file.path):\(index + 1): \(line)")
            }
        }
    }

    @Test func noSourceFileIsLongerThan600LinesAndHalfAreNoLongerThan150() throws {
        let files = try Self.sources.get()
        for file in files { #expect(file.lines.count <= 600, "\(file.path): \(file.lines.count) lines") }
        let sizes = files.map(\.lines.count).sorted()
        #expect(sizes[sizes.count / 2] <= 150)
        for file in try Self.tests.get() { #expect(file.lines.count <= 800, "\(file.path): \(file.lines.count) lines") }
    }

    @Test func noFunctionIsLongerThan70Lines() throws {
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
    func theSourcesContainNo(text: String, meaning: String) throws {
        for file in try Self.sources.get() where file.module != "Simulation" {
            for (index, line) in file.lines.enumerated() where !Self.isComment(line) {
                #expect(!(line + "\n").contains(text), "\(file.path):\(index + 1): \(meaning)")
            }
        }
    }

    @Test func everyUncheckedSendableIsProvedByACommentAboveIt() throws {
        for file in try Self.sources.get() {
            for (index, line) in file.lines.enumerated()
            where line.contains("@unchecked Sendable") && !Self.isComment(line) {
                #expect(Self.isComment(Self.lineAbove(index, file.lines)), "\(file.path):\(index + 1)")
            }
        }
    }

    /// Locks are generic: each look at a bare closure in one, through `withLock`, wraps it once more, for good, until the stack is too small for the
    /// call. In a struct it is left as it is.
    @Test func noLockHoldsABareClosure() throws {
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

    /// Whether a generic argument is a function type, an optional one or a tuple with one: an arrow in no brackets but round ones.
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

    @Test func aLongFunctionIsFound() {
        let long = ["    func f() {"] + Array(repeating: "        g()", count: 70) + ["    }"]
        #expect(Self.functions(long).map(\.length) == [72])
        #expect(Self.functions(["    func f() {", "        g()", "    }"]).map(\.length) == [3])
    }

    static func isComment(_ line: String) -> Bool {
        line.drop { $0 == " " }.hasPrefix("//")
    }

    static func isExposedDeclaration(_ line: String) -> Bool {
        let words = line.split(separator: " ")
        guard let first = words.first, first == "package" || first == "public" else { return false }
        return !words.contains("import") && !words.contains("extension")
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
