import CheckModel
import JSON
import Platform
import Testing

@testable import ClusterChecks

/// What configs cost, by what is said, measured and known of others.
@Suite struct CostModelTests {
    /// A config of a check with so many instances, every 15 s.
    private func config(_ name: String, check: String = "a", instances: Int = 1, weight: Double? = nil) throws
        -> EncodedConfig
    {
        let list = (0..<instances).map { JSONValue.object(["url": .string("http://\(name)/\($0)")]) }
        return try ConfigPatch().encode(
            CheckConfig(
                key: ConfigKey(source: "test:\(name)", check: check, index: 0), checkName: check, instances: list,
                rules: PlacementRules(weight: weight)))
    }

    private func stats(_ milliseconds: Int64, failed: Bool = false) -> RunnerStats {
        var stats = RunnerStats()
        (stats.averageExecutionTime, stats.lastExecFailed) = (milliseconds, failed)
        return stats
    }

    /// Has the nodes of configs give these times for all their instances, and takes over what that means.
    private func measure(
        _ times: [(EncodedConfig, Int64)], failed: Set<ConfigKey> = [], _ dispatcher: inout Dispatcher
    ) throws {
        var checks: [String: [ExactText: RunnerStats]] = [:]
        for (config, time) in times {
            let node = try #require(dispatcher.store.nodeID(of: config.key))
            for id in config.instanceIDs {
                checks[node, default: [:]][ExactText(id)] = stats(time, failed: failed.contains(config.key))
            }
        }
        for (node, checks) in checks { _ = dispatcher.record(NodeStatistics(workers: 4, checks: checks), of: node) }
        dispatcher.adopt(CostModel(dispatcher.view, RebalancingOptions()))
    }

    private func cost(_ config: EncodedConfig, _ dispatcher: Dispatcher) -> String {
        guard let cost = dispatcher.store.cost(of: config.key) else { return "none" }
        return "\((cost.instances * 100).rounded() / 100) \(cost.basis)"
    }

    @Test func `what is stated counts first, then what is measured, then others of the check, then instances`() throws {
        let stated = try config("stated", weight: 7)
        let (slow, quick) = (try config("slow"), try config("quick", check: "b"))
        let (alike, unknown) = (try config("alike", instances: 2), try config("unknown", check: "c", instances: 3))
        var dispatcher = try Dispatcher(nodes: ["n"], configs: [stated, slow, quick, alike, unknown])
        #expect(cost(alike, dispatcher) == "2.0 instances")
        // 300 and 100 ms: the usual instance takes 200.
        try measure([(stated, 9000), (slow, 300), (quick, 100)], &dispatcher)
        #expect(cost(stated, dispatcher) == "7.0 stated")
        let unit = try #require(dispatcher.store.workersPerInstance)
        // Of the three instances of check a one is stated, which says nothing less of what it keeps busy.
        #expect(abs(unit - (9000 + 300 + 100) / 3 / 15_000) < 1e-9)
        #expect(cost(slow, dispatcher) == "0.1 measured")
        #expect(cost(quick, dispatcher) == "0.03 measured")
        #expect(cost(alike, dispatcher) == "2.97 estimated")
        #expect(cost(unknown, dispatcher) == "3.0 instances")
    }

    @Test func `a new config costs what others of its check do`() throws {
        let configs = try (0..<4).map { try config("c\($0)") } + [try config("d", check: "b")]
        var dispatcher = try Dispatcher(nodes: ["n"], configs: configs)
        try measure(configs.map { ($0, $0.checkName == "a" ? 150 : 15) }, &dispatcher)
        let new = try config("new")
        dispatcher.dispatch(EncodedChanges(upserts: [new]))
        #expect(cost(new, dispatcher) == cost(configs[0], dispatcher).replacing("measured", with: "estimated"))
    }

    @Test func `a check that fails or has not finished keeps what it cost`() throws {
        let (one, other) = (try config("one"), try config("other", check: "b"))
        var dispatcher = try Dispatcher(nodes: ["n"], configs: [one, other])
        try measure([(one, 0), (other, 100)], &dispatcher)
        #expect(cost(one, dispatcher) == "1.0 instances")
        try measure([(one, 300), (other, 100)], &dispatcher)
        let known = cost(one, dispatcher)
        #expect(known.hasSuffix("measured"))
        try measure([(one, 15_000), (other, 100)], failed: [one.key], &dispatcher)
        #expect(cost(one, dispatcher) == known)
    }

