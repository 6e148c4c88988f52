import CheckModel
import JSON
import Platform
import TestKit
import Testing

@testable import ClusterChecks

/// Configs that not every node may run.
@Suite struct EligibilityTests {
    /// A config with rules, of a check of this name.
    private func config(
        _ name: String, check: String = "http_check", edition: Int = 0, handOver: HandOverPolicy = .sticky,
        _ rules: PlacementRules?
    ) throws -> EncodedConfig {
        let instance = JSONValue.object(["url": .string("http://\(name)/\(edition)")])
        return try ConfigPatch().encode(
            CheckConfig(
                key: ConfigKey(source: "test:\(name)", check: check, index: 0), checkName: check,
                instances: [instance], handOver: handOver, rules: rules))
    }

    private static let zone = ExactText(PlacementRules.zoneLabel)

    /// Nodes `w1` to `w3` on Kubernetes nodes of the same name: `w1` and `w2` have ssds, `w2` and `w3` are in zone b.
    private func dispatcher(_ configs: [EncodedConfig], known: Bool = true) throws -> Dispatcher {
        var dispatcher = try Dispatcher(nodes: [], configs: [])
        if known { _ = dispatcher.handle(.replaced(Self.workers), at: 0) }
        for id in ["w1", "w2", "w3"] { _ = try dispatcher.report(id, at: 0) }
        dispatcher.dispatch(EncodedChanges(upserts: configs, isWhole: true))
        return dispatcher
    }

    private static let workers = [
        worker("w1", labels: ["disk": "ssd", zone: "a"]), worker("w2", labels: ["disk": "ssd", zone: "b"]),
        worker("w3", labels: ["disk": "hdd", zone: "b"]),
    ]

    private func reason(_ config: EncodedConfig, _ dispatcher: Dispatcher) -> String? {
        dispatcher.store.danglingReason(of: config.key)?.description
    }

    static let rules: [(PlacementRules?, [String])] = [
        (PlacementRules(nodeSelector: ["disk": "ssd"]), ["w1", "w2"]), (PlacementRules(zones: ["b"]), ["w2", "w3"]),
        (PlacementRules(nodeSelector: ["disk": "ssd"], zones: ["b", "c"]), ["w2"]),
        (PlacementRules(pin: "w3"), ["w3"]), (PlacementRules(zones: ["a", "b"]), ["w1", "w2", "w3"]),
        (PlacementRules(weight: 3), ["w1", "w2", "w3"]),
    ]

