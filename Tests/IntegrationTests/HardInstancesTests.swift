import CheckModel
import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// What the author of an annotation wrote is what an agent's YAML parser reads.
@Suite(.serialized, .timeLimit(.minutes(5))) struct HardInstancesTests {
    @Test func `the instances of an annotation reach the agent unchanged`() async throws {
        let plane = try await ControlPlane.start()
        let instances = try await HardInstances(in: plane.directory)
        let service = JSONValue.object([
            "apiVersion": .string("v1"), "kind": .string("Service"),
            "metadata": .object([
                "name": .string("hard"),
                "annotations": .object([
                    "ad.datadoghq.com/service.checks": .string(#"{"http_check":{\#(instances.members)}}"#)
                ]),
            ]),
            "spec": .object(["ports": .array([.object(["port": .number("80")])])]),
        ])
        let path = try plane.directory.write("service.json", String(decoding: service.encoded(), as: UTF8.self))
        // Not applied: that would keep the annotation twice, which is more than an object may have.
        try await plane.kubectl("create", "-f", path)
        let cluster = try RunningClusterAgent(
            "one", in: plane.directory,
            ["--kubeconfig=\(plane.agentKubeconfig)", "--cluster_checks.warmup_duration=0", "--shutdown_delay=0"])
        let client = try await cluster.client()
        let agent = try DatadogAgent("a", in: plane.directory, url: cluster.url, ["--scale=0.02"])
        try await eventually(within: .seconds(60), "the config; \(cluster.process.output) \(agent.process.output)") {
            !agent.running.isEmpty
        }
        let result = try await instances.compare(with: agent)
        #expect(result.hasSuffix("in 1 configs are unchanged\n"), "\(result)")
        await client.shutdown()
        try await plane.stop()
    }
}
