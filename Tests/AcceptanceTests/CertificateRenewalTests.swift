import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// The certificate of a running cluster-agent is renewed in the volumes of its pod and of the node-agents' pods, which
/// kubelets update at different times.
@Suite(.timeLimit(.minutes(4))) struct CertificateRenewalTests {
    private let clock = SystemClock()
    private let openssl: OpenSSL
    private var directory: TemporaryDirectory { openssl.directory }

    init() throws {
        openssl = try OpenSSL()
    }

    private func secret(_ arguments: [String], input: String = "") async throws -> String {
        let (end, output) = try await directory.runClusterAgent(["secret"] + arguments, input: input)
        guard end == .exited(0) else { throw TestFailure("secret \(arguments): \(output)") }
        return output
    }

    private static func files(_ secret: JSONValue, _ keys: [String]) -> [String: [UInt8]] {
        Dictionary(uniqueKeysWithValues: keys.map { ($0, secret.secretFile($0)) })
    }

    /// A cluster-agent and its node-agents with the arguments of the manifests.
    private func start(_ volume: MountedVolume, tokens: MountedVolume) throws -> RunningClusterAgent {
        try directory.write(
            "conf.d/tcp_check.yaml",
            #"{"cluster_check": true, "instances": [{"name": "a", "host": "127.0.0.1", "port": 1}]}"#)
        return try RunningClusterAgent(
            "one", in: directory,
            [
                "--cluster_agent.auth_token_file=\(tokens.path)/token",
                "--cluster_agent.operator_token_file=\(tokens.path)/operator-token",
                "--cluster_agent.tls_certificate_file=\(volume.path)/tls.crt",
                "--cluster_agent.tls_key_file=\(volume.path)/tls.key", "--confd_path=\(directory.path)/conf.d",
                "--cluster_checks.warmup_duration=2", "--shutdown_delay=0",
            ])
    }

    private func startNodeAgent(
        _ name: String, of agent: RunningClusterAgent, token: String, authority: String
    ) async throws -> ChildProcess {
        let process = try agent.startNodeAgent(
            name,
            [
                "--cluster_agent.auth_token_file=\(token)", "--cluster_agent.ca_file=\(authority)",
                "--metrics_port=0", "--listen_host=127.0.0.1", "--ad_config_poll_interval=1",
            ])
        try await eventually(within: .seconds(60), "\(name) to report; \(process.output)") {
            if let end = process.poll() { throw TestFailure("\(name): \(end): \(process.output)") }
            return process.output.contains("registered") ? true : nil
        }
        return process
    }

    /// Waits until new connections get a certificate.
    private func expect(_ certificate: [UInt8], of agent: RunningClusterAgent) async throws {
        try await eventually(within: .seconds(90), "the certificate; \(agent.process.output)") {
            let client = try HTTPClient(
                options: HTTPClientOptions(trust: TLSTrust(caPEM: certificate)), clock: clock)
            let status = try? await agent.call(client, "GET", "/version").status
            await client.shutdown()
            return status == 401
        }
    }

    private func expectUndisturbed(_ nodeAgents: [ChildProcess]) {
        for nodeAgent in nodeAgents {
            #expect(!nodeAgent.output.contains("failed"), "\(nodeAgent.output)")
            #expect(nodeAgent.poll() == nil)
        }
    }

    @Test func `a Secret of the command is served, and renewed while node-agents have the old one`() async throws {
        let text = try await secret(["--namespace=shop", "--hosts=127.0.0.1"])
        let old = try JSONValue(parsing: Array(text.utf8))
        let all = ["operator-token", "tls.crt", "tls.key", "token"]
        let mounted = try MountedVolume("cluster-agent", in: directory, Self.files(old, all))
        let ofNodes = try MountedVolume("node-agent", in: directory, Self.files(old, ["token", "tls.crt"]))
        let agent = try start(mounted, tokens: mounted)
        try await expect(old.secretFile("tls.crt"), of: agent)
        let (token, authority) = ("\(ofNodes.path)/token", "\(ofNodes.path)/tls.crt")
        let early = try await startNodeAgent("early", of: agent, token: token, authority: authority)
        // The operator's commands find it as in its pod.
        let command = [
            "status", "--cluster_agent.listen_host=127.0.0.1", "--cluster_agent.cmd_port=\(agent.port)",
            "--cluster_agent.operator_token_file=\(mounted.path)/operator-token",
            "--cluster_agent.tls_certificate_file=\(mounted.path)/tls.crt",
        ]
        #expect(try await directory.runClusterAgent(command).output.hasPrefix("Status: Leader"))

        let patch = try JSONValue(parsing: Array(try await secret(["--renew=certificate"], input: text).utf8))
        var renewed = Self.files(old, all)
        for key in ["tls.crt", "tls.key"] { renewed[key] = patch.secretFile(key) }
        try mounted.replace(renewed)
        try await expect(patch.secretFile("tls.crt"), of: agent)
        let late = try await startNodeAgent("late", of: agent, token: token, authority: authority)
        try ofNodes.replace(renewed.filter { $0.key == "token" || $0.key == "tls.crt" })
        let latest = try await startNodeAgent("latest", of: agent, token: token, authority: authority)
        #expect(try await directory.runClusterAgent(command).output.contains("Active agents: 3\n"))
        expectUndisturbed([early, late, latest])
        #expect(!agent.process.output.contains("cannot be used"), "\(agent.process.output)")
    }

    /// cert-manager writes the leaf with its chain, its key, and the CA, and renews the leaf well before it expires.
    @Test func `a certificate of cert-manager is renewed, and the CA in the volume trusted`() async throws {
        let authority = try await Authority("first", openssl)
        let first = try await authority.issue("first-leaf")
        let mounted = try MountedVolume("projected", in: directory, first)
        let tokens = try MountedVolume(
            "tokens", in: directory,
            [
                "token": Array(RunningClusterAgent.token.utf8),
                "operator-token": Array(String(repeating: "o", count: 32).utf8),
            ])
        let agent = try start(mounted, tokens: tokens)
        try await expect(first["tls.crt"] ?? [], of: agent)
        let (token, file) = ("\(tokens.path)/token", "\(mounted.path)/ca.crt")
        let early = try await startNodeAgent("early", of: agent, token: token, authority: file)

        let second = try await authority.issue("second-leaf")
        try mounted.replace(second)
        try await expect(second["tls.crt"] ?? [], of: agent)
        let late = try await startNodeAgent("late", of: agent, token: token, authority: file)

        let third = try await Authority("second", openssl).issue("third-leaf")
        try mounted.replace(third)
        try await expect(third["tls.crt"] ?? [], of: agent)
        let latest = try await startNodeAgent("latest", of: agent, token: token, authority: file)
        expectUndisturbed([early, late, latest])
    }
}

/// A CA as an issuer of cert-manager has it.
private struct Authority {
    private let name: String
    private let openssl: OpenSSL

    init(_ name: String, _ openssl: OpenSSL) async throws {
        self.name = name
        self.openssl = openssl
        _ = try await openssl.makeIdentity(name)
    }

    /// The data of the Secret that it writes.
    func issue(_ leaf: String) async throws -> [String: [UInt8]] {
        let path = openssl.directory.path
        let extensions = try openssl.directory.write(
            "\(leaf).ext",
            "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n")
        try await openssl.run([
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=cluster-agent", "-keyout", "\(path)/\(leaf).key",
            "-out", "\(path)/\(leaf).csr",
        ])
        try await openssl.run([
            "x509", "-req", "-in", "\(path)/\(leaf).csr", "-CA", "\(path)/\(name).pem", "-CAkey",
            "\(path)/\(name).key", "-days", "90", "-extfile", extensions, "-out", "\(path)/\(leaf).pem",
        ])
        return [
            "tls.crt": try readFile("\(path)/\(leaf).pem", atMost: 1 << 16),
            "tls.key": try readFile("\(path)/\(leaf).key", atMost: 1 << 16),
            "ca.crt": try readFile("\(path)/\(name).pem", atMost: 1 << 16),
        ]
    }
}
