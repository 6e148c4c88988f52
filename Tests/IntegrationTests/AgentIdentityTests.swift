import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// Agents that present the tokens of their own pods, which a real API server makes and reviews, at two real replicas.
@Suite(.timeLimit(.minutes(5))) struct AgentIdentityTests {
    private let clock = SystemClock()

    @Test func `a pod's token opens the configs of its node, at every replica, and no others`() async throws {
        let plane = try await ControlPlane.start()
        try await plane.apply(annotatedServices: 0..<6)
        let secret = try plane.directory.write("replicas", "fedcba9876543210fedcba9876543210", mode: 0o600)
        let replicas = try ["one", "two"].map { name in
            let port = try TestEnvironment.freePort()
            return try RunningClusterAgent(
                name, in: plane.directory, port: port,
                [
                    "--kubeconfig=\(plane.agentKubeconfig)", "--leader_election=true",
                    "--kube_resources_namespace=cluster-agent", "--leader_lease_duration=6s",
                    "--leader_renew_deadline=4s", "--leader_retry_period=800ms",
                    "--cluster_agent.advertise_address=127.0.0.1:\(port)", "--cluster_checks.warmup_duration=2",
                    "--cluster_agent.agent_auth=service_account", "--cluster_agent.replica_token_file=\(secret)",
                ], environment: ["POD_NAME": name])
        }
        for replica in replicas { await (try await replica.client()).shutdown() }
        var tokens: [String: String] = [:]
        for node in ["a", "b"] { tokens[node] = try await plane.token(ofPod: "agent-\(node)", on: node) }
        let (a, b) = (try #require(tokens["a"]), try #require(tokens["b"]))
        let agents = try [("a", a), ("b", b)].map { node, token in
            try replicas[node == "a" ? 0 : 1].startNodeAgent(
                node,
                [
                    "--cluster_agent.service_account_token_file=\(try plane.directory.write("\(node).jwt", token))",
                    "--metrics_port=0", "--listen_host=127.0.0.1",
                ])
        }
        for (number, replica) in replicas.enumerated() {
            for (node, token) in [("a", a), ("b", b)] {
                try await eventually(within: .seconds(60), "configs of \(node); \(replica.process.output.suffix(3000))")
                {
                    let answer = try await ask(replica, "clusterchecks/configs/\(node)", token)
                    return answer.status == 200 && answer.text.contains("http")
                }
            }
            #expect(try await ask(replica, "clusterchecks/configs/agent-a", a).status == 404, "it may, as its pod")
            #expect(try await ask(replica, "endpointschecks/configs/a", a).status == 200)
            for path in ["clusterchecks/configs/b", "endpointschecks/configs/b", "targets/b"] {
                let refused = try await ask(replica, path, a)
                #expect(
                    refused.status == 403 && refused.text.contains("pod cluster-agent/agent-a on node a"), "\(refused)")
            }
            let line = replica.process.output.split(separator: "\n").last { $0.contains("another agent's configs") }
            print("the audit line of replica \(number): \(line ?? "none")")
            #expect(line?.contains("pod cluster-agent/agent-a on node a") == true)
            // The shared token, a token for another audience, one of another account, one that belongs to no pod.
            var strange = [RunningClusterAgent.token, try await plane.token(ofPod: "agent-a", audience: nil)]
            strange.append(try await plane.token(ofPod: "stranger-\(number)", on: "a", account: "default"))
            strange.append(try await plane.token(ofPod: nil))
            strange.append(String(a.dropLast(4)) + "AAAA")
            for token in strange {
                let refused = try await ask(replica, "clusterchecks/configs/a", token)
                #expect(refused.status == 403, "\(refused)")
            }
        }
        // Without an API server those that are known are known on; of others nothing can be said.
        let late = try await plane.token(ofPod: "agent-late", on: "c")
        _ = try await plane.stopAPIServer()
        let known = try await ask(replicas[0], "clusterchecks/configs/b", a)
        #expect(known.status == 403 && known.text.contains("on node a"))
        let unknown = try await ask(replicas[0], "clusterchecks/configs/c", late)
        #expect(unknown.status == 503 && unknown.text.contains("cannot be known now"), "\(unknown)")
        try await plane.startAPIServer()
        try await eventually(within: .seconds(60), "an answer to the late agent") {
            try await ask(replicas[0], "clusterchecks/configs/c", late).status == 404
        }
        for agent in agents { agent.signal(SIGTERM) }
        for agent in agents { #expect(try await agent.wait(within: .seconds(30)) == .exited(0)) }
        try await plane.stop()
    }

    private func ask(
        _ replica: RunningClusterAgent, _ path: String, _ token: String
    ) async throws -> (status: Int, text: String) {
        let client = try HTTPClient(
            options: HTTPClientOptions(trust: TLSTrust(verifies: false), bearerToken: { token }), clock: clock)
        let answer = try? await client.send(
            ClientRequest(url: "\(replica.url)/api/v1/\(path)"), deadline: clock.now() + .seconds(10))
        await client.shutdown()
        return (answer?.status ?? 0, String(decoding: answer?.body ?? [], as: UTF8.self))
    }
}

extension ControlPlane {
    /// A token of a ServiceAccount, bound to the pod, which is made if `node` is given.
    ///
    /// - Parameter audience: for whom; nil for the API server.
    fileprivate func token(
        ofPod pod: String?, on node: String? = nil, account: String = "node-agent", audience: String? = "cluster-agent"
    ) async throws -> String {
        if account == "default" {
            _ = try? await kubectl("-n", "cluster-agent", "create", "serviceaccount", account)
        }
        if let pod, let node {
            let manifest = try directory.write(
                "\(pod).json",
                #"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"\#(pod)","namespace":"cluster-agent"},"spec":{"#
                    + #""serviceAccountName":"\#(account)","automountServiceAccountToken":false,"nodeName":"\#(node)","#
                    + #""containers":[{"name":"c","image":"none"}]}}"#)
            try await kubectl("create", "-f", manifest)
        }
        var spec: [ExactText: JSONValue] = ["expirationSeconds": .number("600")]
        spec["audiences"] = .array([.string(audience ?? "https://kubernetes.default.svc")])
        if let pod {
            let uid = try await kubectl("-n", "cluster-agent", "get", "pod", pod, "-o", "jsonpath={.metadata.uid}")
            spec["boundObjectRef"] = .object([
                "kind": .string("Pod"), "apiVersion": .string("v1"), "name": .string(pod), "uid": .string(uid),
            ])
        }
        let body = JSONValue.object([
            "apiVersion": .string("authentication.k8s.io/v1"), "kind": .string("TokenRequest"), "spec": .object(spec),
        ])
        let request = try directory.write("token.json", String(decoding: body.encoded(), as: UTF8.self))
        let path = "/api/v1/namespaces/cluster-agent/serviceaccounts/\(account)/token"
        let answer = try JSONValue(parsing: Array(try await kubectl("create", "--raw", path, "-f", request).utf8))
        guard let token = answer["status"]?["token"]?.stringValue else { throw TestFailure("no token: \(answer)") }
        return token
    }
}
