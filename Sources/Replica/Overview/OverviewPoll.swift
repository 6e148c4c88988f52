import HTTPServer
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
        let fields = try request.queryParameters()
        guard let version = fields["after"], let seconds = fields["wait"].flatMap({ Int($0) }),
            (0...Self.longest).contains(seconds), fields.count == 2
        else { throw .invalidQuery(reason: "it takes after=VERSION with wait=SECONDS, \(Self.longest) at most") }
        (self.version, wait) = (version, .seconds(seconds))
    }
}
