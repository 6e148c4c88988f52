import Glibc
import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

/// An agent whose poll loop takes longer than the time after which a node counts as lost.
@Suite(.serialized, .timeLimit(.minutes(3))) struct HeartbeatTests {
    @Test func `an agent that only sends heartbeats keeps its checks`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write(
            "conf.d/http_check.json",
            #"{"cluster_check": true, "init_config": {}, "instances": [{"name": "c", "url": "http://127.0.0.1:1/"}]}"#)
        let cluster = try RunningClusterAgent(
            "one", in: directory,
            [
                "--confd_path=\(directory.path)/conf.d", "--cluster_checks.warmup_duration=0",
                "--cluster_checks.node_expiration_timeout=6", "--shutdown_delay=0",
            ])
        let client = try await cluster.client()
        // It polls every 16 s and sends a heartbeat after 5 s of silence, at a timeout of 6 s: an agent's own 30 s, by
        // a fifth.
        let agent = try DatadogAgent("a", in: directory, url: cluster.url, ["--scale=0.2", "--poll=80"])
        try await eventually(within: .seconds(60), "its check; \(agent.process.output)") {
            agent.running == ["c"]
        }
        try await eventually(within: .seconds(60), "another poll; \(agent.process.output)") {
            agent.answers("status") >= 3
        }
        #expect(agent.answers("heartbeat") >= 4)
        #expect(agent.answers("configs") == 1)
        #expect(agent.running == ["c"])
        #expect(
            agent.events.allSatisfy { !["error", "unschedule", "flush"].contains($0.kind) }, "\(agent.process.output)")
        #expect(!cluster.process.output.contains("silent"), "\(cluster.process.output)")
        await client.shutdown()
    }
}
