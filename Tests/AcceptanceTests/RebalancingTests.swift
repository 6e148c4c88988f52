import CheckModel
import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// Both real programs: what node-agents measure, and what the cluster-agent makes of it when an operator says so.
@Suite(.serialized, .timeLimit(.minutes(3))) struct RebalancingTests {
    private let clock = SystemClock()
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func run(_ arguments: [String]) async throws -> (end: ChildProcess.End, output: String) {
        let output = "\(directory.path)/output-\(UInt64.random(in: 0 ... .max))"
        let process = try ChildProcess(try TestEnvironment.program("cluster-agent"), arguments, outputPath: output)
        return (try await process.wait(within: .seconds(60)), process.output)
    }

    private func options(_ agent: RunningClusterAgent) -> [String] {
        [
            "--cluster_agent.listen_host=127.0.0.1", "--cluster_agent.cmd_port=\(agent.port)",
            "--cluster_agent.operator_token_file=\(agent.operatorTokenPath)",
        ]
    }

    /// A web server that answers `/slow…` after 0.4 s and everything else at once.
    private func slowServer() throws -> (process: ChildProcess, port: Int) {
        let port = try TestEnvironment.freePort()
        let script = """
            import http.server, time
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    if self.path.startswith("/slow"): time.sleep(0.4)
                    self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
                def log_message(self, *words): pass
            http.server.ThreadingHTTPServer(("127.0.0.1", \(port)), Handler).serve_forever()
            """
        let process = try ChildProcess(
            "/usr/bin/env", ["python3", "-c", script],
            environment: ["PATH": processEnvironment()["PATH"] ?? "/usr/bin:/bin"],
            outputPath: "\(directory.path)/slow.log")
        return (process, port)
    }

    /// A node-agent at `host`, where it is also asked for its statistics.
    private func nodeAgent(
        _ name: String, host: String, port: Int, of agent: RunningClusterAgent
    ) throws -> ChildProcess {
        try agent.startNodeAgent(
            name, port: port,
            [
                "--listen_host=\(host)", "--clc_runner_host=\(host)", "--metrics_port=0",
                "--ad_config_poll_interval=500ms",
            ])
    }

    /// How long the checks of the node-agent at `host` take on average, by their names, in milliseconds.
    private func averages(_ client: HTTPClient, host: String, port: Int) async throws -> [String: Int64] {
        let url = "https://\(host):\(port)/api/v1/clcrunner/stats"
        guard let answer = try? await client.send(ClientRequest(url: url), deadline: clock.now() + .seconds(5)) else {
            return [:]
        }
        let stats = try RunnerStats.byCheckID(parsing: answer.body, of: host)
        return Dictionary(
            stats.map { id, stats in
                (id.text.split(separator: ":").dropFirst().first.map(String.init) ?? "", stats.averageExecutionTime)
            }, uniquingKeysWith: max)
    }

    private func names(_ ids: [String]?) -> [String] {
        (ids ?? []).compactMap { $0.split(separator: ":").dropFirst().first.map(String.init) }.sorted()
    }

    @Test func `an operator isolates a check and rebalances by what the node-agents measured`() async throws {
        let server = try slowServer()
        for name in ["slow1", "slow2", "fast1", "fast2"] {
            try directory.write(
                "conf.d/http_check.d/\(name).json",
                """
                {"cluster_check": true, "init_config": {}, "instances": [{"name": "\(name)", "min_collection_interval": 1,
                "url": "http://127.0.0.1:\(server.port)/\(name)"}]}
                """)
        }
        let port = try TestEnvironment.freePort()
        let agent = try RunningClusterAgent(
            "one", in: directory,
            [
                "--confd_path=\(directory.path)/conf.d", "--cluster_checks.warmup_duration=0", "--shutdown_delay=0",
                "--cluster_checks.clc_runners_port=\(port)",
                "--cluster_checks.send_token_to_unknown_runners=true",
            ])
        let client = try await agent.client()
        let hosts = ["a": "127.0.0.2", "b": "127.0.0.3"]
        let nodes = try ["a", "b"].map { try nodeAgent($0, host: hosts[$0] ?? "", port: port, of: agent) }
        let unverified = try HTTPClient(
            options: HTTPClientOptions(
                trust: TLSTrust(verifies: false), bearerToken: { RunningClusterAgent.token }), clock: clock)
        try await eventually(within: .seconds(60), "two configs on each node; \(nodes[0].output)") {
            let placed = try await agent.placements(client).nodes
            return placed["a"]?.count == 2 && placed["b"]?.count == 2
        }
        for host in hosts.values.sorted() {
            try await eventually(within: .seconds(60), "the statistics of \(host)") {
                try await !averages(unverified, host: host, port: port).isEmpty
            }
        }

        // A quick one gets a node of its own, and so the slow ones get to be on one node.
        let before = try await agent.placements(client).nodes
        let ids = (before["a"] ?? []) + (before["b"] ?? [])
        let quick = try #require(ids.first { names([$0]) == ["fast1"] })
        let isolated = try await run(["clusterchecks", "isolate", "--checkID", quick, "--json"] + options(agent))
        #expect(isolated.end == .exited(0), "\(isolated.output)")
        let isolation = try JSONValue(parsing: isolated.output)
        #expect(isolation["is_isolated"] == .bool(true), "\(isolated.output)")
        let idle = try #require(isolation["check_node"]?.stringValue)
        let busy = idle == "a" ? "b" : "a"
        var placed = try await agent.placements(client).nodes
        #expect(names(placed[idle]) == ["fast1"])
        #expect(names(placed[busy]) == ["fast2", "slow1", "slow2"])

        try await eventually(within: .seconds(60), "the busy node to have run both slow checks") {
            let averages = try await averages(unverified, host: hosts[busy] ?? "", port: port)
            return averages["slow1", default: 0] > 300 && averages["slow2", default: 0] > 300
        }
        // While it is to be alone, nothing goes there.
        let refused = try await run(["clusterchecks", "rebalance", "--force"] + options(agent))
        #expect(refused.output.contains("0 cluster checks rebalanced successfully: "), "\(refused.output)")
        let shared = try await run(["clusterchecks", "unisolate", "--checkID", quick] + options(agent))
        #expect(
            shared.output == "\(quick) shares its node again; this is not kept when all replicas stop\n",
            "\(shared.output)")
        let preview = try await run(["clusterchecks", "rebalance", "--force", "--dry-run"] + options(agent))
        #expect(preview.output.contains("would move from node \(busy) to \(idle)"), "\(preview.output)")
        #expect(try await agent.placements(client).nodes == placed)
        let rebalanced = try await run(["clusterchecks", "rebalance", "--force", "--json"] + options(agent))
        #expect(rebalanced.end == .exited(0), "\(rebalanced.output)")
        let moves = try JSONValue(parsing: rebalanced.output).arrayValue ?? []
        #expect(moves.contains { $0["source_node_name"] == .string(busy) && $0["dest_node_name"] == .string(idle) })
        placed = try await agent.placements(client).nodes
        for node in ["a", "b"] {
            #expect(names(placed[node]).filter { $0.hasPrefix("slow") }.count == 1, "\(placed)")
        }
        // The state shows it, with what was measured; the agent that got it runs it.
        let shown = try await run(["clusterchecks", "--long"] + options(agent))
        #expect(shown.output.contains("Instance ID: http_check:\(names(placed[idle]).last ?? "")"), "\(shown.output)")
        #expect(shown.output.contains("Average Execution Time : "), "\(shown.output)")
        let moved = try #require(names(placed[idle]).first { $0.hasPrefix("slow") })
        try await eventually(within: .seconds(60), "\(idle) to run \(moved)") {
            try await averages(unverified, host: hosts[idle] ?? "", port: port)[moved] != nil
        }
        try await checkIntent(agent, client, quick)
        for process in nodes + [agent.process, server.process] { process.signal(SIGTERM) }
        for process in nodes + [agent.process] { _ = try await process.wait(within: .seconds(30)) }
        await client.shutdown()
        await unverified.shutdown()
    }

    /// Every other command of an operator, with its opposite, and what is told of it.
    private func checkIntent(_ agent: RunningClusterAgent, _ client: HTTPClient, _ check: String) async throws {
        func ask(_ words: String...) async throws -> String {
            let answer = try await run(["clusterchecks"] + words + options(agent))
            #expect(answer.end == .exited(0), "\(words): \(answer.output)")
            return answer.output
        }
        func node() async throws -> String? {
            try await agent.placements(client).nodes.first { $0.value.contains(check) }?.key
        }
        let home = try #require(try await node())
        let other = home == "a" ? "b" : "a"
        #expect(try await ask("pin", "--checkID", check, "--node", other).contains("runs on \(other) alone"))
        #expect(try await node() == other)
        let told = try await ask("explain", "--checkID", check)
        #expect(told.contains("Node: \(other)\nWhy: moved from \(home) (pinned)"), "\(told)")
        #expect(told.contains("Rebalancing leaves it: an operator pinned it to \(other)"), "\(told)")
        _ = try await ask("unpin", "--checkID", check)
        _ = try await ask("pause", "--checkID", check)
        #expect(try await node() == nil)
        #expect(try await ask("--long").contains("Unassigned because: an operator paused it"))
        #expect(try await ask().contains("Unassigned           an operator paused it"))
        _ = try await ask("resume", "--checkID", check)
        #expect(try await node() != nil)
        _ = try await ask("drain", "--node", home)
        #expect(try await agent.placements(client).nodes[home] == [])
        _ = try await ask("uncordon", "--node", home)
        #expect(try await agent.placements(client).nodes[home]?.isEmpty == false)
        #expect(try await ask("simulate", "--remove-node", home).contains(" checks would move; the heaviest node"))
        let path = try directory.write("more.yaml", "cluster_check: true\ninstances:\n  - {host: a, port: 1}\n")
        #expect(try await ask("simulate", "--config-file", path).contains("added"))
        let history = try await ask("history", "--check", "fast1")
        for what in ["isolated", "no longer isolated", "pinned", "pinned to \(other)", "paused", "resumed"] {
            #expect(history.contains("(\(what))"), "\(what): \(history)")
        }
        let wrong = try await run(["clusterchecks", "pin", "--checkID", "nothing", "--node", "z"] + options(agent))
        #expect(wrong.end == .exited(1) && wrong.output.contains("no check nothing is known"), "\(wrong.output)")
    }

    @Test func `the agents' token goes to no address that only a report claims`() async throws {
        let port = try TestEnvironment.freePort()
        let listener = try Self.listener("127.0.0.4", port)
        defer { close(listener) }
        let agent = try RunningClusterAgent(
            "one", in: directory,
            ["--cluster_checks.warmup_duration=0", "--shutdown_delay=0", "--cluster_checks.clc_runners_port=\(port)"])
        let client = try await agent.client()
        try await eventually("a report to be taken") {
            let report = ClientRequest(
                "POST", url: "\(agent.url)/api/v1/clusterchecks/status/stranger", headers: [("X-Real-Ip", "127.0.0.4")],
                body: Array(#"{"last_change":0,"node_type":1}"#.utf8))
            return try await client.send(report, deadline: clock.now() + .seconds(10)).status == 200
        }
        let answer = try await run(["clusterchecks", "rebalance", "--force", "--json"] + options(agent))
        #expect(answer.end == .exited(0), "\(answer.output)")
        // Whoever connected would wait here to be accepted.
        #expect(fcntl(listener, F_SETFL, O_NONBLOCK) == 0)
        #expect(accept(listener, nil, nil) == -1 && errno == EAGAIN)
        await client.shutdown()
    }

    private static func listener(_ host: String, _ port: Int) throws -> Int32 {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        guard unsafe inet_pton(AF_INET, host, &address.sin_addr) == 1 else { throw TestFailure(host) }
        let isBound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe bind(listener, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isBound, listen(listener, 16) == 0 else { throw SystemCallError("listen") }
        return listener
    }

    /// One that accepts and never answers, and one that refuses: each is given up on by itself, and
    /// reports and configs are answered meanwhile.
    @Test func `a node-agent that does not answer delays no other and is counted`() async throws {
        let (port, metrics) = (try TestEnvironment.freePort(), try TestEnvironment.freePort())
        let listener = try Self.listener("127.0.0.4", port)
        defer { close(listener) }
        let agent = try RunningClusterAgent(
            "one", in: directory,
            [
                "--cluster_checks.warmup_duration=0", "--shutdown_delay=0", "--cluster_checks.clc_runners_port=\(port)",
                "--cluster_checks.send_token_to_unknown_runners=true",
                "--cluster_checks.rebalance_period=1", "--metrics_port=\(metrics)",
            ])
        let client = try await agent.client()
        func report(_ name: String, _ host: String) async throws -> Int {
            let request = ClientRequest(
                "POST", url: "\(agent.url)/api/v1/clusterchecks/status/\(name)", headers: [("X-Real-Ip", host)],
                body: Array(#"{"last_change":0,"node_type":1}"#.utf8))
            return try await client.send(request, deadline: clock.now() + .seconds(10)).status
        }
        // It serves a moment before it leads.
        try await eventually("an answer of the leader") { try await report("silent0", "127.0.0.4") == 200 }
        for index in 0..<20 { #expect(try await report("silent\(index)", "127.0.0.4") == 200) }
        #expect(try await report("closed", "127.0.0.5") == 200)

        // Twenty that take 2 s each, eight at a time, are 6 s. All that while others are served: they share no lock
        // with them.
        let plain = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: clock)
        var delays: [Duration] = []
        try await eventually(within: .seconds(60), "all to be counted; \(agent.process.output)") {
            for index in 0..<20 {
                let start = clock.now()
                #expect(try await report("silent\(index)", "127.0.0.4") == 200)
                delays.append(clock.now() - start)
            }
            _ = try await report("closed", "127.0.0.5")
            let page = try? await plain.send(
                ClientRequest(url: "http://127.0.0.1:\(metrics)/metrics"), deadline: clock.now() + .seconds(5))
            let lines = String(decoding: page?.body ?? [], as: UTF8.self).split(separator: "\n")
            let failed = lines.filter { $0.hasPrefix("cluster_checks_failed_stats_collection{") }
            return failed.count == 21
        }
        // Each that waited for the runners would take at least the 2 s of one that is silent.
        let median = delays.sorted()[delays.count / 2]
        #expect(median < .seconds(1), "reports were answered while runners were asked: \(delays)")
        let answer = try await run(["clusterchecks", "rebalance", "--force", "--json"] + options(agent))
        #expect(answer.end == .exited(0), "\(answer.output)")
        #expect(try JSONValue(parsing: answer.output) == .array([]))
        #expect(agent.process.output.contains("some nodes gave no statistics"), "\(agent.process.output)")
        agent.process.signal(SIGTERM)
        #expect(try await agent.process.wait(within: .seconds(30)) == .exited(0))
        await client.shutdown()
        await plain.shutdown()
    }
}
