import HTTPServer
import Platform

/// Whose requests are answered: the tokens that open the routes, and what they open.
struct Admission: Sendable {
    /// What becomes of a request, by its credentials.
    enum Verdict: Sendable {
        /// It is answered: to this agent, if its credentials are its own.
        case admitted(AgentIdentity?)
        /// It is refused.
        case refused(HTTPResponse)
        /// It presents what may be the token of an agent's own ServiceAccount.
        case unidentified(token: String)
    }

    private static let realm = "cluster-agent"

    /// The agents' token.
    let agents: BearerTokens
    /// The operator's; nil if nobody may make an operator's call.
    let operators: BearerTokens?
    /// The replicas'; nil if no store is mirrored.
    let replicas: ReplicaTokens?
    /// Whether agents may present the token of their own ServiceAccount.
    let reviewsTokens: Bool

    /// Looks at the credentials of a request.
    func verdict(
        on request: HTTPRequest, for authority: Route.Authority, _ now: Instant, _ wallTime: @autoclosure () -> WallTime
    ) -> Verdict {
        guard authority == .agents else {
            return refusal(of: request, authority, now).map { .refused($0) } ?? .admitted(nil)
        }
        // A certificate says more than a token that is shared, so it decides alone.
        if let certificate = request.clientCertificate {
            guard certificate.expiry > wallTime() else { return .refused(APIError.certificateExpired.response) }
            let node = Self.node(certificate.name)
            guard !node.isEmpty else { return .refused(APIError.certificateOfNoNode.response) }
            request.noteAuthenticated()
            return .admitted(AgentIdentity(node: node))
        }
        guard var refusal = agents.refusal(of: request, realm: Self.realm, now: now) else { return .admitted(nil) }
        if let operators {
            guard let other = operators.refusal(of: request, realm: Self.realm, now: now) else { return .admitted(nil) }
            refusal = other
        }
        if isReplica(request, now) {
            guard let value = request.headers[AgentIdentity.header] else { return .admitted(nil) }
            return AgentIdentity(headerValue: value).map { .admitted($0) }
                ?? .refused(APIError.malformedIdentity.response)
        }
        guard reviewsTokens, let token = BearerTokens.presented(by: request),
            token.utf8.count(where: { $0 == UInt8(ascii: ".") }) == 2
        else { return .refused(refusal) }
        return .unidentified(token: token)
    }

    /// The node that a certificate is of: its name, or what follows `system:node:`, as kubelets' certificates have it.
    private static func node(_ name: String) -> String {
        let prefix = "system:node:"
        return ExactText(name).hasPrefix(prefix)
            ? String(decoding: name.utf8.dropFirst(prefix.utf8.count), as: UTF8.self) : name
    }

    /// The request as it is forwarded for an agent whose identity is verified: the leader takes our word for it, and
    /// never sees the token. Unchanged if replicas share no secret: then the leader asks about the token itself.
    func vouched(_ request: HTTPRequest, for identity: AgentIdentity) -> HTTPRequest {
        guard let secret = replicas?.presented(), !secret.isEmpty else { return request }
        let replaced = ["authorization", AgentIdentity.header.lowercased()]
        var vouched = request
        vouched.headers = HTTPHeaders(
            request.headers.fields.filter { !replaced.contains($0.name.lowercased()) }
                + [("Authorization", "Bearer \(secret)"), (AgentIdentity.header, identity.headerValue)])
        return vouched
    }

    private func isReplica(_ request: HTTPRequest, _ now: Instant) -> Bool {
        replicas?.accepted.refusal(of: request, realm: Self.realm, now: now) == nil && replicas != nil
    }

    private func refusal(of request: HTTPRequest, _ authority: Route.Authority, _ now: Instant) -> HTTPResponse? {
        lazy var agents = agents.refusal(of: request, realm: Self.realm, now: now)
        switch (authority, operators) {
        case (.agents, _):
            return agents
        case (.operators, nil):
            return agents?.status == 401 ? agents : APIError.noOperators.response
        case (.operators, let operators?):
            let refusal = operators.refusal(of: request, realm: Self.realm, now: now)
            return refusal != nil && agents == nil ? APIError.operatorsOnly.response : refusal
        case (.readers, _):
            return isReplica(request, now) ? nil : self.refusal(of: request, .operators, now)
        case (.replicas, _):
            guard let replicas else { return APIError.noReplicas.response }
            return replicas.accepted.refusal(of: request, realm: Self.realm, now: now)
        }
    }
}
