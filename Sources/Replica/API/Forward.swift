import HTTPServer
package import Leadership
package import Platform

/// A call to forward to the leader.
package struct Forward: Sendable {
    /// Where to.
    package let leader: LeaderEndpoint
    /// The method's name.
    package let method: String
    /// The path, and the query if there is one, unchanged.
    package let target: String
    /// The header fields to send. No others of the request are forwarded, least of all those about its connection.
    package let headers: [(name: String, value: String)]
    /// The body; nil for a GET.
    package let body: [UInt8]?
    /// Whether the leader is to take our word for whose call it is.
    let isVouched: Bool
    /// Whether it is an operator's call that changes something.
    let isOperation: Bool
    /// When the call was sent. The time for which the answer may be passed on counts from here.
    let sentAt: Instant
    /// When it counts as failed.
    package let deadline: Instant

    /// How long the leader gets to answer a call that it may hold, beyond the time for which it was asked to.
    static let answerTime = Duration.seconds(2)

    /// Marks a forwarded call.
    static let forwardedHeader = "X-DCA-Follower-Forwarded"
    /// Marks the answer to a forwarded call.
    static let answeredHeader = "X-DCA-Forwarded"
    /// For how many milliseconds a follower may pass the answer on.
    static let validForHeader = "X-Cluster-Agent-Term-Valid-For"

    private static let passedRequestHeaders = [
        "Authorization", "Content-Type", "User-Agent", "X-Real-Ip", ScrapeFetch.intervalHeader, AgentIdentity.header,
    ]
    private static let passedResponseHeaders = [
        "content-type", "x-cluster-agent-term", "x-content-type-options", "allow", "www-authenticate",
    ]

    /// A call of this replica's own.
    init(
        to leader: LeaderEndpoint, _ method: String, _ target: String, token: String, body: [UInt8]? = nil,
        now: Instant, timeout: Duration
    ) {
        self.leader = leader
        self.method = method
        self.target = target
        headers = [("Authorization", "Bearer \(token)"), (Self.forwardedHeader, "true")]
        self.body = body
        (isVouched, isOperation) = (false, false)
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
        isVouched = request.headers[AgentIdentity.header] != nil
        self.isOperation = isOperation
        sentAt = now
        deadline = now + timeout
    }

    /// Whether a follower forwarded the request.
    static func isForwarded(_ request: HTTPRequest) -> Bool {
        request.headers[forwardedHeader] != nil
    }

    /// The header fields of a leader's answer that the caller gets, and the mark that it was forwarded.
    static func passedOn(_ headers: [(name: String, value: String)]) -> [(name: String, value: String)] {
        headers.filter { passedResponseHeaders.contains($0.name.lowercased()) } + [(answeredHeader, "true")]
    }

    /// For how long a leader's answer may be passed on; nil if it does not say, and so is not a leader's.
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
    /// It did not, for this reason.
    case failed(String)
}
