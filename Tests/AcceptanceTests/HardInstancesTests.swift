import Glibc
import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

/// What the author of a config file wrote is what an agent's YAML parser reads.
@Suite(.serialized, .timeLimit(.minutes(3))) struct HardInstancesTests {
    @Test func `the instances of a file reach the agent unchanged`() async throws {
        let directory = try TemporaryDirectory()
        let instances = try await HardInstances(in: directory)
        try directory.write("conf.d/http_check.json", #"{"cluster_check":true,\#(instances.members)}"#)
        let cluster = try RunningClusterAgent(
            "one", in: directory,
            ["--confd_path=\(directory.path)/conf.d", "--cluster_checks.warmup_duration=0", "--shutdown_delay=0"])
        let client = try await cluster.client()
        let agent = try DatadogAgent("a", in: directory, url: cluster.url, ["--scale=0.02"])
        try await eventually(within: .seconds(60), "the config; \(cluster.process.output) \(agent.process.output)") {
            !agent.running.isEmpty
        }
        let result = try await instances.compare(with: agent)
        #expect(result.hasSuffix("in 1 configs are unchanged\n"), "\(result)")
        await client.shutdown()
    }
}
