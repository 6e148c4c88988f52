import CheckModel
import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// One cluster-agent with the manifests' own permissions on a real API server.
@Suite(.serialized, .timeLimit(.minutes(5))) struct AnnotatedServiceTests {
    private static func annotation(_ name: String) -> String {
        #"ad.datadoghq.com/service.checks={"http_check":{"instances":[{"name":"\#(name)","url":"http://%%host%%:%%port%%/"}]}}"#
    }

    private static func startAgent(_ plane: ControlPlane) throws -> RunningClusterAgent {
        try RunningClusterAgent(
            "one", in: plane.directory,
            [
                "--kubeconfig=\(plane.agentKubeconfig)", "--cluster_checks.warmup_duration=2",
                "--cluster_checks.node_expiration_timeout=10", "--shutdown_delay=0",
            ])
    }

    @Test func `a check follows its annotated Service from creation through an edit to deletion`() async throws {
        let plane = try await ControlPlane.start()
        let agent = try Self.startAgent(plane)
        let client = try await agent.client()
        let nodes = try ["a", "b"].map { try ProtocolAgent($0, in: plane.directory, url: agent.url) }
        for (number, name) in ["one", "two", "bad"].enumerated() {
            try await plane.kubectl("create", "service", "clusterip", name, "--tcp=80\(number):80\(number)")
        }
        let address = try await plane.kubectl("get", "service", "one", "-o", "jsonpath={.spec.clusterIP}")
        try await plane.kubectl("annotate", "service", "one", Self.annotation("first"))
        try await plane.kubectl("annotate", "service", "two", Self.annotation("other"))
        try await plane.kubectl("annotate", "service", "bad", #"ad.datadoghq.com/service.checks={"http_check":"#)
        try await eventually(within: .seconds(60), "two configs; \(agent.process.output)") {
            nodes.map(\.instances.count) == [1, 1]
        }
        let holder = try #require(nodes.first { $0.instances.contains { $0.contains(#""first""#) } })
        #expect(holder.instances[0].contains("http://\(address):800/"), "\(holder.instances)")
        let other = ProtocolAgent.instances(of: nodes).filter { $0.contains(#""other""#) }
        #expect(other.count == 1)
        try await eventually(within: .seconds(20), "the bad annotation in the log") {
            agent.process.output.contains("default/bad")
        }

        try await plane.kubectl("annotate", "--overwrite", "service", "one", Self.annotation("second"))
        try await eventually(within: .seconds(60), "the edited config on the same node; \(agent.process.output)") {
            holder.instances.count == 1 && holder.instances[0].contains(#""second""#)
        }
        #expect(ProtocolAgent.instances(of: nodes).count == 2)

        try await plane.kubectl("delete", "service", "one")
        try await eventually(within: .seconds(60), "the config to go; \(agent.process.output)") {
            ProtocolAgent.instances(of: nodes) == other
        }
        for node in nodes { #expect(node.lines.allSatisfy { $0["error"] == nil }, "\(node.process.output)") }
        agent.process.signal(SIGTERM)
        #expect(try await agent.process.wait(within: .seconds(30)) == .exited(0))
        await client.shutdown()
        try await plane.stop()
    }

    @Test func `a restart of the API server loses no config and later ones arrive`() async throws {
        let plane = try await ControlPlane.start()
        let agent = try Self.startAgent(plane)
        let client = try await agent.client()
        let node = try ProtocolAgent("a", in: plane.directory, url: agent.url)
        try await plane.kubectl("create", "service", "clusterip", "one", "--tcp=80:80")
        try await plane.kubectl("annotate", "service", "one", Self.annotation("first"))
        try await eventually(within: .seconds(60), "the config; \(agent.process.output)") {
            node.instances.count == 1
        }
        try await plane.restartAPIServer()
        try await plane.kubectl("create", "service", "clusterip", "two", "--tcp=80:80")
        try await plane.kubectl("annotate", "service", "two", Self.annotation("later"))
        try await eventually(within: .seconds(90), "the later config; \(agent.process.output)") {
            node.instances.count == 2
        }
        #expect(node.sets.map(\.count) == [1, 2] || node.sets.map(\.count) == [0, 1, 2], "\(node.process.output)")
        #expect(node.lines.allSatisfy { $0["error"] == nil }, "\(node.process.output)")
        await client.shutdown()
        try await plane.stop()
    }
}
