import HTTPServer
import JSON
import Platform

/// A call that waits for another overview: `GET …/overview?after=VERSION&wait=SECONDS`.
struct OverviewPoll: Sendable {
    /// The version that the caller has.
    let version: String
    /// How long it may wait.
    let wait: Duration

    /// The most seconds that a call may wait.
    private static let longest = 20

    /// Reads the query; nil without one, for a call that is answered at once.
    ///
    /// - Throws: `invalidQuery`.
    init?(_ request: HTTPRequest) throws(APIError) {
        guard let query = request.query, !query.isEmpty else { return nil }
        var fields: [Substring: String] = [:]
        for field in query.split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, ["after", "wait"].contains(parts[0]), fields[parts[0]] == nil,
                let value = try? percentDecoded(parts[1].utf8)
            else { throw .invalidQuery(reason: "it takes after=VERSION and wait=SECONDS, once each") }
            fields[parts[0]] = value
        }
        guard let version = fields["after"], let seconds = fields["wait"].flatMap({ Int($0) }),
            (0...Self.longest).contains(seconds)
        else { throw .invalidQuery(reason: "it takes after=VERSION with wait=SECONDS, \(Self.longest) at most") }
        (self.version, wait) = (version, .seconds(seconds))
    }
}
