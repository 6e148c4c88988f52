import HTTPServer
package import Leadership
package import Platform

/// A call to be sent on to the leader.
package struct Forward: Sendable {
    /// Where to.
    package let leader: LeaderEndpoint
    /// The method's name.
    package let method: String
    /// The path, and the query if there is one, as they came.
    package let target: String
    /// The header fields to send; no others of the request's go along, least of all those that are about its connection.
    package let headers: [(name: String, value: String)]
    /// The body; nil for a GET.
    package let body: [UInt8]?
    /// Whether it is an operator's call that does something, and not a question.
    let isOperation: Bool
    /// When this was decided. The leader's word on how long its answer is good counts from here.
    let sentAt: Instant
    /// When it fails.
    package let deadline: Instant

    /// What a call that was sent on carries.
    static let forwardedHeader = "X-DCA-Follower-Forwarded"
    /// What the answer to one carries.
    static let answeredHeader = "X-DCA-Forwarded"
    /// For how many milliseconds an answer to one may be passed on.
    static let validForHeader = "X-Cluster-Agent-Term-Valid-For"

    private static let passedRequestHeaders = ["Authorization", "Content-Type", "User-Agent", "X-Real-Ip"]
    private static let passedResponseHeaders = [
        "content-type", "x-cluster-agent-term", "x-content-type-options", "allow", "www-authenticate",
    ]

    /// The call of a replica itself: nobody's headers go along.
    init(
        to leader: LeaderEndpoint, _ method: String, _ target: String, token: String, body: [UInt8]? = nil,
        now: Instant, timeout: Duration
    ) {
        self.leader = leader
        self.method = method
        self.target = target
        headers = [("Authorization", "Bearer \(token)"), (Self.forwardedHeader, "true")]
        self.body = body
        isOperation = false
        sentAt = now
        deadline = now + timeout
    }

    init(
        _ request: HTTPRequest, to leader: LeaderEndpoint, now: Instant, timeout: Duration, isOperation: Bool = false
    ) {
        self.leader = leader
        method = request.method == .post ? "POST" : "GET"
        target = request.path + (request.query.map { "?\($0)" } ?? "")
        var headers: [(name: String, value: String)] = []
        for name in Self.passedRequestHeaders {
            if let value = request.headers[name] { headers.append((name, value)) }
        }
        headers.append((Self.forwardedHeader, "true"))
        headers.append(("X-Forwarded-For", request.peer.host))
        self.headers = headers
        body = request.method == .post ? request.body : nil
        self.isOperation = isOperation
        sentAt = now
        deadline = now + timeout
    }

    /// Whether a request came through a follower.
    static func isForwarded(_ request: HTTPRequest) -> Bool {
        request.headers[forwardedHeader] != nil
    }

    /// The header fields of a leader's answer that the caller gets, and a mark that it was forwarded.
    static func passedOn(_ headers: [(name: String, value: String)]) -> [(name: String, value: String)] {
        headers.filter { passedResponseHeaders.contains($0.name.lowercased()) } + [(answeredHeader, "true")]
    }

    /// For how long a leader's answer may be passed on; nil if the answer does not say, and so is not that of a leader.
    static func lifetime(_ headers: [(name: String, value: String)]) -> Duration? {
        let value = HTTPHeaders(headers)[validForHeader].flatMap { Int64($0) }
        guard let milliseconds = value, milliseconds >= 0 else { return nil }
        return .milliseconds(milliseconds)
    }
}

/// What became of a forwarded call.
package enum ForwardResult: Sendable {
    /// The leader answered.
    case answered(status: Int, headers: [(name: String, value: String)], body: [UInt8])
    /// It did not: why.
    case failed(String)
}
