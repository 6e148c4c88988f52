import CheckModel
import Glibc
import HTTPClient
import HTTPServer
import JSON
import Platform
import Synchronization
import TestKit
import Testing

@testable import NodeAgent

/// The whole node-agent against a cluster-agent over TLS, and checks against real sockets.
@Suite struct NodeAgentProcessTests {
    private static let token = "0123456789abcdef0123456789abcdef"

    private static func config(_ check: String, _ instance: String) -> WireConfig {
        WireConfig(checkName: check, instances: [Array(instance.utf8)], initConfig: Array("{}".utf8))
    }

    private static func agent(
        _ cluster: RunningServer, log: RecordingLog, _ further: [String] = []
    ) throws -> NodeAgentProcess {
        let arguments = [
            "--cluster_agent.url=\(cluster.url)/", "--cluster_agent.auth_token=\(token)", "--hostname=node-1",
            "--cluster_agent.public_key_pin=\(cluster.identity.publicKeyPin)", "--ad_config_poll_interval=100ms",
            "--listen_host=127.0.0.1", "--cmd_port=0", "--metrics_port=\(LoopbackListener.closedPort())",
        ]
        let options = try Options(table: NodeAgentOptions.table, arguments: arguments + further, environment: [:])
        return try NodeAgentProcess(
            options: options, environment: [:], clock: SystemClock(), log: Log(sink: log))
    }

    /// Runs an agent while `body` looks at it; it must stop in order.
    private static func run(
        _ agent: NodeAgentProcess, _ log: RecordingLog, _ body: () async throws -> Void
    ) async throws {
        let stopping = Watched(false)
        let task = Task {
            try await agent.run {
                let seen = stopping.current
                if !seen.value { _ = try? await stopping.next(after: seen.version) }
            }
        }
        defer { stopping.set(true) }
        try await eventually { log.fields(of: "serving").count == 2 }
        try await body()
        stopping.set(true)
        #expect(try await task.value == 0)
    }

    private static func get(
        _ url: String, pin: String? = nil, token: String? = token
    ) async throws -> (status: Int, body: String) {
        let clock = SystemClock()
        let client = try HTTPClient(
            options: HTTPClientOptions(
                trust: TLSTrust(pinnedPublicKey: pin), bearerToken: { token }, allowsPlainHTTP: true), clock: clock)
        let response = try await client.send(ClientRequest(url: url), deadline: clock.now() + .seconds(10))
        await client.shutdown()
        return (response.status, String(decoding: response.body, as: UTF8.self))
    }

    private static func checkIDs(_ agent: NodeAgentProcess) async throws -> [String] {
        let url = "https://127.0.0.1:\(agent.commandPort)/api/v1/clcrunner/stats"
        let stats = try JSONValue(parsing: try await get(url, pin: agent.publicKeyPin).body)
        return (stats.objectValue ?? [:]).keys.sortedTexts()
    }

