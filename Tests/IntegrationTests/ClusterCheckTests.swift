import CheckModel
import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

@testable import Kubernetes

/// ClusterChecks on a real API server, with the manifests' definition and permissions.
@Suite(.serialized, .timeLimit(.minutes(8))) struct ClusterCheckTests {
    private static let definition = "\(TestEnvironment.root)/manifests/base/cluster-agent/crd.yaml"

    private static func start(_ plane: ControlPlane, _ options: String...) throws -> RunningClusterAgent {
        try RunningClusterAgent(
            "one", in: plane.directory,
            [
                "--kubeconfig=\(plane.agentKubeconfig)", "--cluster_checks.warmup_duration=2", "--shutdown_delay=0",
                "--cluster_checks.node_expiration_timeout=10",
            ] + options, hasProbes: true)
    }

    /// Applies a ClusterCheck `db` with this spec, as JSON, which is YAML.
    private static func apply(_ plane: ControlPlane, _ spec: String, name: String = "db") async throws {
        let path = try plane.directory.write(
            "check.yaml",
            #"{"apiVersion": "cluster-agent.dev/v1alpha1", "kind": "ClusterCheck", "#
                + #""metadata": {"name": "\#(name)", "namespace": "default"}, "spec": \#(spec)}"#)
        try await plane.kubectl("apply", "-f", path)
    }

    private static func value(_ plane: ControlPlane, _ path: String, _ name: String = "db") async throws -> String {
        try await plane.kubectl("get", "clustercheck", name, "-o", "jsonpath={\(path)}")
    }

    private static func condition(_ plane: ControlPlane, _ type: String) async throws -> String {
        let condition = #".status.conditions[?(@.type=="\#(type)")]"#
        return try await value(plane, "\(condition).status} {\(condition).reason} {\(condition).message")
    }

    /// Waits until a condition reads so.
    private static func wait(_ plane: ControlPlane, _ type: String, _ text: String) async throws {
        var last = ""
        try await eventually(within: .seconds(60), "\(type) to be `\(text)`; it is `\(last)`") {
            last = try await condition(plane, type).trimmingBlanks
            return last.hasPrefix(text)
        }
    }

    @Test func `a check's life: explained, refused, placed, edited, broken, mended, paused and gone`() async throws {
        let plane = try await ControlPlane.start()
        let agent = try Self.start(plane)
        let client = try await agent.client()
        let nodes = try ["a", "b"].map { try ProtocolAgent($0, in: plane.directory, url: agent.url) }
        // Without the definition all else works.
        try await eventually(within: .seconds(60), "one line about it; \(agent.process.output)") {
            agent.process.output.contains("the cluster has no such resource")
        }
        try await eventually(within: .seconds(60), "readiness; \(agent.process.output)") {
            try await agent.probe("/readyz").status == 200
        }
        try await plane.kubectl("apply", "-f", Self.definition)
        try await plane.kubectl(
            "wait", "--for=condition=Established", "crd/clusterchecks.cluster-agent.dev", "--timeout=30s")

        // It takes some seconds until the schema is published.
        let explained = try await eventually(within: .seconds(60), "kubectl explain") {
            try? await plane.kubectl("explain", "clustercheck.spec")
        }
        for text in ["check\t<string> -required-", "The integration to run", "paused\t<boolean>", "instances"] {
            #expect(explained.contains(text), "\(explained)")
        }
        #expect(try await plane.kubectl("explain", "clustercheck.spec.placement.zone").contains("The zones"))
        for (spec, place) in [
            (#"{"instances": [{}]}"#, "missing required field \"check\""),
            (#"{"check": "postgres", "instances": []}"#, "spec.instances"),
            (#"{"check": "../etc", "instances": [{}]}"#, "spec.check"),
            (#"{"check": "postgres", "instances": [{}], "intsances": []}"#, "unknown field \"intsances\""),
            (#"{"check": "postgres", "instances": ["x"]}"#, "spec.instances"),
            (#"{"check": "postgres", "instances": [{}], "placement": {"handover": "never"}}"#, "handover"),
        ] {
            let refusal = await #expect(throws: TestFailure.self) { try await Self.apply(plane, spec, name: "wrong") }
            #expect(String(describing: refusal).contains(place), "\(String(describing: refusal))")
        }

        // It is there before the cluster-agent looks again, which takes up to a minute.
        try await Self.apply(plane, #"{"check": "postgres", "instances": [{"host": "db.example", "port": 5432}]}"#)
        try await eventually(within: .seconds(90), "the check; \(agent.process.output)") {
            nodes.flatMap(\.instances).count == 1
        }
        let holder = try #require(nodes.first { !$0.instances.isEmpty })
        #expect(holder.instances[0].contains(#""host":"db.example","port":5432"#), "\(holder.instances)")
        try await Self.wait(plane, "Placed", "True Placed")
        #expect(try await Self.condition(plane, "Accepted").hasPrefix("True Valid"))
        #expect(try await Self.value(plane, ".status.node") == holder.id)
        let table = try await plane.kubectl("get", "clusterchecks")
        let rows = table.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(rows.first == ["NAME", "CHECK", "NODE", "PLACED", "REASON", "PASSING", "AGE"], "\(table)")
        #expect(rows.last?.dropLast() == ["db", "postgres", holder.id, "True", "Placed", "Unknown"], "\(table)")
        try await plane.kubectl("wait", "--for=condition=Placed", "clustercheck/db", "--timeout=5s")

        // Edited: the same node. Broken: the last valid one runs on, and people are told where they look.
        try await Self.apply(plane, #"{"check": "postgres", "instances": [{"host": "new.example"}]}"#)
        try await eventually(within: .seconds(60), "the edit; \(agent.process.output)") {
            holder.instances.count == 1 && holder.instances[0].contains("new.example")
        }
        try await Self.apply(plane, #"{"check": "postgres", "instances": [{"host": "%%host%%"}]}"#)
        try await Self.wait(plane, "Accepted", "False Invalid %%host%%: this config is bound to no Service")
        #expect(try await Self.condition(plane, "Placed").hasPrefix("True Placed"))
        #expect(holder.instances[0].contains("new.example"))
        try await Self.apply(plane, #"{"check": "postgres", "instances": [{"host": "last.example"}]}"#)
        try await Self.wait(plane, "Accepted", "True Valid")
        try await eventually(within: .seconds(60), "the mended one") {
            holder.instances.contains { $0.contains("last.example") }
        }
        try await eventually(within: .seconds(30), "the Events") {
            let events = try await plane.kubectl("describe", "clustercheck", "db")
            return events.contains("InvalidCheckConfig") && events.contains("CheckConfigValid")
        }

        // Pinned to a node that does not report, then paused.
        try await Self.apply(
            plane, #"{"check": "postgres", "instances": [{"host": "x"}], "placement": {"pin": "elsewhere"}}"#)
        try await Self.wait(plane, "Placed", "False NoEligibleNode")
        try await Self.apply(plane, #"{"check": "postgres", "instances": [{"host": "x"}], "paused": true}"#)
        try await Self.wait(plane, "Placed", "False Paused spec.paused is true")
        try await Self.apply(plane, #"{"check": "postgres", "instances": [{"host": "again"}]}"#)
        try await eventually(within: .seconds(60), "it runs again") { nodes.flatMap(\.instances).count == 1 }

        // The definition goes with all of its objects, and comes back.
        try await plane.kubectl("delete", "-f", Self.definition, "--timeout=60s")
        try await eventually(within: .seconds(60), "nothing runs; \(agent.process.output)") {
            nodes.flatMap(\.instances).isEmpty
        }
        #expect(try await agent.probe("/readyz").status == 200)
        for node in nodes { #expect(node.lines.allSatisfy { $0["error"] == nil }, "\(node.process.output)") }
        agent.process.signal(SIGTERM)
        #expect(try await agent.process.wait(within: .seconds(30)) == .exited(0))
        await client.shutdown()
        try await plane.stop()
    }

    /// How many ClusterChecks are edited, each this many times. `TEST_CLUSTER_CHECKS=1000` is the whole.
    private static let count = processEnvironment()["TEST_CLUSTER_CHECKS"].flatMap { Int($0) } ?? 150

    @Test func `many that are edited in a loop cost the API server ten writes a second`() async throws {
        let plane = try await ControlPlane.start()
        try await plane.kubectl("apply", "-f", Self.definition)
        try await plane.kubectl(
            "wait", "--for=condition=Established", "crd/clusterchecks.cluster-agent.dev", "--timeout=30s")
        let agent = try Self.start(plane)
        let client = try await agent.client()
        let node = try ProtocolAgent("a", in: plane.directory, url: agent.url)
        let clock = SystemClock()
        let editor = try KubernetesClient(
            try KubernetesConfiguration.kubeconfig(path: plane.adminKubeconfig, environment: [:], clock: clock),
            userAgent: "editor/1", clock: clock)
        let root = "\(ClusterCheck.root)/namespaces/default/clusterchecks"
        func spec(_ round: Int) -> String { #""spec": {"check": "tcp_check", "instances": [{"round": \#(round)}]}"# }
        let begun = clock.now()
        for number in 0..<Self.count {
            let body =
                #"{"apiVersion": "\#(ClusterCheck.apiVersion)", "kind": "ClusterCheck", "#
                + #""metadata": {"name": "c\#(number)"}, \#(spec(0))}"#
            _ = try await editor.request("POST", root, body: Array(body.utf8), as: Anything.self, deadline: .soon)
        }
        let created = clock.now()
        var rounds = 0
        while rounds < 3 || clock.now() - created < .seconds(10) {
            rounds += 1
            for number in 0..<Self.count {
                _ = try await editor.request(
                    "PATCH", "\(root)/c\(number)", body: Array("{\(spec(rounds))}".utf8), as: Anything.self,
                    deadline: .soon)
            }
        }
        let edited = clock.now() - begun
        let during = try await Self.writes(plane)
        // What runs is not behind: placements wait for no status.
        try await eventually(within: .seconds(30), "the newest edit on the node; \(agent.process.output)") {
            node.instances.count == Self.count && node.instances.allSatisfy { $0.contains("\"round\":\(rounds)") }
        }
        try await eventually(within: .seconds(60 + Self.count / 5), "every status to be true; \(agent.process.output)")
        {
            let generations = try await plane.kubectl(
                "get", "clusterchecks", "-o",
                #"jsonpath={range .items[*]}{.metadata.generation}={.status.observedGeneration}={.status.node}{"\n"}{end}"#
            )
            let lines = generations.split(separator: "\n")
            return lines.count == Self.count && lines.allSatisfy { $0 == "\(rounds + 1)=\(rounds + 1)=a" }
        }
        let total = try await Self.writes(plane)
        let took = clock.now() - begun
        print(
            "\(Self.count) ClusterChecks, \(rounds) rounds of edits in \(edited.seconds) s: \(during) status writes;",
            "all true after \(took.seconds) s and \(total) writes")
        #expect(Double(total) <= 10 * took.seconds + 10 && total >= Self.count)
        await editor.shutdown()
        agent.process.signal(SIGTERM)
        try await agent.process.wait(within: .seconds(30))
        await client.shutdown()
        try await plane.stop()
    }

    /// How many writes of a status the API server counts.
    private static func writes(_ plane: ControlPlane) async throws -> Int {
        let metrics = try await plane.kubectl("get", "--raw", "/metrics")
        let counts = metrics.split(separator: "\n").filter {
            $0.hasPrefix("apiserver_request_total{") && $0.contains(#"resource="clusterchecks""#)
                && $0.contains(#"subresource="status""#) && $0.contains(#"verb="PATCH""#)
        }
        return counts.reduce(0) { $0 + (Int($1.split(separator: " ").last ?? "") ?? 0) }
    }
}

/// An answer of which nothing is used.
private struct Anything: JSONReadable {
    init(from json: inout JSONReader) throws(JSONError) {
        try json.enterObject()
        while try json.nextKey() != nil {}
    }
}

extension Instant {
    /// A deadline that no passing test comes near.
    fileprivate static var soon: Instant { SystemClock().now() + .seconds(60) }
}

extension String {
    fileprivate var trimmingBlanks: String { String(drop { $0 == " " }) }
}