    @Test(arguments: rules) func `a config goes to a node that its rules allow, and spreads over all of them`(
        rules: PlacementRules?, nodes: [String]
    ) throws {
        let configs = try (0..<12).map { try config("c\($0)", rules) }
        let dispatcher = try dispatcher(configs)
        let placed = Set(configs.compactMap { dispatcher.store.nodeID(of: $0.key) })
        #expect(placed.sorted() == nodes)
        for id in nodes { #expect(dispatcher.store.counts[id] == 12 / nodes.count) }
    }

    static let reasons: [(PlacementRules?, String)] = [
        (
            PlacementRules(nodeSelector: ["disk": "nvme", "os": "linux"]),
            "no Kubernetes node of a node-agent has the labels disk=nvme,os=linux"
        ),
        (PlacementRules(zones: ["c"]), "no node-agent is in the zone c"),
        (PlacementRules(zones: ["c", "d"]), "no node-agent is in any of the zones c, d"),
        (PlacementRules(pin: "w9"), "the node w9, to which it is pinned, does not report"),
        (
            PlacementRules(nodeSelector: ["disk": "hdd"], zones: ["a"]),
            "no node may run it: some lack the labels disk=hdd, some are not in the zone a"
        ),
    ]

    @Test(arguments: reasons) func `what no node may run says why`(rules: PlacementRules?, reason: String) throws {
        let (lost, other) = (try config("c0", rules), try config("c1", nil))
        let dispatcher = try dispatcher([lost, other])
        #expect(self.reason(lost, dispatcher) == reason)
        #expect(dispatcher.store.nodeID(of: other.key) != nil)
    }

    @Test func `an agent gets only the checks that it runs`() throws {
        let (redis, web) = (try config("r", check: "redisdb", nil), try config("w", nil))
        var dispatcher = try Dispatcher(nodes: [], configs: [])
        for id in ["a", "b"] {
            _ = try dispatcher.report(id, runs: CheckCompatibility(include: ["http_check", "tls"]), at: 0)
        }
        dispatcher.dispatch(EncodedChanges(upserts: [redis, web], isWhole: true))
        #expect(reason(redis, dispatcher) == "no node-agent runs redisdb")
        #expect(dispatcher.store.nodeID(of: web.key) != nil)
        // A runner that says nothing runs anything.
        _ = try dispatcher.report("old", at: 1)
        #expect(dispatcher.store.nodeID(of: redis.key) == "old")
        // It says what it runs, and so does another one.
        _ = try dispatcher.report("old", runs: CheckCompatibility(include: [], exclude: ["redisdb"]), at: 2)
        #expect(reason(redis, dispatcher) == "no node-agent runs redisdb")
        let changes = try dispatcher.report("b", runs: CheckCompatibility(include: ["redisdb"]), at: 3).changes
        #expect(dispatcher.store.nodeID(of: redis.key) == "b")
        #expect(changes.compactMap(\.movedKey).contains(redis.key))
        #expect(dispatcher.store.nodeID(of: web.key) != "b")
    }

    @Test func `who joins and says what it runs gets nothing else, not even for a moment`() throws {
        var dispatcher = try Dispatcher(nodes: ["a"], configs: try encodedConfigs(0..<6))
        let changes = try dispatcher.report("b", runs: CheckCompatibility(include: ["tls"]), at: 1).changes
        #expect(changes.compactMap(\.movedKey).isEmpty && dispatcher.store.counts == ["a": 6, "b": 0])
    }

    @Test func `nodes that come do not have a reason told again`() throws {
        let lost = try config("c0", PlacementRules(nodeSelector: ["disk": "hdd"], zones: ["a"]))
        var dispatcher = try dispatcher([lost])
        _ = dispatcher.drainHistory()
        for number in 4..<20 { _ = try dispatcher.report("w\(number)", at: 1) }
        #expect(dispatcher.drainHistory().filter { $0.kind == .dangles }.count <= 1)
    }

    @Test func `a label that changes moves what it must, and nothing else`() throws {
        let ssd = try (0..<4).map { try config("s\($0)", PlacementRules(nodeSelector: ["disk": "ssd"])) }
        let free = try (0..<4).map { try config("f\($0)", nil) }
        var dispatcher = try dispatcher(ssd + free)
        let former = Set(ssd.map(\.key).filter { dispatcher.store.nodeID(of: $0) == "w1" })
        #expect(former.count == 2)
        let changes = dispatcher.handle(.applied(worker("w1", labels: ["disk": "hdd", Self.zone: "a"])), at: 1)
        #expect(Set(changes.compactMap(\.movedKey)) == former)
        for change in changes {
            guard case .configMoved(_, let from, let to, let reason, _) = change else { continue }
            #expect([from, to] == ["w1", "w2"] && reason == .unfit)
        }
        #expect(dispatcher.handle(.applied(worker("w1", labels: ["disk": "hdd", Self.zone: "c"])), at: 2).isEmpty)
        // The last one with an ssd goes: nothing is left that may run them, and they say so.
        _ = dispatcher.handle(.applied(worker("w2", labels: [:])), at: 3)
        for config in ssd {
            #expect(
                reason(config, dispatcher) == "no Kubernetes node of a node-agent has the labels disk=ssd")
        }
        _ = dispatcher.handle(.applied(worker("w3", labels: ["disk": "ssd"])), at: 4)
        #expect(ssd.allSatisfy { dispatcher.store.nodeID(of: $0.key) == "w3" })
    }

    @Test func `until Kubernetes nodes are known, what selects them waits`() throws {
        let config = try config("c", PlacementRules(nodeSelector: ["disk": "ssd"]))
        var dispatcher = try dispatcher([config], known: false)
        #expect(reason(config, dispatcher) == "the Kubernetes nodes of the node-agents are not known")
        _ = dispatcher.handle(.replaced(Self.workers), at: 1)
        #expect(["w1", "w2"].contains(dispatcher.store.nodeID(of: config.key)))
    }

    @Test func `an edit of its rules moves a config only if it must`() throws {
        let original = try config("c", PlacementRules(pin: "w1"))
        var dispatcher = try dispatcher([original])
        func edit(_ rules: PlacementRules?) throws -> [StoreChange] {
            dispatcher.dispatch(EncodedChanges(upserts: [try config("c", rules)], isWhole: true)).changes
        }
        #expect(try edit(PlacementRules(zones: ["a"])).compactMap(\.movedKey).isEmpty)
        #expect(try edit(PlacementRules(pin: "w3")).compactMap(\.movedKey) == [original.key])
        #expect(dispatcher.store.nodeID(of: original.key) == "w3")
        _ = try edit(PlacementRules(pin: "nobody"))
        #expect(reason(original, dispatcher) == "the node nobody, to which it is pinned, does not report")
        _ = try edit(nil)
        #expect(dispatcher.store.nodeID(of: original.key) != nil)
    }

