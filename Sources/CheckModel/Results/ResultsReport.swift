import JSON
package import Platform

/// What changed in an agent's results, as part of its status report (`results`). Datadog's agents never send it.
///
/// An agent numbers the changes of its results. The leader says with each answer up to which number it has them, and
/// the agent sends those after it: so nothing is sent twice, nothing is lost, and a new leader gets everything.
package struct ResultsReport: Hashable, Sendable {
    /// Tells the agent's process apart from those before it: a 63-bit random number.
    package let session: Int64
    /// The number after which these changes are; 0: what is not among them is forgotten.
    package let from: Int64
    /// Up to which number the leader has the results after these.
    package let to: Int64
    /// The results that changed.
    package let results: [CheckResult]
    /// The check IDs of instances that the agent no longer runs.
    package let gone: [ExactText]

    /// How often an agent says, without any change, that nothing has changed.
    package static let period = Duration.seconds(30)
    /// The most changes in one report.
    package static let most = 1_000
    /// How many bytes of them are sent, so that the body stays below the server's limit of 1 MiB.
    package static let mostBytes = 600_000

    /// A report.
    package init(session: Int64, from: Int64, to: Int64, results: [CheckResult], gone: [ExactText] = []) {
        self.session = session
        self.from = from
        self.to = to
        self.results = results
        self.gone = gone
    }

    /// The report on the wire.
    var json: JSONValue {
        .object([
            "session": .integer(session), "from": .integer(from), "to": .integer(to),
            "checks": .array(results.map(\.json)), "gone": .array(gone.map { .string($0.text) }),
        ])
    }

    /// Reads what `json` made.
    ///
    /// - Returns: nil, and why, for anything else.
    static func reading(_ json: JSONValue) -> Result<ResultsReport, Malformed> {
        func number(_ key: String) -> Int64? { json[key]?.integerValue.flatMap { $0 >= 0 ? $0 : nil } }
        guard let session = number("session"), let from = number("from"), let to = number("to"), to >= from else {
            return .failure(Malformed(reason: "results has no session, or no versions in order"))
        }
        guard let all = json["checks"]?.arrayValue, let gone = json["gone"]?.arrayValue,
            all.count <= most, gone.count <= most
        else { return .failure(Malformed(reason: "results has no lists of at most \(most) checks")) }
        // One that cannot be kept must not take away the others.
        let checks = all.filter { $0["id"]?.stringValue?.utf8.count ?? 0 <= CheckResult.longestID }
        let (results, ids) = (checks.compactMap { CheckResult($0) }, gone.compactMap(\.stringValue))
        guard results.count == checks.count, ids.count == gone.count else {
            return .failure(Malformed(reason: "results has a check that is none"))
        }
        return .success(
            ResultsReport(session: session, from: from, to: to, results: results, gone: ids.map { ExactText($0) }))
    }

    /// Why something is no report.
    struct Malformed: Error {
        let reason: String
    }
}
