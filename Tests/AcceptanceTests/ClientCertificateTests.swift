import Glibc
import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

/// Node-agents that prove which node they are by certificates of the operator's own CA.
@Suite(.timeLimit(.minutes(3))) struct ClientCertificateTests {
    private let clock = SystemClock()

    @Test func `a certificate opens the configs of the node that it names, and no others`() async throws {
        let pki = try await ClientAuthority()
        let files = try TemporaryDirectory()
        try files.write(
            "conf.d/tcp_check.json",
            #"{"cluster_check": true, "instances": [{"name": "x", "host": "127.0.0.1", "port": 9}]}"#)
        try files.write("ca.pem", try readFile(pki.path("ca.pem"), atMost: 1 << 20))
        let agent = try RunningClusterAgent(
            "agent", in: files,
            [
                "--confd_path=\(files.path)/conf.d", "--cluster_checks.warmup_duration=1",
                "--cluster_agent.client_ca_file=\(files.path)/ca.pem",
            ])
        await (try await agent.client()).shutdown()
        let (a, kubelet) = (try await pki.issue("a", "/CN=a"), try await pki.issue("k", "/O=nodes/CN=system:node:a"))
        let node = try agent.startNodeAgent(
            "a",
            [
                "--cluster_agent.client_certificate_file=\(a.certificate)", "--cluster_agent.client_key_file=\(a.key)",
                "--metrics_port=0", "--listen_host=127.0.0.1",
            ])
        for identity in [a, kubelet] {
            try await eventually(within: .seconds(60), "the configs of a: \(node.output) \(agent.process.output)") {
                let answer = try await ask(agent, "a", identity)
                return answer.status == 200 && answer.text.contains("tcp_check")
            }
            let refused = try await ask(agent, "b", identity)
            #expect(refused.status == 403 && refused.text.contains("the caller is node a"), "\(refused)")
        }
        #expect(
            agent.process.output.contains("an agent asked for another agent's configs and was refused agent=\"node a\"")
        )
        // Without one the shared token decides; one of another CA, or of a CA's own making, ends the handshake.
        #expect(try await ask(agent, "b", nil).status == 404)
        let stranger = try await ClientAuthority()
        for identity in [try await stranger.issue("a", "/CN=a"), try await pki.issue("two", "/CN=a/CN=b")] {
            #expect(try await ask(agent, "a", identity).status != 200)
        }
        #expect(agent.process.output.contains("WARNING a client's certificate was refused reason="))
        #expect(agent.process.output.contains("from=127.0.0.1 refused=1"))
        // To replace the CA is to revoke what it has issued, on open connections too.
        try files.write("ca.pem", try readFile(stranger.path("ca.pem"), atMost: 1 << 20))
        try await eventually(within: .seconds(60), "the agent to be refused: \(node.output.suffix(2000))") {
            node.output.contains("expired, or its CA has been replaced")
                || node.output.contains("call to the cluster-agent failed")
        }
        #expect(try await ask(agent, "a", a).status == 0, "its certificate is of another CA now")
        node.signal(SIGTERM)
        #expect(try await node.wait(within: .seconds(30)) == .exited(0))
        agent.process.signal(SIGTERM)
        #expect(try await agent.process.wait(within: .seconds(30)) == .exited(0))
    }

    /// Asks for a node's configs with the shared token and, if it is not nil, a certificate. Status 0: no answer.
    private func ask(
        _ agent: RunningClusterAgent, _ node: String, _ identity: ClientAuthority.Identity?
    ) async throws -> (status: Int, text: String) {
        let trust = TLSTrust(
            clientCertificatePEM: try identity.map { try readFile($0.certificate, atMost: 1 << 20) },
            clientKeyPEM: try identity.map { try readFile($0.key, atMost: 1 << 20) }, verifies: false)
        let client = try HTTPClient(
            options: HTTPClientOptions(trust: trust, bearerToken: { RunningClusterAgent.token }), clock: clock)
        let answer = try? await client.send(
            ClientRequest(url: "\(agent.url)/api/v1/clusterchecks/configs/\(node)"),
            deadline: clock.now() + .seconds(10)
        )
        await client.shutdown()
        return (answer?.status ?? 0, String(decoding: answer?.body ?? [], as: UTF8.self))
    }
}

/// A CA, and the certificates that it issues.
private final class ClientAuthority: Sendable {
    typealias Identity = (certificate: String, key: String)

    private let tool: OpenSSL

    init() async throws {
        tool = try OpenSSL()
        try await tool.run([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=agents", "-out", path("ca.pem"), "-keyout", path("ca.key"),
        ])
    }

    func path(_ name: String) -> String { "\(tool.directory.path)/\(name)" }

    func issue(_ name: String, _ subject: String) async throws -> Identity {
        try await tool.run([
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject, "-out",
            path("\(name).csr"), "-keyout", path("\(name).key"),
        ])
        try await tool.run([
            "x509", "-req", "-in", path("\(name).csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
            "-CAcreateserial", "-days", "2", "-out", path("\(name).pem"),
        ])
        return (path("\(name).pem"), path("\(name).key"))
    }
}