    @Test func `a cost follows slowly, and not at all while it differs by less than a tenth`() throws {
        let (one, other) = (try config("one"), try config("other"))
        var dispatcher = try Dispatcher(nodes: ["n"], configs: [one, other])
        try measure([(one, 100), (other, 100)], &dispatcher)
        #expect(cost(one, dispatcher) == "1.0 measured")
        let version = dispatcher.store.version
        try measure([(one, 105), (other, 95)], &dispatcher)
        #expect(dispatcher.store.version == version)
        // Once three times as slow: a third of the way, in units that stay.
        try measure([(one, 300), (other, 100)], &dispatcher)
        #expect(cost(one, dispatcher) == "1.6 measured")
        for _ in 0..<20 { try measure([(one, 300), (other, 100)], &dispatcher) }
        let settled = try #require(dispatcher.store.cost(of: one.key)).instances
        #expect(settled > 2.4 && settled <= 3)
    }

    @Test func `when everything is ten times as slow, costs stay what they were to each other`() throws {
        let (one, other) = (try config("one"), try config("other", check: "b"))
        var dispatcher = try Dispatcher(nodes: ["n"], configs: [one, other])
        try measure([(one, 100), (other, 300)], &dispatcher)
        try measure([(one, 1000), (other, 3000)], &dispatcher)
        for _ in 0..<20 { try measure([(one, 1000), (other, 3000)], &dispatcher) }
        let (light, heavy) = (
            try #require(dispatcher.store.cost(of: one.key)), try #require(dispatcher.store.cost(of: other.key))
        )
        #expect(abs(heavy.instances / light.instances - 3) < 0.5)
        #expect(abs(heavy.instances + light.instances - 2) < 0.5)
    }

    @Test func `an edit keeps what was measured, for each instance`() throws {
        let (one, other) = (try config("one", instances: 2), try config("other"))
        var dispatcher = try Dispatcher(nodes: ["n"], configs: [one, other])
        try measure([(one, 100), (other, 400)], &dispatcher)
        let before = try #require(dispatcher.store.cost(of: one.key))
        dispatcher.dispatch(EncodedChanges(upserts: [try config("one", instances: 4)]))
        let after = try #require(dispatcher.store.cost(of: one.key))
        #expect(abs(after.instances - 2 * before.instances) < 0.001 && after.basis == .measured)
        dispatcher.dispatch(EncodedChanges(upserts: [try config("one", weight: 2)]))
        #expect(cost(one, dispatcher) == "2.0 stated")
    }

    @Test func `costs go with a config when it moves, and to whoever takes over`() throws {
        let configs = try (0..<6).map { try config("c\($0)", check: "k\($0)") }
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: configs)
        try measure(configs.enumerated().map { ($1, Int64(100 * ($0 + 1))) }, &dispatcher)
        let costs = configs.map { cost($0, dispatcher) }
        for second in 1...31 {
            _ = try dispatcher.report("b", at: Double(second))
            _ = dispatcher.expireNodes(now: at(Double(second)))
        }
        #expect(dispatcher.store.counts == ["b": 6])
        #expect(configs.map { cost($0, dispatcher) } == costs)
        var mirror = StoreMirror(term: "t", version: dispatcher.store.version)
        for change in dispatcher.mirrored.changes { try mirror.fill(change, sent: at(31)) }
        #expect(configs.map { mirror.store.cost(of: $0.key) } == configs.map { dispatcher.store.cost(of: $0.key) })
        #expect(mirror.store.workersPerInstance == dispatcher.store.workersPerInstance)
        var successor = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        successor.adopt(mirror.adoption(own: configs, now: at(31)), now: at(31))
        #expect(configs.map { cost($0, successor) } == costs)
    }

    @Test func `busyness is measured in its own unit`() throws {
        var options = RebalancingOptions()
        options.usesUtilization = false
        let (one, other) = (try config("one"), try config("other", check: "b"))
        var dispatcher = try Dispatcher(nodes: ["n"], configs: [one, other])
        var (busy, idle) = (stats(0), stats(5000))
        (busy.metricSamples, idle.metricSamples) = (300, 100)
        let checks = [ExactText(one.instanceIDs[0]): busy, ExactText(other.instanceIDs[0]): idle]
        _ = dispatcher.record(NodeStatistics(workers: 4, checks: checks), of: "n")
        dispatcher.adopt(CostModel(dispatcher.view, options))
        #expect([one, other].map { cost($0, dispatcher) } == ["1.5 measured", "0.5 measured"])
    }
}
