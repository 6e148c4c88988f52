import CheckModel
import Leadership
import Platform
import TestKit
import Testing

@testable import ClusterChecks

/// What the Handler makes of pods and Kubernetes nodes over terms, and what it shows of it.
@Suite struct HandlerClusterTests {
    typealias Fixture = HandlerTests.Fixture

    static let pods = ["w1", "w2"].map { agentPod("pod-\($0)", on: $0, addresses: ["10.0.0.\($0.dropFirst())"]) }

    func node(_ id: String, of fixture: Fixture) throws -> StateSnapshot.Node {
        let nodes = try fixture.handler.snapshot(now: fixture.clock.now()).nodes
        return try #require(nodes.first { $0.id == id })
    }

    func metrics(of fixture: Fixture) -> [String] {
        var writer = MetricsWriter()
        fixture.handler.collect(into: &writer)
        return writer.text.split(separator: "\n").map { String($0) }
    }

    @Test func `pods and nodes are remembered between terms and nothing is decided there`() async throws {
        let fixture = Fixture()
        fixture.handler.handle(.replaced(Self.pods))
        fixture.handler.handle(.replaced([worker("w1", isSchedulable: false), worker("w2")]))
        try await fixture.run {
            try await fixture.dispatch(0..<4, to: ["w1", "w2"], in: HandlerTests.term("1"))
            #expect(try node("w1", of: fixture).conditions.pod == "agents/pod-w1")
            #expect(try fixture.names(of: "w1").isEmpty)
            fixture.leadership.set(.following(nil))
            fixture.settle()
            #expect((try? fixture.report("w1")) == nil)
            let lines = fixture.log.lines.count
            fixture.handler.handle(.deleted(Self.pods[1]))
            #expect(fixture.log.lines.count == lines)
            let again = HandlerTests.term("2", continued: "1")
            fixture.leadership.set(.leading(again))
            try await fixture.untilLeading(again)
            // The first look at silent nodes in the term.
            fixture.live(until: 31)
            fixture.settle()
            #expect(try fixture.names(of: "w1").count == 4)
            let next = HandlerTests.term("3")
            fixture.leadership.set(.leading(next))
            try await fixture.untilLeading(next)
            for id in ["w1", "w2"] { _ = try fixture.report(id) }
            #expect(try node("w1", of: fixture).remarks == ["cordoned"])
            #expect(try node("w2", of: fixture).remarks == ["no pod"])
        }
    }

    @Test func `a deleted pod expires its node at once, not at the heartbeat timeout`() async throws {
        let fixture = Fixture()
        fixture.handler.handle(.replaced(Self.pods))
        try await fixture.run {
            try await fixture.dispatch(0..<4, to: ["w1", "w2"], in: HandlerTests.term("1"))
            fixture.handler.handle(.deleted(Self.pods[0]))
            #expect(try fixture.names(of: "w2").count == 4)
            let ids = try fixture.handler.snapshot(now: fixture.clock.now()).nodes[0].configs.flatMap(\.instanceIDs)
            let lines = fixture.log.lines.suffix(3)
            #expect(lines.first == "info node removed: its pod was deleted node=w1 pod=agents/pod-w1 nodes=1")
            for line in lines.dropFirst() {
                let matching = ids.filter { line == "info moved check=\($0) from=w1 to=w2 reason=pod_deleted" }
                #expect(matching.count == 1)
            }
            var writer = MetricsWriter()
            fixture.handler.collect(into: &writer)
            #expect(writer.text.contains("cluster_checks_moves_total{reason=\"pod_deleted\"} 2\n"))
        }
    }

    @Test func `a draining agent gets its former answer`() async throws {
        let fixture = Fixture()
        fixture.handler.handle(.replaced(Self.pods))
        try await fixture.run {
            try await fixture.dispatch(0..<4, to: ["w1", "w2"], in: HandlerTests.term("1"))
            let before = try fixture.names(of: "w1")
            let revision = try fixture.handler.configs(of: "w1", now: at(30)).value.revision
            fixture.handler.handle(.applied(agentPod("pod-w1", on: "w1", addresses: ["10.0.0.1"], isTerminating: true)))
            #expect(try fixture.names(of: "w1") == before)
            #expect(try fixture.report("w1", lastChange: revision))
            #expect(try fixture.names(of: "w2").count == 4)
            #expect(try node("w1", of: fixture).remarks == ["draining", "handing over 2 checks"])
            #expect(try node("w1", of: fixture).revision == revision)
            #expect(try node("w1", of: fixture).configs.isEmpty)
            // Once the other agent has confirmed, it lets go.
            let taken = try fixture.handler.configs(of: "w2", now: at(30)).value.revision
            #expect(try fixture.report("w2", lastChange: taken))
            #expect(try fixture.names(of: "w1").isEmpty)
            #expect(try !fixture.report("w1", lastChange: revision))
        }
    }

