import JSON

/// What the state says of annotations, files and ClusterChecks that cannot be used.
struct ProblemLines {
    private let problems: [JSONValue]
    /// How many there are; more than are listed, if they are very many.
    private let count: Int64

    init(_ state: JSONValue) {
        problems = state["problems"]?.arrayValue ?? []
        count = state["problem_count"]?.integerValue ?? Int64(problems.count)
    }

    /// A section of its own; nothing without a problem.
    var long: [String] {
        guard !problems.isEmpty else { return [] }
        let lines = problems.map { problem in
            func text(_ key: String) -> String { problem[key]?.stringValue ?? "" }
            let since = text("since").isEmpty ? "" : " (since \(text("since")))"
            let rest = isKept(problem) ? "; what was valid last stays in use" : ""
            return "\(text("severity")): \(text("object")): \(text("reason"))\(rest)\(since)"
        }
        let left = count - Int64(problems.count)
        return ["", "=== Wrong configurations ==="] + lines + (left > 0 ? ["\(left) more"] : [])
    }

    /// One line; nothing without a problem.
    var short: [String] {
        guard !problems.isEmpty else { return [] }
        let errors = problems.filter { $0["severity"]?.stringValue == "error" }
        let kept = errors.count(where: isKept)
        return [
            "Wrong configurations: \(count) (errors: \(errors.count); of them, what was valid last stays in use: \(kept))"
        ]
    }

    private func isKept(_ problem: JSONValue) -> Bool { problem["keeps_last"]?.boolValue == true }
}
