import Testing

/// The table of all metrics, made from the code.
@Suite struct MetricsTableTests {
    private struct Metric {
        let name: String
        let type: String
        let help: String
        /// The programs that have it.
        let program: String
    }

    /// A family with its name, its kind and its help as literals: every one is written so.
    private static func metrics(in text: String, _ module: String) throws -> [Metric] {
        let call = try Regex(
            #"\.(family|histogram|gauge)\(\s*"([a-z_]+)",\s*(?:\.(gauge|counter),\s*)?help:\s*((?:"(?:[^"\\]|\\.)*"\s*\+?\s*)+)"#
        )
        let program =
            switch module {
            case "NodeAgent": "node-agent"
            case "Platform", "HTTPServer": "both"
            default: "cluster-agent"
            }
        return text.matches(of: call).map { match in
            func group(_ number: Int) -> String { match.output[number].substring.map(String.init) ?? "" }
            let parts = group(4).split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            let help = parts.filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }.joined()
            let type = group(1) == "family" ? group(3) : group(1)
            return Metric(name: group(2), type: type, help: help, program: program)
        }
    }

    private static func markdown(_ metrics: [Metric]) -> String {
        let rows = metrics.sorted { $0.name < $1.name }.map {
            "| `\($0.name)` | \($0.program) | \($0.type) | \($0.help) |"
        }
        return (["| metric | of | type | what it says |", "|---|---|---|---|"] + rows).joined(separator: "\n") + "\n"
    }

    @Test func `the table of the metrics is that of the code`() throws {
        var metrics: [Metric] = []
        for file in try Repository.swiftFiles(under: "Sources") where file.path != "Sources/Platform/Metrics.swift" {
            let text = file.lines.joined(separator: "\n")
            let found = try Self.metrics(in: text, file.module)
            let calls = try Regex(#"\b(?:writer|page)\.(?:family|histogram|gauge)\("#)
            #expect(found.count == text.matches(of: calls).count, "\(file): name, kind and help are to be literals")
            metrics += found
        }
        let doubled = Dictionary(grouping: metrics, by: \.name).filter { $0.value.count > 1 }.keys.sorted()
        #expect(doubled.isEmpty)
        let made = Self.markdown(metrics)
        let lines = try Repository.text(of: "Sources/METRICS.md").split(
            separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.drop { !$0.hasPrefix("| metric") }.joined(separator: "\n") == made, "the table is now:\n\(made)")
    }
}