    @Test func `what is pinned waits for its node, and goes nowhere else when that leaves`() throws {
        let config = try config("c", PlacementRules(pin: "w4"))
        var dispatcher = try dispatcher([config])
        _ = try dispatcher.report("w4", at: 1)
        #expect(dispatcher.store.nodeID(of: config.key) == "w4")
        for second in 2...40 {
            for id in ["w1", "w2", "w3"] { _ = try dispatcher.report(id, at: Double(second)) }
            _ = dispatcher.expireNodes(now: at(Double(second)))
        }
        #expect(dispatcher.store.slot(of: "w4") == nil)
        #expect(reason(config, dispatcher) == "the node w4, to which it is pinned, does not report")
    }

    @Test func `who joins takes only what it may run`() throws {
        let pinned = try (0..<6).map { try config("p\($0)", PlacementRules(zones: ["a"])) }
        var dispatcher = try Dispatcher(nodes: [], configs: [])
        _ = dispatcher.handle(.replaced(Self.workers), at: 0)
        _ = try dispatcher.report("w1", at: 0)
        dispatcher.dispatch(EncodedChanges(upserts: pinned + [try config("f", nil)], isWhole: true))
        #expect(dispatcher.store.counts == ["w1": 7])
        let moved = try dispatcher.report("w3", at: 1).changes.compactMap(\.movedKey)
        #expect(moved.count == 1 && dispatcher.store.counts == ["w1": 6, "w3": 1])
    }

    @Test func `an exclusive config that no node may run is stopped before it starts anywhere else`() throws {
        let original = try config("c", handOver: .exclusive, PlacementRules(pin: "w1"))
        var dispatcher = try dispatcher([original])
        // Until then any agent may run it, as far as is known.
        for second in 1...31 {
            try dispatcher.confirm(["w1", "w2", "w3"], at: Double(second))
            _ = dispatcher.expireNodes(now: at(Double(second)))
        }
        #expect(try dispatcher.configs(of: "w1").configs.count == 1)
        try dispatcher.confirm(["w1"], at: 31)
        let elsewhere = try config("c", handOver: .exclusive, PlacementRules(pin: "nobody"))
        dispatcher.dispatch(EncodedChanges(upserts: [elsewhere], isWhole: true))
        #expect(dispatcher.store.nodeID(of: original.key) == nil)
        let last = try config("c", handOver: .exclusive, PlacementRules(pin: "w2"))
        dispatcher.dispatch(EncodedChanges(upserts: [last], isWhole: true))
        #expect(dispatcher.store.nodeID(of: original.key) == "w2")
        #expect(try dispatcher.configs(of: "w2").configs.isEmpty)
        try dispatcher.confirm(["w1"], at: 32)
        #expect(try dispatcher.configs(of: "w2").configs.map(\.key) == [original.key])
    }

    @Test func `load follows capacity`() throws {
        var dispatcher = try Dispatcher(nodes: [], configs: [])
        _ = dispatcher.handle(
            .replaced([worker("small", capacity: .some(1)), worker("large", capacity: .some(9)), worker("usual")]),
            at: 0)
        for id in ["small", "large", "usual"] { _ = try dispatcher.report(id, at: 0) }
        dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(0..<140), isWhole: true))
        #expect(dispatcher.store.counts == ["small": 10, "large": 90, "usual": 40])
        #expect(dispatcher.store.node("large")?.abilities.basis == .stated)
        // Who joins takes the share of its capacity.
        _ = dispatcher.handle(.applied(worker("new", capacity: .some(14))), at: 1)
        _ = try dispatcher.report("new", at: 1)
        #expect(dispatcher.store.counts["new"] == 70)
        // An agent's own word counts where Kubernetes says nothing.
        _ = dispatcher.record(NodeStatistics(workers: 16, checks: [:]), of: "usual")
        #expect(dispatcher.store.node("usual")?.abilities.capacity == 16)
        _ = dispatcher.record(NodeStatistics(workers: 16, checks: [:]), of: "small")
        #expect(dispatcher.store.node("small")?.abilities.capacity == 1)
    }

    @Test func `a weight counts as so many instances`() throws {
        let heavy = try config("heavy", PlacementRules(weight: 10))
        let dispatcher = try dispatcher([heavy] + (try encodedConfigs(0..<20)))
        let node = try #require(dispatcher.store.nodeID(of: heavy.key))
        #expect(dispatcher.store.counts[node] == 1)
    }
}
