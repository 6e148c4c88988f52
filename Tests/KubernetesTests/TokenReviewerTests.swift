import HTTPServer
import JSON
import Platform
import Testing

@testable import Kubernetes

/// Whose token it is, as an API server says.
@Suite struct TokenReviewerTests {
    private static let user = "system:serviceaccount:agents:node-agent"

    /// A status as Kubernetes 1.20 answers for a token that is bound to a pod; before 1.30 it names no node.
    private static func good(
        audiences: String = #"["cluster-agent"]"#, user: String = user,
        extra: [String: String] = [
            "pod-name": "node-agent-x", "pod-uid": "1",
        ]
    ) -> String {
        let extra = extra.sorted { $0.key < $1.key }.map {
            #""authentication.kubernetes.io/\#($0.key)":["\#($0.value)"]"#
        }
        return
            #"{"authenticated":true,"audiences":\#(audiences),"user":{"username":"\#(user)","uid":"7","groups":["g"],"#
            + #""extra":{\#(extra.joined(separator: ","))}}}"#
    }

    private static func pod(uid: String = "1", node: String = "a") -> (Int, String) {
        (
            200,
            #"{"metadata":{"name":"node-agent-x","namespace":"agents","resourceVersion":"5","uid":"\#(uid)"},"spec":{"nodeName":"\#(node)"}}"#
        )
    }

    private static func review(
        _ status: String, pod: (Int, String) = pod(), code: Int = 201,
        _ check: (Result<TokenVerdict, KubernetesError>, ScriptedAPIServer) throws -> Void
    ) async throws {
        try await ScriptedAPIServer.with({ request, _ in
            let isReview = request.path.hasSuffix("tokenreviews")
            let text = isReview ? #"{"kind":"TokenReview","spec":{"token":"x"},"status":\#(status)}"# : pod.1
            return HTTPResponse(status: isReview ? code : pod.0, body: [Array(text.utf8)])
        }) { client, server, _ in
            let reviewer = TokenReviewer(client: client, accounts: ["agents/node-agent"])
            let result: Result<TokenVerdict, KubernetesError>
            do throws(KubernetesError) {
                result = .success(try await reviewer.review("a.token", deadline: soon()))
            } catch {
                result = .failure(error)
            }
            try check(result, server)
        }
    }

    @Test func `a bound token is its pod's, on the node of that pod`() async throws {
        try await Self.review(Self.good()) { result, server in
            #expect(result == .success(.pod(TokenPod(namespace: "agents", name: "node-agent-x", node: "a"))))
            #expect(
                server.lines == [
                    "post /apis/authentication.k8s.io/v1/tokenreviews",
                    "get /api/v1/namespaces/agents/pods/node-agent-x",
                ])
            let body = String(decoding: try #require(server.requests.first).body, as: UTF8.self)
            #expect(
                body == #"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","#
                    + #""spec":{"audiences":["cluster-agent"],"token":"a.token"}}"#)
        }
    }

    @Test func `a token that names its node needs no look at the pod`() async throws {
        let extra = ["pod-name": "node-agent-x", "pod-uid": "1", "node-name": "b"]
        try await Self.review(Self.good(extra: extra)) { result, server in
            #expect(result == .success(.pod(TokenPod(namespace: "agents", name: "node-agent-x", node: "b"))))
            #expect(server.requests.count == 1)
        }
    }

    @Test(arguments: [
        (#"{"error":"invalid bearer token"}"#, "invalid bearer token"),
        (#"{"authenticated":false}"#, "the API server does not know it"),
        ("{}", "the API server does not know it"),
        (good(audiences: "[]"), "audience"), (good(audiences: #"["cluster-agent "]"#), "audience"),
        (good(user: "system:serviceaccount:agents:default"), "is not the account of an agent"),
        (good(user: "system:serviceaccount:other:node-agent"), "is not the account of an agent"),
        (good(user: "system:node:a"), "is not the account of an agent"),
        (good(extra: [:]), "it is bound to no pod"), (good(extra: ["pod-name": "x"]), "it is bound to no pod"),
        (good(extra: ["pod-uid": "1", "node-name": "a"]), "it is bound to no pod"),
    ])
    func `another token is refused`(_ status: String, _ reason: String) async throws {
        try await Self.review(status) { result, _ in
            let verdict = try result.get()
            #expect("\(verdict)".hasPrefix("refused") && "\(verdict)".contains(reason))
        }
    }

    @Test(arguments: [
        ((404, #"{"kind":"Status","code":404}"#), "its pod is gone"), (pod(uid: "2"), "its pod has been replaced"),
        ((403, #"{"kind":"Status","code":403}"#), "the cluster-agent may not read pods in its namespace"),
        (pod(node: ""), "its pod is on no node"),
    ])
    func `a pod that is not there is refused`(_ pod: (Int, String), _ reason: String) async throws {
        try await Self.review(Self.good(), pod: pod) { result, _ in #expect(result == .success(.refused(reason))) }
    }

    private static func failed(_ result: Result<TokenVerdict, KubernetesError>) -> Bool {
        if case .failure = result { true } else { false }
    }

    @Test func `an error says nothing of the token`() async throws {
        try await Self.review("{}", code: 500) { result, _ in #expect(Self.failed(result)) }
        try await Self.review("{}", code: 403) { result, _ in #expect(Self.failed(result)) }
        try await Self.review("null") { result, _ in #expect(Self.failed(result)) }
        try await Self.review(Self.good(), pod: (503, "{}")) { result, _ in #expect(Self.failed(result)) }
    }
}
