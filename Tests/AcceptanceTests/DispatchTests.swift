import CheckModel
import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// The real program with config files, no Kubernetes, and node-agents that know only the public protocol.
@Suite(.serialized, .timeLimit(.minutes(3))) struct DispatchTests {
    private static let options = [
        // Long enough for three clients to start beside the attacks: who comes later takes nothing from the others.
        "--cluster_checks.warmup_duration=10", "--cluster_checks.node_expiration_timeout=6", "--shutdown_delay=0",
    ]

    private static func writeConfigs(_ count: Int, in directory: TemporaryDirectory) throws {
        for number in 0..<count {
            try directory.write(
                "conf.d/http_check.d/\(number).json",
                #"{"cluster_check": true, "init_config": {}, "instances": [{"name": "c\#(number)", "url": "http://127.0.0.1:1/"}]}"#
            )
        }
    }

    @Test func `three agents share all configs and take over those of a silent one`() async throws {
        let directory = try TemporaryDirectory()
        try Self.writeConfigs(10, in: directory)
        let agent = try RunningClusterAgent(
            "one", in: directory, Self.options + ["--confd_path=\(directory.path)/conf.d"])
        let client = try await agent.client()
        let nodes = try ["a", "b", "c"].map { try ProtocolAgent($0, in: directory, url: agent.url) }

        _ = try await eventually(within: .seconds(30), "ten configs on three agents; \(agent.process.output)") {
            let held = nodes.map(\.instances)
            return Set(held.joined()).count == 10 && held.joined().count == 10 ? held : nil
        }
        let counts = nodes.map(\.instances.count)
        #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1)
        let before = [nodes[0].instances, nodes[1].instances]

        let lost = nodes[2].instances
        nodes[2].process.signal(SIGKILL)
        let clock = SystemClock()
        let silentSince = clock.now()
        // The timeout is 6 s, plus one poll of each agent; the bound is many times that, the time itself is in the
        // message.
        _ = try await eventually(within: .seconds(30), "all ten on two agents") {
            let held = nodes[..<2].map(\.instances)
            return Set(held.joined()).count == 10 && held.joined().count == 10 ? held : nil
        }
        let took = clock.now() - silentSince
        #expect(took > .seconds(4), "expired before its time: \(took)")
        for (node, kept) in zip(nodes, before) { #expect(Set(node.instances).isSuperset(of: kept)) }
        let state = try await agent.placements(client)
        #expect(state.dangling == 0)
        #expect(state.nodes.keys.sorted() == ["a", "b"])
        #expect(lost.count >= 3)
        for node in nodes { #expect(node.lines.allSatisfy { $0["error"] == nil }, "\(node.process.output)") }

        agent.process.signal(SIGTERM)
        #expect(try await agent.process.wait(within: .seconds(30)) == .exited(0))
        await client.shutdown()
    }

    @Test func `an edited file replaces its config on the same node and a bad file affects no other`() async throws {
        let directory = try TemporaryDirectory()
        try Self.writeConfigs(4, in: directory)
        let agent = try RunningClusterAgent(
            "one", in: directory, Self.options + ["--confd_path=\(directory.path)/conf.d"])
        let client = try await agent.client()
        let nodes = try ["a", "b"].map { try ProtocolAgent($0, in: directory, url: agent.url) }
        _ = try await eventually(within: .seconds(30), "four configs; \(agent.process.output)") {
            nodes.map(\.instances.count).reduce(0, +) == 4
        }
        let holder = try #require(nodes.first { $0.instances.contains { $0.contains(#""c0""#) } })
        let others = ProtocolAgent.instances(of: nodes).filter { !$0.contains(#""c0""#) }.sorted()

        try directory.write(
            "conf.d/http_check.d/0.json",
            #"{"cluster_check": true, "init_config": {}, "instances": [{"name": "edited", "url": "http://127.0.0.1:1/"}]}"#
        )
        try directory.write("conf.d/http_check.d/1.yaml", "instances: []")
        try directory.write("conf.d/broken.json", #"{"cluster_check": true, "instances": [}"#)
        _ = try await eventually(within: .seconds(30), "the edited config; \(agent.process.output)") {
            holder.instances.contains { $0.contains(#""edited""#) }
        }
        #expect(ProtocolAgent.instances(of: nodes).filter { !$0.contains(#""edited""#) }.sorted() == others)
        _ = try await eventually(within: .seconds(10), "both problems in the log; \(agent.process.output)") {
            let output = agent.process.output
            return output.contains("1.yaml") && output.contains("broken.json")
        }
        await client.shutdown()
    }
}