    @Test func `checks are fetched, run and reported under the cluster-agent's check IDs`() async throws {
        let (cluster, up) = (FakeClusterAgent(), LoopbackListener(.answers(LoopbackListener.response(200))))
        let closed = LoopbackListener.closedPort()
        let configs = [
            Self.config("http_check", #"{"name":"web","url":"http://127.0.0.1:\#(up.port)/"}"#),
            Self.config("tcp_check", #"{"host":"127.0.0.1","port":\#(closed)}"#),
            Self.config("redisdb", #"{"host":"127.0.0.1"}"#),
        ]
        cluster.set(configs, revision: 42)
        let server = try RunningServer(cluster)
        let log = RecordingLog()
        let agent = try Self.agent(server, log: log)
        try await Self.run(agent, log) {
            let ids = configs.flatMap(\.checkIDs).sorted()
            try await eventually { log.fields(of: "check failing").count == 2 }
            try await eventually("all checks") { try await Self.checkIDs(agent) == ids }

            let page = try await Self.get("http://127.0.0.1:\(try #require(agent.metricsPort))/metrics").body
            #expect(page.contains("node_agent_cluster_agent_up 1\n"))
            #expect(page.contains("node_agent_configs 3\n"))
            let lines = page.split(separator: "\n")
            let up = #"node_agent_check_up{check_id="\#(configs[0].checkIDs[0])",check_name="http_check","#
            #expect(lines.contains { $0.hasPrefix(up) && $0.hasSuffix("} 1") })
            let refused =
                #"node_agent_check_failures_total{check_id="\#(configs[1].checkIDs[0])",check_name="tcp_check","#
            #expect(lines.contains { $0.hasPrefix(refused) && $0.contains(#"kind="refused"} "#) })
            #expect(page.contains(#"node_agent_check_duration_seconds_count{check_name="http_check"} "#))
            #expect(page.contains("process_open_fds "))
            #expect(try Exposition(Array(page.utf8)).samples > 10, "its own parser reads its own page")
        }
        let requests = cluster.state.withLock { $0.requests }
        #expect(requests.first?.path == "/version")
        #expect(requests.allSatisfy { $0.authorization == "Bearer \(Self.token)" })
        #expect(requests.allSatisfy { $0.realIP == "" }, "the header is sent, empty")
        #expect(log.fields(of: "registered") == [["node": "node-1"]])
        #expect(log.fields(of: "configs changed") == [["added": "3", "removed": "0", "configs": "3"]])
        await server.server.stop(within: .seconds(1))
    }

    @Test func `no error of the cluster-agent stops a check`() async throws {
        let (cluster, up) = (FakeClusterAgent(), LoopbackListener(.answers(LoopbackListener.response(200))))
        let instance = #"{"url":"http://127.0.0.1:\#(up.port)/","min_collection_interval":0.05}"#
        cluster.set([Self.config("http_check", instance)], revision: 1)
        let server = try RunningServer(cluster)
        let log = RecordingLog()
        let agent = try Self.agent(server, log: log, ["--grace_time_seconds=0"])
        try await Self.run(agent, log) {
            try await eventually { log.fields(of: "configs changed").count == 1 }
            for failure in [
                (500, "node node-1 is unknown"), (503, ""), (200, ""), (200, "{"), (200, "[]"), (403, "no"),
            ] {
                cluster.fail(failure)
                let asked = cluster.state.withLock { $0.requests.count }
                try await eventually { cluster.state.withLock { $0.requests.count } > asked + 4 }
                #expect(try await Self.checkIDs(agent).count == 1)
            }
            #expect(log.fields(of: "call to the cluster-agent failed, checks keep running").count == 1)
            cluster.fail(nil)
            try await eventually { log.fields(of: "the cluster-agent answers again").count == 1 }
            cluster.set([], revision: 0)
            try await eventually { log.fields(of: "configs changed").count == 2 }
        }
        await server.server.stop(within: .seconds(1))
    }

    @Test func `an agent that stops hands its checks over and says that it is gone`() async throws {
        let (cluster, up) = (FakeClusterAgent(), LoopbackListener(.answers(LoopbackListener.response(200))))
        cluster.set([Self.config("http_check", #"{"url":"http://127.0.0.1:\#(up.port)/"}"#)], revision: 42)
        cluster.state.withLock { $0.handingOver = [2, 1] }
        let server = try RunningServer(cluster)
        let log = RecordingLog()
        try await Self.run(try Self.agent(server, log: log), log) {
            try await eventually { log.fields(of: "configs changed").count == 1 }
        }
        let leaving = NodeStatusRequest(lastChange: 42, nodeType: 2, departure: .leaving)
        let gone = NodeStatusRequest(lastChange: 0, nodeType: 2, departure: .gone)
        #expect(cluster.state.withLock { $0.departures } == [leaving, leaving, leaving, gone])
        let left = log.fields(of: "took leave of the cluster-agent")
        #expect(left.map { $0["handed_over"] } == ["2"])
        #expect(left.map { $0["unconfirmed"] } == ["0"] && left.map { $0["failure"] } == ["none"])
        await server.server.stop(within: .seconds(1))
    }

    @Test func `an agent stops soon where the cluster-agent has fallen silent`() async throws {
        let cluster = FakeClusterAgent()
        let server = try RunningServer(cluster)
        let log = RecordingLog()
        let (agent, stopped) = (try Self.agent(server, log: log), Watched(Instant.distantPast))
        try await Self.run(agent, log) {
            try await eventually { log.fields(of: "registered").count == 1 }
            cluster.state.withLock { $0.isSilent = true }
            stopped.set(SystemClock().now())
        }
        let time = SystemClock().now() - stopped.value
        #expect(time >= .seconds(1) && time < .seconds(8), "1.25 s, and more on a busy machine")
        #expect(cluster.state.withLock { $0.departures.map(\.departure) } == [.leaving, .gone])
        #expect(log.fields(of: "took leave of the cluster-agent").map { $0["failure"] } != ["none"])
        await server.server.stop(within: .seconds(1))
    }

    @Test func `a cluster-agent with another key than the pinned one is refused`() async throws {
        let (cluster, other) = (FakeClusterAgent(), try RunningServer(FakeClusterAgent()))
        let server = try RunningServer(cluster)
        let log = RecordingLog()
        let agent = try Self.agent(
            server, log: log, ["--cluster_agent.public_key_pin=\(other.identity.publicKeyPin)"])
        try await Self.run(agent, log) {
            try await eventually {
                log.fields(of: "call to the cluster-agent failed, checks keep running").count == 1
            }
        }
        #expect(cluster.state.withLock { $0.requests.isEmpty })
        #expect(
            log.fields(of: "call to the cluster-agent failed, checks keep running")[0]["reason"]?.contains("TLS")
                == true)
        await server.server.stop(within: .seconds(1))
        await other.server.stop(within: .seconds(1))
    }

    @Test func `the agent's own API requires the token`() async throws {
        let server = try RunningServer(FakeClusterAgent())
        let log = RecordingLog()
        let agent = try Self.agent(server, log: log)
        try await Self.run(agent, log) {
            let base = "https://127.0.0.1:\(agent.commandPort)"
            for (path, token, status) in [
                ("/api/v1/clcrunner/version", Self.token, 200), ("/api/v1/clcrunner/workers", Self.token, 200),
                ("/api/v1/clcrunner/stats", Self.token, 200), ("/api/v1/clcrunner/stats", nil, 401),
                ("/api/v1/clcrunner/stats", "0123456789abcdef0123456789abcdeX", 403),
                ("/api/v1/clcrunner/stats", "0123456789abcdef", 403),
                ("/api/v1/clcrunner/stats", Self.token + "0", 403),
                ("/nothing", Self.token, 404),
            ] as [(String, String?, Int)] {
                let answer = try await Self.get(base + path, pin: agent.publicKeyPin, token: token)
                #expect(answer.status == status, "\(path) \(token ?? "without token")")
            }
            let workers = try await Self.get(base + "/api/v1/clcrunner/workers", pin: agent.publicKeyPin).body
            #expect(workers.contains(#""Count":4"#))
        }
        await server.server.stop(within: .seconds(1))
    }

    @Test func `a check over TLS verifies with its own CA`() async throws {
        let (server, other) = (try RunningServer(FakeClusterAgent()), try RunningServer(FakeClusterAgent()))
        let (right, wrong) = (try server.writeCertificate("right"), try other.writeCertificate("wrong"))
        defer {
            unsafe unlink(right)
            unsafe unlink(wrong)
        }
        func outcome(_ further: String) async throws -> CheckOutcome {
            try await NetworkExecutorTests.outcome("http_check", #"{"url":"\#(server.url)/version"\#(further)}"#)
        }
        // It is trusted, and so its expiry in 9999 is judged.
        let verified = try await outcome(#","tls_ca_cert":"\#(right)""#)
        #expect(try verified.get().secondsToExpiry ?? 0 > 1_000_000_000)
        #expect(try await outcome(#","tls_verify":false"#) == .success(CheckSuccess()))
        #expect(
            try await outcome("") == .success(CheckSuccess()), "unless it is told to, it does not verify, as upstream")
        for further in [#","tls_ca_cert":"\#(wrong)""#, #","tls_verify":true"#] {
            guard case .failure(let failure) = try await outcome(further) else {
                Issue.record("it trusted a certificate that it should not")
                continue
            }
            #expect(failure.kind == .tls)
        }
        await server.server.stop(within: .seconds(1))
        await other.server.stop(within: .seconds(1))
    }

    @Test(arguments: [
        ([], "cluster_agent.url"), (["--cluster_agent.url=https://a:1"], "cluster_agent.auth_token_file"),
        (
            ["--cluster_agent.auth_token_file=/nonexistent/token", "--cluster_agent.url=https://a:1"],
            "/nonexistent/token"
        ),
        (
            [
                "--cluster_agent.url=https://a:1", "--cluster_agent.auth_token=\(token)",
                "--cluster_agent.ca_file=/nonexistent/ca",
            ],
            "cluster_agent.ca_file: /nonexistent/ca"
        ),
        (
            [
                "--cluster_agent.url=https://a:1", "--cluster_agent.auth_token=\(token)",
                "--cluster_agent.public_key_pin=sha256//x",
            ],
            "sha256//x"
        ),
    ]) func `a missing or wrong option stops the start and is named`(_ arguments: [String], _ place: String) throws {
        let options = try Options(
            table: NodeAgentOptions.table, arguments: arguments + ["--cmd_port=0", "--metrics_port=0"], environment: [:]
        )
        let error = #expect(throws: StartError.self) {
            try NodeAgentProcess(options: options, environment: [:], clock: SystemClock(), log: Log(sink: NoLog()))
        }
        #expect(error?.description.contains(place) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: [
        "--cluster_agent.url=http://a:1", "--cluster_agent.url=a:1", "--cluster_agent.auth_token=short",
        "--check_runners=0", "--ad_config_poll_interval=0",
    ]) func `an option out of range is refused`(_ argument: String) {
        #expect(throws: OptionError.self) {
            try Options(table: NodeAgentOptions.table, arguments: [argument], environment: [:])
        }
    }

    @Test func `the node's name comes from the option, the environment or the host`() throws {
        let none = try Options(table: NodeAgentOptions.table, arguments: [], environment: [:])
        let given = try Options(table: NodeAgentOptions.table, arguments: [], environment: ["DD_HOSTNAME": "a"])
        #expect(NodeAgentProcess.nodeID(given, ["NODE_NAME": "b"]) == "a")
        #expect(NodeAgentProcess.nodeID(none, ["NODE_NAME": "b"]) == "b")
        #expect(NodeAgentProcess.nodeID(none, [:]) == hostName())
    }
}
