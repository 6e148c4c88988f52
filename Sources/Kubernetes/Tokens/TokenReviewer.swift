import JSON
package import Platform

/// The pod that a token is bound to, as the API server says.
package struct TokenPod: Hashable, Sendable {
    /// The pod's namespace.
    @ExactText package private(set) var namespace: String
    /// Its name.
    @ExactText package private(set) var name: String
    /// The Kubernetes node that it runs on.
    @ExactText package private(set) var node: String

    /// A pod.
    package init(namespace: String, name: String, node: String) {
        self.namespace = namespace
        self.name = name
        self.node = node
    }
}

/// What the API server says of a token.
package enum TokenVerdict: Hashable, Sendable {
    /// It is genuine, made for us, of an account that may be an agent's, and bound to this pod.
    case pod(TokenPod)
    /// It is not: why.
    case refused(String)
}

/// Says whose token it is that an agent presents.
package protocol TokenReviewing: Sendable {
    /// Why a token need not be asked about; nil if it must be.
    ///
    /// - Parameter now: the time, by which it may have ended.
    func evidentProblem(of token: ServiceAccountToken, now: WallTime) -> String?

    /// Asks about a token. Returns by the deadline, and does not retry.
    ///
    /// - Throws: `KubernetesError`; then nothing is known of it.
    func review(_ token: String, deadline: Instant) async throws(KubernetesError) -> TokenVerdict
}

/// Asks the API server with a TokenReview (`authentication.k8s.io/v1`), and before Kubernetes 1.30, whose tokens do not
/// name their node, for the pod.
package struct TokenReviewer: TokenReviewing {
    /// The audience of the agents' tokens. A token that was made for the API server or for another program is refused,
    /// so that none of theirs opens anything here, and none of ours opens anything there.
    package static let audience = "cluster-agent"

    private let client: KubernetesClient
    private let users: [String]

    /// - Parameter accounts: the agents' accounts, as `NAMESPACE/NAME`. Any pod may have a token for our audience, so
    ///   the account decides.
    package init(client: KubernetesClient, accounts: [String]) {
        self.client = client
        users = accounts.map { account in
            "system:serviceaccount:" + account.split(separator: "/", maxSplits: 1).joined(separator: ":")
        }
    }

    /// Compares what the token says of itself.
    package func evidentProblem(of token: ServiceAccountToken, now: WallTime) -> String? {
        guard token.audiences.contains(where: { $0.hasSameBytes(as: Self.audience) }) else {
            return "it is not for the audience \(Self.audience)"
        }
        if let expiry = token.expiry, expiry <= now { return "it has expired" }
        return problem(ofUser: token.user)
    }

    /// Asks the API server.
    package func review(_ token: String, deadline: Instant) async throws(KubernetesError) -> TokenVerdict {
        let spec: [ExactText: JSONValue] = ["token": .string(token), "audiences": .array([.string(Self.audience)])]
        let review = JSONValue.object([
            "apiVersion": .string("authentication.k8s.io/v1"), "kind": .string("TokenReview"), "spec": .object(spec),
        ])
        let answer = try await client.request(
            "POST", "/apis/authentication.k8s.io/v1/tokenreviews", body: review.encoded(), as: Answer.self,
            deadline: deadline)
        guard answer.isAuthenticated else {
            return .refused(answer.error.isEmpty ? "the API server does not know it" : cut(answer.error, to: 300))
        }
        // A server that knows no audiences returns none, and has compared none.
        guard answer.audiences.contains(where: { $0.hasSameBytes(as: Self.audience) }) else {
            return .refused("the API server does not say that it is for the audience \(Self.audience)")
        }
        if let problem = problem(ofUser: answer.user) { return .refused(problem) }
        let parts = answer.user.split(separator: ":", omittingEmptySubsequences: false)
        guard let namespace = parts.dropFirst(2).first, let pod = answer.pod, let uid = answer.podUID else {
            return .refused("it is bound to no pod")
        }
        if let node = answer.node { return .pod(TokenPod(namespace: String(namespace), name: pod, node: node)) }
        return try await placed(TokenPod(namespace: String(namespace), name: pod, node: ""), uid, deadline)
    }

    private func problem(ofUser user: String) -> String? {
        users.contains { $0.hasSameBytes(as: user) } ? nil : "\(cut(user, to: 200)) is not the account of an agent"
    }

    private func placed(
        _ pod: TokenPod, _ uid: String, _ deadline: Instant
    ) async throws(KubernetesError) -> TokenVerdict {
        let found: Pod
        do throws(KubernetesError) {
            found = try await client.request(
                "GET", "/api/v1/namespaces/\(pod.namespace)/pods/\(pod.name)", as: Pod.self, deadline: deadline)
        } catch {
            guard case .status(let status) = error else { throw error }
            switch status.code {
            case 404: return .refused("its pod is gone")
            // Of the accounts of one namespace alone.
            case 403: return .refused("the cluster-agent may not read pods in its namespace")
            default: throw error
            }
        }
        guard found.metadata.uid.hasSameBytes(as: uid) else { return .refused("its pod has been replaced") }
        guard !found.nodeName.isEmpty else { return .refused("its pod is on no node") }
        return .pod(TokenPod(namespace: pod.namespace, name: pod.name, node: found.nodeName))
    }

    /// The status of a TokenReview, which answers 201 for a bad token, too.
    private struct Answer: JSONReadable {
        private static let prefix = "authentication.kubernetes.io/"

        var isAuthenticated = false
        var audiences: [String] = []
        var user = ""
        var error = ""
        var pod: String?
        var podUID: String?
        var node: String?

        init(from json: inout JSONReader) throws(JSONError) {
            var hasStatus = false
            try json.enterObject()
            while let key = try json.nextKey() {
                guard key == "status" else { continue }
                hasStatus = true
                try json.enterObject()
                while let key = try json.nextKey() {
                    switch key {
                    case "authenticated": isAuthenticated = try json.bool()
                    case "audiences": audiences = try json.strings()
                    case "error": error = try json.string()
                    case "user": try readUser(&json)
                    default: break
                    }
                }
            }
            guard hasStatus else { throw json.failure("has no status") }
        }

        private mutating func readUser(_ json: inout JSONReader) throws(JSONError) {
            try json.enterObject()
            while let key = try json.nextKey() {
                switch key {
                case "username": user = try json.string()
                case "extra":
                    try json.enterObject()
                    while let key = try json.nextKey() {
                        guard key.hasPrefix(Self.prefix) else { continue }
                        let value = try json.strings().first { !$0.isEmpty }
                        switch key.dropFirst(Self.prefix.count) {
                        case "pod-name": pod = value
                        case "pod-uid": podUID = value
                        case "node-name": node = value
                        default: break
                        }
                    }
                default: break
                }
            }
        }
    }
}
