import Glibc
import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

/// Changes that reach those who wait for them, over TLS.
@Suite(.serialized, .timeLimit(.minutes(3))) struct PushTests {
    private let clock = SystemClock()

    private static func write(_ names: [String], in directory: TemporaryDirectory) throws {
        for (number, name) in names.enumerated() {
            try directory.write(
                "conf.d/tcp_check.d/\(number).json",
                #"{"cluster_check": true, "init_config": {}, "instances": [{"name": "\#(name)", "host": "127.0.0.1", "port": 1}]}"#
            )
        }
    }

    @Test func `a node-agent that polls once an hour gets an edited file at once`() async throws {
        let directory = try TemporaryDirectory()
        try Self.write(["first", "second"], in: directory)
        let agent = try RunningClusterAgent(
            "one", in: directory,
            ["--confd_path=\(directory.path)/conf.d", "--cluster_checks.warmup_duration=0", "--shutdown_delay=1"])
        let client = try await agent.client()
        let metrics = try TestEnvironment.freePort()
        let node = try agent.startNodeAgent(
            "node", ["--listen_host=127.0.0.1", "--metrics_port=\(metrics)", "--ad_config_poll_interval=1h"])
        try await eventually(within: .seconds(60), "both configs; \(node.output)") {
            try await agent.placements(client).nodes["node"]?.count == 2
        }
        try Self.write(["first", "edited"], in: directory)
        try await eventually(within: .seconds(60), "the edited config; \(node.output) \(agent.process.output)") {
            let lines = node.output.split(separator: "\n")
            return lines.contains { $0.contains("configs changed") && $0.contains("removed=1") }
        }
        #expect(node.output.contains("waiting for changes"), "\(node.output)")
        // A stopping replica lets nobody wait, and is not kept from stopping by those who do.
        let stopped = clock.now()
        agent.process.signal(SIGTERM)
        #expect(try await agent.process.wait(within: .seconds(30)) == .exited(0))
        #expect(clock.now() - stopped < .seconds(20))
        node.signal(SIGTERM)
        #expect(try await node.wait(within: .seconds(30)) == .exited(0))
        await client.shutdown()
    }

    @Test func `a waiting call is answered by a change or when its time is over`() async throws {
        let directory = try TemporaryDirectory()
        try Self.write(["first"], in: directory)
        let agent = try RunningClusterAgent(
            "one", in: directory,
            ["--confd_path=\(directory.path)/conf.d", "--cluster_checks.warmup_duration=0", "--shutdown_delay=0"])
        let client = try await agent.client()
        let path = "/api/v1/clusterchecks/configs/node"
        let first = try await eventually(within: .seconds(60), "the config; \(agent.process.output)") {
            // Each time: on a busy machine the node may expire before its config is read.
            _ = try await agent.call(
                client, "POST", "/api/v1/clusterchecks/status/node", body: #"{"last_change":0,"node_type":2}"#)
            let answer = try await agent.call(client, "GET", path)
            let text = String(decoding: answer.body, as: UTF8.self)
            return answer.status == 200 && text.contains("tcp_check") ? text : nil
        }
        let revision = try #require(first.split(separator: ",").first?.split(separator: ":").last)
        let over = try await agent.call(client, "GET", "\(path)?last_change=\(revision)&wait=0.5")
        #expect(over.status == 304 && over.body.isEmpty && over["X-Cluster-Agent-Term"] != nil)
        async let waiting = agent.call(client, "GET", "\(path)?last_change=\(revision)&wait=9")
        try await clock.sleep(until: clock.now() + .milliseconds(500))
        try Self.write(["edited"], in: directory)
        let changed = try await waiting
        #expect(changed.status == 200 && !String(decoding: changed.body, as: UTF8.self).hasPrefix(first.prefix(30)))
        let malformed = try await agent.call(client, "GET", "\(path)?last_change=x&wait=9")
        #expect(malformed.status == 400)
        agent.process.signal(SIGTERM)
        #expect(try await agent.process.wait(within: .seconds(30)) == .exited(0))
        await client.shutdown()
    }
}
