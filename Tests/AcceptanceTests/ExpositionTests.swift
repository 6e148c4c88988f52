import CheckOptions
import JSON
import Platform
import TestKit
import TestSupport
import Testing

@testable import NodeAgent

/// The readers of metrics pages beside those of others: OpenMetrics' public test data, and a real Prometheus server.
@Suite(.timeLimit(.minutes(4))) struct ExpositionTests {
    /// Runs a script of `Tests/setup` and returns the path that it prints.
    private func setUp(_ script: String, in directory: TemporaryDirectory) async throws -> String {
        let log = "\(directory.path)/\(script).log"
        let process = try ChildProcess(
            "\(TestEnvironment.root)/Tests/setup/\(script)", [], environment: processEnvironment(), outputPath: log)
        guard try await process.wait(within: .seconds(200)) == .exited(0) else { throw TestFailure(process.output) }
        return String(process.output.split(separator: "\n").last ?? "")
    }

    private func publicPages(_ directory: TemporaryDirectory) async throws -> (valid: [String], invalid: [String]) {
        let path = try await setUp("openmetrics-pages", in: directory)
        let members = try #require(try JSONValue(parsing: try readFile(path, atMost: 1 << 22)).objectValue)
        guard case .array(let valid)? = members["valid"], case .array(let invalid)? = members["invalid"] else {
            throw TestFailure("no pages in \(path)")
        }
        return (valid.compactMap(\.stringValue), invalid.compactMap(\.stringValue))
    }

    @Test func `OpenMetrics' valid pages are read, and its invalid ones refused`() async throws {
        let pages = try await publicPages(TemporaryDirectory())
        #expect(pages.valid.count == 44 && pages.invalid.count == 167)
        for page in pages.valid {
            #expect(throws: Never.self, "\(page)") { try Exposition(Array(page.utf8), as: .openMetrics) }
        }
        for page in pages.invalid {
            #expect(throws: ExpositionError.self, "\(page)") { try Exposition(Array(page.utf8), as: .openMetrics) }
        }
    }

    @Test func `a page is read if the Prometheus server reads it, and only then`() async throws {
        let directory = try TemporaryDirectory()
        let prometheus = try await setUp("prometheus", in: directory)
        var pages = RandomExpositions(seed: 10).pages(700).map { (type: "text/plain; version=0.0.4", page: $0) }
        let texts = pages.count
        pages += try await publicPages(directory).valid.map { ("application/openmetrics-text; version=1.0.0", $0) }
        let list = pages.map { "[\"\($0.type)\",\"\($0.page.utf8.map { Self.hexadecimal($0) }.joined())\"]" }
        try directory.write("pages.json", "[\(list.joined(separator: ",\n"))]")
        let scrape = try ChildProcess(
            "/usr/bin/python3",
            [
                "\(TestEnvironment.root)/Tests/AcceptanceTests/clients/scrape.py", prometheus, directory.path,
                "\(try TestEnvironment.freePort())",
            ], outputPath: "\(directory.path)/scrape.log")
        #expect(try await scrape.wait(within: .seconds(120)) == .exited(0), "\(scrape.output)")
        guard
            case .array(let results) = try JSONValue(
                parsing: try readFile("\(directory.path)/scraped.json", atMost: 1 << 24))
        else { throw TestFailure("no results") }
        var up = 0
        for (index, result) in results.enumerated() {
            guard case .array(let parts) = result else { continue }
            let isText = index < texts
            let isUp = parts[0] == .string("up")
            up += isText && isUp ? 1 : 0
            let own = Result { () throws(ExpositionError) in
                try Exposition(Array(pages[index].page.utf8), as: isText ? .prometheus : .openMetrics)
            }
            let isRead = if case .success = own { true } else { false }
            #expect(isRead == isUp, "\(pages[index].page.debugDescription): \(own); Prometheus: \(parts[1])")
        }
        print("expositions: \(results.count) pages, of \(texts) in the text format \(up) are up")
        #expect(up > texts / 5 && up < texts * 4 / 5, "the pages are of both kinds")
        #expect(try Exposition(try readFile("\(directory.path)/own", atMost: 1 << 24)).samples > 300, "its own page")
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}

/// Pages of the text format, most of them nearly right. They have no quoted names, no blank before a name and no NUL
/// outside of quotes: Prometheus 3 reads these otherwise than the server of Debian 12.
private struct RandomExpositions {
    private let dice: SeededEntropy

    init(seed: UInt64) {
        dice = SeededEntropy(seed: seed)
    }

    func pages(_ count: Int) -> [String] {
        (0..<count).map { _ in
            let lines = (0...dice.next(below: 3)).map { _ in dice.next(below: 3) == 0 ? comment : sample }
            return lines.joined(separator: "\n") + pick(["\n", "\n", "", "\n\n", "\n \n"], ["\r\n", " \n#"])
        }
    }

    /// One of the usual, or, once in eight times, one of the unusual.
    private func pick(_ usual: [String], _ unusual: [String]) -> String {
        let choice = dice.next(below: 8) == 0 && !unusual.isEmpty ? unusual : usual
        return choice[dice.next(below: choice.count)]
    }

    private var name: String { pick(["a", "a_b", "x:y", "_", "a1"], ["1a", "a.b", "é", "a-b", "="]) }

    private var blank: String { pick([" ", " ", "\t", "  "], ["", "\u{A0}", "\u{B}"]) }

    private var sample: String {
        name + labels + blank + number + timestamp + pick([""], [" ", "\t", "\r", " x", "#", " # {} 1"])
    }

    private var labels: String {
        guard dice.next(below: 3) > 0 else { return "" }
        let parts = (0..<dice.next(below: 4)).map { "l\($0)" }.map { label in
            let space = pick(["", "", " "], ["\n"])
            let name = pick([label, label, "\(label)_x"], ["l0", "__name__", "1", "a:b", "é", ""])
            let value = pick(
                ["v", "", "ü", "\\\\", "\\\"", "\\n", "{}", "a,b", "#"],
                ["\\q", "\n", "\u{0}", "\\\n", "\\", "x\" y=\"z"])
            return space + name + space + pick(["="], ["", "==", ":"]) + space + pick(["\""], ["'", ""]) + value + "\""
        }
        return pick(["{", " {"], ["{ ", "{,", "[", "{{"])
            + parts.joined(separator: pick([",", ", ", " ,"], ["", " ", ",,"]))
            + pick(["}", ",}", " }"], ["", ",,}", "]", "}}"])
    }

    private var number: String {
        pick(
            [
                "1", "0", "-1.5", "+2", "1e3", ".5", "1.", "007", "NaN", "nan", "+Inf", "-inf", "Infinity", "1E-5",
                "1e-999",
            ],
            [
                "0x1", "0x1p3", "1_0", "1e999", "--1", "-NaN", "+nan", "e5", "1e", ".", "x", "", "infi", "nan(1)",
                "1,5", "0b1",
            ])
    }

    private var timestamp: String {
        dice.next(below: 3) > 0
            ? ""
            : blank
                + pick(
                    ["1", "0", "1395066363000"],
                    ["-1", "1.5", "+1", "1e3", "x", "9" + String(repeating: "9", count: 20)])
    }

    private var comment: String {
        pick(["#"], [" #", "##", "\t#"]) + pick([" ", " ", "\t"], ["", "  "])
            + pick(["HELP", "TYPE", "TYPE", "x"], ["help", "HELPS", "UNIT", "EOF", ""]) + pick([" "], ["", "\t", "  "])
            + name
            + pick([" "], ["", "\t", "  "])
            + pick(
                ["counter", "gauge", "histogram", "summary", "untyped"],
                ["", "Gauge", "info", "unknown", "gauge ", "x\\q\\", "\r"])
    }
}
