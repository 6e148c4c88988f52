import CheckModel
import JSON
import Platform
import Testing

@testable import ClusterChecks

/// That an exclusive config never has two agents that may run it, where what is known of the former one is little.
@Suite struct ExclusiveConfigTests {
    private static let nodes = ["w1", "w2", "w3"]

    private func exclusive(_ name: String = "e", edition: Int = 0) throws -> EncodedConfig {
        var config = CheckConfig(
            key: ConfigKey(source: "test:\(name)", check: "http_check", index: edition), checkName: "http_check",
            instances: [.object(["url": .string("http://\(name)/\(edition)")])])
        config.handOver = .exclusive
        return try ConfigPatch().encode(config)
    }

    /// A leader without memory, in whose warm-up nodes reported that they run nothing.
    private func cold(_ nodes: [String], _ configs: [EncodedConfig]) throws -> Dispatcher {
        try Dispatcher(nodes: nodes, configs: configs)
    }

    /// Three nodes that have confirmed what they run, among it an exclusive config; and which one has that.
    private func settled() throws -> (dispatcher: Dispatcher, config: EncodedConfig, node: String) {
        let config = try exclusive()
        var dispatcher = try cold(Self.nodes, [config])
        _ = dispatcher.handle(.replaced(Self.nodes.map { agentPod("pod-\($0)", on: $0) }), at: 0)
        for second in 1...31 {
            try dispatcher.confirm(Self.nodes, at: Double(second))
            _ = dispatcher.expireNodes(now: at(Double(second)))
        }
        try dispatcher.confirm(Self.nodes, at: 31)
        #expect(dispatcher.store.handOvers.isEmpty)
        return (dispatcher, config, try #require(dispatcher.store.nodeID(of: config.key)))
    }

    private func told(_ id: String, _ dispatcher: Dispatcher) throws -> [ConfigKey] {
        try dispatcher.configs(of: id).configs.map(\.key)
    }

    /// Lets a node's pod terminate, so that what it has goes to others; returns which one gets a config.
    private func terminate(_ id: String, having key: ConfigKey, _ dispatcher: inout Dispatcher) throws -> String {
        _ = dispatcher.handle(.applied(agentPod("pod-\(id)", on: id, isTerminating: true)), at: 32)
        let node = try #require(dispatcher.store.nodeID(of: key))
        #expect(node != id)
        return node
    }

    @Test(arguments: [(joins: 10, confirms: 35), (joins: 10, confirms: 20), (joins: 31, confirms: 90)])
    func `who misses the warm-up and is heard within a timeout may run it until it says what it runs`(
        joins: Int, confirms: Int
    ) throws {
        let config = try exclusive()
        var dispatcher = try cold(["w1"], [config])
        // Later than a timeout after the beginning it has stopped it by itself.
        let free = joins < 30 ? max(30, confirms) : 30
        for second in 1...60 {
            _ = dispatcher.expireNodes(now: at(Double(second)))
            #expect(try told("w1", dispatcher).isEmpty == (second < free), "\(second) s")
            try dispatcher.confirm(["w1"], at: Double(second))
            if second == joins { _ = try dispatcher.report("w2", lastChange: 5, at: Double(second)) }
            guard second > joins else { continue }
            _ = try dispatcher.report("w2", lastChange: -1, at: Double(second))
            if second >= confirms - 1 { try dispatcher.confirm(["w2"], at: Double(second)) }
        }
        #expect(dispatcher.store.handOvers.isEmpty)
    }

    @Test func `its answers wait until whoever may take over knows it, and nobody else's do`() throws {
        var dispatcher = try cold(["w1"], [try exclusive()])
        func since(_ id: String, _ revision: Int64, _ second: Double) throws -> UInt64? {
            let status = NodeStatusRequest(lastChange: revision, nodeType: 0)
            return try dispatcher.nodeStatus(NodeReport(id: id, status: status, address: nil), now: at(second)).since
        }
        for second in 1...9 { _ = dispatcher.expireNodes(now: at(Double(second))) }
        #expect(try since("w1", 0, 9) == nil)
        let first = try #require(try since("w2", 5, 10))
        #expect(dispatcher.store.version >= first)
        #expect(try since("w2", -1, 11) == first)
        let revision = try dispatcher.tell("w2").revision
        #expect(try since("w2", revision, 12) == nil, "it has said what it runs")
        for second in 13...31 { _ = dispatcher.expireNodes(now: at(Double(second))) }
        #expect(try since("w3", 5, 31) == nil, "it has stopped it by itself")
    }

    @Test(arguments: [0, 10]) func `a Prometheus holds nothing up, since it runs nothing exclusive`(joins: Int) throws {
        let config = try exclusive()
        var dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        func fetch(_ second: Double) throws {
            let status = NodeStatusRequest(lastChange: -1, nodeType: 0)
            let report = NodeReport(id: "prometheus", status: status, refreshInterval: .seconds(60))
            _ = try dispatcher.nodeStatus(report, now: at(second))
        }
        _ = try dispatcher.report("w1", at: 0)
        if joins == 0 { try fetch(0) }
        dispatcher.dispatch(EncodedChanges(upserts: [config], isWhole: true))
        for second in 1...31 {
            if second == joins { try fetch(Double(second)) }
            _ = dispatcher.expireNodes(now: at(Double(second)))
            #expect(try told("w1", dispatcher).isEmpty == (second < 30), "\(second) s")
            try dispatcher.confirm(["w1"], at: Double(second))
        }
    }

    @Test func `one of two agents under an ID does not say for the other that it runs nothing`() throws {
        let config = try exclusive()
        var dispatcher = try cold(["w1", "w2"], [config])
        for second in 1...50 {
            _ = dispatcher.expireNodes(now: at(Double(second)))
            let node = try #require(dispatcher.store.nodeID(of: config.key))
            if second < 40 { #expect(try told(node, dispatcher).isEmpty, "\(second) s") }
            try dispatcher.confirm(["w1"], at: Double(second))
            for address in ["10.0.0.1", "10.0.0.2"] {
                _ = try dispatcher.report("w2", lastChange: 0, address: address, at: Double(second))
            }
        }
    }

    @Test func `a revision does not prove that an agent runs what was withheld from it`() throws {
        let config = try exclusive()
        let former = try cold(["w1"], [config])
        #expect(try told("w1", former).isEmpty)
        var next = Dispatcher(
            succeeding: Dispatcher(options: HandlerOptions(patch: ConfigPatch())), hint: PlacementHint(former.store))
        next.beginListening(at: at(0))
        let revision = try #require(former.store.node("w1")?.revision.value)
        _ = try next.report("w1", lastChange: revision, at: 0)
        next.dispatch(EncodedChanges(upserts: [config], isWhole: true))
        for second in 1...31 {
            _ = next.expireNodes(now: at(Double(second)))
            #expect(try told("w1", next).isEmpty == (second < 30), "\(second) s")
            try next.confirm(["w1"], at: Double(second))
        }
    }

    @Test func `an edit that gives it another key does not end the wait for its former node`() throws {
        var (dispatcher, config, former) = try settled()
        let node = try terminate(former, having: config.key, &dispatcher)
        #expect(try told(node, dispatcher).isEmpty)
        let edited = try exclusive(edition: 1)
        dispatcher.dispatch(EncodedChanges(upserts: [edited], removals: [config.key]))
        #expect(dispatcher.store.nodeID(of: edited.key) == node)
        #expect(try told(node, dispatcher).isEmpty, "\(former) may run it under its former key")
        try dispatcher.confirm([former], at: 33)
        #expect(try told(node, dispatcher) == [edited.key])
        #expect(dispatcher.store.handOvers.isEmpty)
    }

    @Test func `an edit that gives it another key does not end the wait for nobody knows whom`() throws {
        let (config, edited) = (try exclusive(), try exclusive(edition: 1))
        var dispatcher = try cold(["w1"], [config])
        for second in 1...31 {
            if second == 5 { dispatcher.dispatch(EncodedChanges(upserts: [edited], removals: [config.key])) }
            _ = dispatcher.expireNodes(now: at(Double(second)))
            #expect(try told("w1", dispatcher).isEmpty == (second < 30), "\(second) s")
            try dispatcher.confirm(["w1"], at: Double(second))
        }
    }

    @Test func `of several that get other keys each waits until no other agent may run any of them`() throws {
        let configs = try (0..<3).map { try exclusive(edition: $0) }
        var dispatcher = try cold(Self.nodes, configs)
        for second in 1...31 {
            try dispatcher.confirm(Self.nodes, at: Double(second))
            _ = dispatcher.expireNodes(now: at(Double(second)))
        }
        try dispatcher.confirm(Self.nodes, at: 31)
        #expect(dispatcher.store.handOvers.isEmpty)
        let edited = try (3..<6).map { try exclusive(edition: $0) }
        dispatcher.dispatch(EncodedChanges(upserts: edited, removals: configs.map(\.key)))
        for node in Self.nodes { #expect(try told(node, dispatcher).isEmpty, "\(node)") }
        try dispatcher.confirm(["w1", "w2"], at: 32)
        for node in Self.nodes { #expect(try told(node, dispatcher).isEmpty, "w3 may run any of them; \(node)") }
        for second in 33...34 { try dispatcher.confirm(Self.nodes, at: Double(second)) }
        #expect(try Set(Self.nodes.flatMap { try told($0, dispatcher) }) == Set(edited.map(\.key)))
        #expect(dispatcher.store.handOvers.isEmpty)
    }

    @Test func `one that is removed, and comes under another key later, waits for its former node`() throws {
        var (dispatcher, config, former) = try settled()
        dispatcher.dispatch(EncodedChanges(upserts: [], removals: [config.key]))
        _ = dispatcher.handle(.applied(agentPod("pod-\(former)", on: former, isTerminating: true)), at: 32)
        let edited = try exclusive(edition: 1)
        dispatcher.dispatch(EncodedChanges(upserts: [edited]))
        let node = try #require(dispatcher.store.nodeID(of: edited.key))
        #expect(try node != former && told(node, dispatcher).isEmpty)
        try dispatcher.confirm([former], at: 33)
        #expect(try told(node, dispatcher) == [edited.key])
    }

    @Test func `an edit that is undone before its agent asks again ends no wait`() throws {
        var (dispatcher, config, former) = try settled()
        let edited = try exclusive(edition: 1)
        dispatcher.dispatch(EncodedChanges(upserts: [edited], removals: [config.key]))
        let revision = try dispatcher.tell(former).revision
        _ = try terminate(former, having: edited.key, &dispatcher)
        dispatcher.dispatch(EncodedChanges(upserts: [config], removals: [edited.key]))
        let node = try #require(dispatcher.store.nodeID(of: config.key))
        // It runs the edited one, and says so.
        _ = try dispatcher.report(former, lastChange: revision, at: 33)
        #expect(try told(node, dispatcher).isEmpty, "\(former) runs what was edited")
        for second in 34...35 { try dispatcher.confirm([former], at: Double(second)) }
        #expect(try told(node, dispatcher) == [config.key])
    }

    @Test func `where it stays under another key it is told at once, and moves only once it was stopped there`() throws
    {
        var (dispatcher, config, former) = try settled()
        let edited = try exclusive(edition: 1)
        dispatcher.dispatch(EncodedChanges(upserts: [edited], removals: [config.key]))
        #expect(try told(former, dispatcher) == [edited.key])
        // It has not asked for that yet.
        let node = try terminate(former, having: edited.key, &dispatcher)
        #expect(try told(node, dispatcher).isEmpty, "\(former) may run it under its former key")
        try dispatcher.confirm([former], at: 33)
        #expect(try told(node, dispatcher) == [edited.key])
    }
}