    @Test func `only a leader has a summary`() async throws {
        let fixture = Fixture()
        #expect(fixture.handler.summary(now: at(0)) == nil)
        try await fixture.run {
            let term = HandlerTests.term("1")
            fixture.leadership.set(.leading(term))
            try await fixture.untilLeading(term)
            #expect(
                fixture.handler.summary(now: at(0))
                    == ClusterSummary(nodes: 0, configs: 0, dangling: 0, isWarmingUp: true))
            var pinned = checkConfig("pinned")
            pinned.nodeName = "w9"
            fixture.desired.apply(upserts: [checkConfig("c0"), pinned], synced: true)
            fixture.live(until: 30)
            let expected = ClusterSummary(nodes: 0, configs: 2, dangling: 1, isWarmingUp: false)
            fixture.settle()
            #expect(fixture.handler.summary(now: at(30)) == expected)
            term.validUntil.end()
            #expect(fixture.handler.summary(now: at(30)) == nil)
        }
    }

    @Test func `the metrics count nodes by condition and endpoints checks by node`() async throws {
        let fixture = Fixture()
        fixture.handler.handle(
            .replaced([Self.pods[0], agentPod("pod-w2", on: "w2", addresses: ["10.0.0.2"], isTerminating: true)]))
        fixture.handler.handle(.replaced([worker("w1", isSchedulable: false), worker("w2")]))
        try await fixture.run {
            var pinned = checkConfig("pinned")
            pinned.nodeName = "w9"
            fixture.desired.apply(upserts: [pinned])
            try await fixture.dispatch(0..<0, to: ["w1", "w2", "w3"], in: HandlerTests.term("1"))
            fixture.settle()
            #expect(fixture.handler.summary(now: at(30))?.configs == 1)
            for address in ["10.0.0.8", "10.0.0.9", "10.0.0.8"] {
                let status = NodeStatusRequest(lastChange: 0)
                let report = NodeReport(id: "w3", status: status, address: address, isAddressStated: true)
                _ = try fixture.handler.nodeStatus(report, now: at(30))
            }
            let lines = metrics(of: fixture)
            for condition in ["cordoned", "draining", "duplicate", "without_pod"] {
                let line = "cluster_checks_nodes_condition{join_leader=\"true\",condition=\"\(condition)\"} 1"
                #expect(lines.contains(line))
            }
            #expect(lines.contains("endpoint_checks_configs_dispatched{join_leader=\"true\",node=\"w9\"} 1"))
            #expect(lines.contains("cluster_checks_nodes_reporting{join_leader=\"true\"} 3"))
            let warning = "warning node ID is shared by two agents node=w3"
            let said = fixture.log.lines.filter { $0.hasPrefix(warning) }
            #expect(said == [warning + " agents=10.0.0.8, 10.0.0.9"])
        }
    }

    @Test func `a goodbye in the name of another one's node is refused, and told of once a minute`() async throws {
        let fixture = Fixture()
        try await fixture.run {
            try await fixture.dispatch(0..<1, to: ["w1"], in: HandlerTests.term("1"))
            let status = NodeStatusRequest(lastChange: 0, departure: .gone)
            for _ in 0..<3 {
                #expect(throws: ClusterChecksError.strangersGoodbye(node: "w1", peer: "10.6.6.6")) {
                    try fixture.handler.nodeStatus(
                        NodeReport(id: "w1", status: status, peer: "10.6.6.6"), now: at(30))
                }
            }
            #expect(fixture.log.lines.count { $0.hasPrefix("warning a goodbye was refused") } == 1)
            #expect(try fixture.names(of: "w1") == ["test:c0"])
        }
    }

    @Test func `endpoints checks are answered once they are known`() async throws {
        let fixture = Fixture()
        try await fixture.run {
            for (name, nodeName) in [("a", "w2"), ("b", "w1"), ("c", "w1")] {
                var config = checkConfig(name)
                config.nodeName = nodeName
                fixture.desired.apply(upserts: [config])
            }
            try await fixture.dispatch(0..<1, to: ["w1"], in: HandlerTests.term("1"))
            func names(_ checks: [EncodedConfig]) -> [String] { checks.map(\.key.source) }
            let now = fixture.clock.now()
            #expect(
                try names(fixture.handler.endpointsChecks(of: "w1", now: now).value.configs) == ["test:b", "test:c"])
            #expect(try names(fixture.handler.endpointsChecks(of: "w3", now: now).value.configs) == [])
            #expect(try names(fixture.handler.allEndpointsChecks(now: now).value) == ["test:b", "test:c", "test:a"])
            #expect(try fixture.names(of: "w1") == ["test:c0"])
        }
    }
}
