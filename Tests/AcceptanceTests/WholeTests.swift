import Glibc
import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

/// Both real programs together, and what an operator changes under them while they run.
@Suite(.serialized, .timeLimit(.minutes(3))) struct WholeTests {
    private let clock = SystemClock()

    private func page(_ url: String) async throws -> String {
        let client = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: clock)
        let answer = try? await client.send(ClientRequest(url: url), deadline: clock.now() + .seconds(5))
        await client.shutdown()
        return answer.map { "\($0.status) " + String(decoding: $0.body, as: UTF8.self) } ?? ""
    }

    @Test func `the node-agent runs the check of a config file and reports it as up`() async throws {
        let directory = try TemporaryDirectory()
        let port = try TestEnvironment.freePort()
        try directory.write(
            "conf.d/tcp_check.json",
            #"{"cluster_check": true, "init_config": {}, "instances": [{"name": "own", "host": "127.0.0.1", "port": \#(port)}]}"#
        )
        let agent = try RunningClusterAgent(
            "one", in: directory, port: port,
            ["--confd_path=\(directory.path)/conf.d", "--cluster_checks.warmup_duration=1", "--shutdown_delay=0"])
        let client = try await agent.client()
        let metrics = try TestEnvironment.freePort()
        let node = try agent.startNodeAgent(
            "node", ["--listen_host=127.0.0.1", "--metrics_port=\(metrics)", "--ad_config_poll_interval=500ms"])
        let sample = try await eventually(within: .seconds(60), "the check to be up; \(node.output)") {
            let lines = try await page("http://127.0.0.1:\(metrics)/metrics").split(separator: "\n")
            return lines.first { $0.hasPrefix("node_agent_check_up{") && $0.hasSuffix(" 1") }
        }
        #expect(sample.contains(#"check_name="tcp_check""#))
        node.signal(SIGTERM)
        #expect(try await node.wait(within: .seconds(30)) == .exited(0))
        #expect(node.output.contains("took leave of the cluster-agent"), "\(node.output)")
        agent.process.signal(SIGTERM)
        #expect(try await agent.process.wait(within: .seconds(30)) == .exited(0))
        await client.shutdown()
    }

    @Test func `probes and metrics are served and a stopping agent is not ready`() async throws {
        let directory = try TemporaryDirectory()
        let (health, metrics) = (try TestEnvironment.freePort(), try TestEnvironment.freePort())
        let agent = try RunningClusterAgent(
            "one", in: directory,
            [
                "--health_port=\(health)", "--metrics_port=\(metrics)", "--shutdown_delay=5",
                "--cluster_checks.warmup_duration=0",
            ])
        let client = try await agent.client()
        #expect(try await page("http://127.0.0.1:\(health)/livez") == "200 ok\n")
        #expect(try await page("http://127.0.0.1:\(health)/readyz") == "200 ok\n")
        #expect(try await page("http://127.0.0.1:\(health)/other").hasPrefix("404 "))
        let text = try await page("http://127.0.0.1:\(metrics)/metrics")
        #expect(text.contains("# HELP http_server_requests_total "))
        #expect(text.contains("cluster_checks_nodes_reporting"))
        agent.process.signal(SIGTERM)
        try await eventually(within: .seconds(4), "not ready while stopping") {
            try await page("http://127.0.0.1:\(health)/readyz") == "503 stopping\n"
        }
        let refused = try await agent.call(client, "GET", "/api/v1/clusterchecks/configs/x")
        #expect(refused.status == 503)
        #expect(try await agent.process.wait(within: .seconds(30)) == .exited(0))
        await client.shutdown()
    }

    @Test func `a replaced token file is read without a restart`() async throws {
        let directory = try TemporaryDirectory()
        let agent = try RunningClusterAgent(
            "one", in: directory, ["--shutdown_delay=0", "--cluster_agent.auth_token_grace=4s"])
        let client = try await agent.client()
        try directory.write("one.token", "too short")
        try await clock.sleep(until: clock.now() + .seconds(4))
        #expect(
            try await agent.call(client, "GET", "/version").status == 200, "a bad token must not replace a good one")
        try directory.write("one.token", String(repeating: "n", count: 32))
        try await eventually(within: .seconds(20), "the new token to be read; the old one is still good") {
            agent.process.output.contains("the token changed")
        }
        #expect(try await agent.call(client, "GET", "/version").status == 200, "the grace has only begun")
        try await eventually(within: .seconds(20), "the old token to be refused") {
            try await agent.call(client, "GET", "/version").status == 403
        }
        #expect(
            agent.process.output.contains("one.token: a token has 32 characters or more"), "\(agent.process.output)")
        await client.shutdown()
    }

    @Test func `a renewed certificate is served without a restart`() async throws {
        let directory = try TemporaryDirectory()
        func makeCertificate(_ name: String) async throws {
            let openssl = try ChildProcess(
                "/usr/bin/openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=\(name)", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", "\(directory.path)/key.pem", "-out", "\(directory.path)/cert.pem",
                ], outputPath: "\(directory.path)/openssl.log")
            guard try await openssl.wait(within: .seconds(30)) == .exited(0) else { throw TestFailure(openssl.output) }
        }
        try await makeCertificate("first")
        let agent = try RunningClusterAgent(
            "one", in: directory,
            [
                "--cluster_agent.tls_certificate_file=\(directory.path)/cert.pem",
                "--cluster_agent.tls_key_file=\(directory.path)/key.pem", "--shutdown_delay=0",
            ])
        await (try await agent.client()).shutdown()
        try await makeCertificate("second")
        let renewed = try readFile("\(directory.path)/cert.pem", atMost: 1 << 20)
        try await eventually(within: .seconds(60), "the new certificate; \(agent.process.output)") {
            let client = try HTTPClient(
                options: HTTPClientOptions(
                    trust: TLSTrust(caPEM: renewed), bearerToken: { RunningClusterAgent.token }), clock: clock)
            let status = try? await agent.call(client, "GET", "/version").status
            await client.shutdown()
            return status == 200
        }
    }
}
