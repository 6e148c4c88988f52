import CheckModel
import Platform
import Testing

@testable import ClusterChecks

/// How configs of each policy go from one node to another.
@Suite struct HandOverPolicyTests {
    static let nodes = ["w1", "w2", "w3"]

    /// A config whose author stated how it is handed over.
    private func config(_ name: String, _ policy: HandOverPolicy) throws -> EncodedConfig {
        var config = checkConfig(name)
        config.handOver = policy
        return try ConfigPatch().encode(config)
    }

    /// Three configs of each policy, spread over three nodes of a DaemonSet, whose agents all run what they should.
    private func dispatcher(isOfDaemonSet: Bool = true, grace: Duration = .seconds(15)) throws -> Dispatcher {
        let configs = try HandOverPolicy.allCases.flatMap { policy in
            try (0..<3).map { try config("\(policy)\($0)", policy) }
        }
        var options = HandlerOptions(patch: ConfigPatch())
        options.restartGrace = grace
        var dispatcher = Dispatcher(options: options)
        for node in Self.nodes { _ = try dispatcher.report(node, at: 0) }
        _ = dispatcher.handle(
            .replaced(Self.nodes.map { agentPod("pod-\($0)", on: $0, isOfDaemonSet: isOfDaemonSet) }), at: 0)
        _ = dispatcher.handle(.replaced(Self.nodes.map { worker($0) }), at: 0)
        dispatcher.dispatch(EncodedChanges(upserts: configs, isWhole: true))
        for second in 1...31 {
            try dispatcher.confirm(Self.nodes, at: Double(second))
            _ = dispatcher.expireNodes(now: at(Double(second)))
        }
        try dispatcher.confirm(Self.nodes, at: 31)
        #expect(dispatcher.store.handOvers.isEmpty)
        return dispatcher
    }

    private func keys(_ configs: [EncodedConfig], _ policy: HandOverPolicy) -> [ConfigKey] {
        configs.filter { $0.handOver == policy }.map(\.key).sorted()
    }

    private func placed(_ id: String, _ policy: HandOverPolicy, _ dispatcher: Dispatcher) -> [ConfigKey] {
        keys(dispatcher.store.node(id)?.configs ?? [], policy)
    }

    private func told(_ id: String, _ policy: HandOverPolicy, _ dispatcher: Dispatcher) throws -> [ConfigKey] {
        keys(try dispatcher.configs(of: id).configs, policy)
    }

    private func terminate(_ id: String, isOfDaemonSet: Bool = true, _ dispatcher: inout Dispatcher) {
        let pod = agentPod("pod-\(id)", on: id, isTerminating: true, isOfDaemonSet: isOfDaemonSet)
        _ = dispatcher.handle(.applied(pod), at: 32)
    }

    @Test func `after a warm-up an exclusive config waits until it is known what every agent runs`() throws {
        var dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        for node in Self.nodes { _ = try dispatcher.report(node, lastChange: 5, at: 0) }
        let exclusive = try config("e", .exclusive)
        dispatcher.dispatch(EncodedChanges(upserts: [exclusive, try config("s", .sticky)], isWhole: true))
        let node = try #require(dispatcher.store.nodeID(of: exclusive.key))
        for second in 1...40 {
            // One says late what it runs, and one that was not heard at all may run it for a timeout.
            let said = second < 35 ? ["w1", "w2"] : Self.nodes
            try dispatcher.confirm(said, at: Double(second))
            _ = try dispatcher.report("w3", lastChange: -1, at: Double(second))
            _ = dispatcher.expireNodes(now: at(Double(second)))
            #expect(try told(node, .exclusive, dispatcher).isEmpty == (second < 35), "\(second) s")
        }
        // What comes later was nowhere before.
        let next = try config("next", .exclusive)
        dispatcher.dispatch(EncodedChanges(upserts: [next]))
        #expect(dispatcher.store.handOvers.isEmpty)
    }

    @Test func `a new exclusive config in the first timeout of a warm-up's term is withheld even from idle agents`()
        throws
    {
        var dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        _ = try dispatcher.report("w1", lastChange: 0, at: 0)
        let exclusive = try config("e", .exclusive)
        dispatcher.dispatch(EncodedChanges(upserts: [exclusive], isWhole: true))
        for second in 1...31 {
            _ = dispatcher.expireNodes(now: at(Double(second)))
            #expect(try told("w1", .exclusive, dispatcher).isEmpty == (second < 30), "\(second) s")
            _ = try dispatcher.report("w1", lastChange: 0, at: Double(second))
        }
    }

    @Test func `a restart moves nothing that is sticky, hands over what overlaps, and stops what is exclusive first`()
        throws
    {
        var dispatcher = try dispatcher()
        let sticky = placed("w1", .sticky, dispatcher)
        let (overlap, exclusive) = (placed("w1", .overlap, dispatcher), placed("w1", .exclusive, dispatcher))
        #expect(!sticky.isEmpty && overlap.count + exclusive.count > 0)
        terminate("w1", &dispatcher)
        #expect(placed("w1", .sticky, dispatcher) == sticky)
        #expect(placed("w1", .overlap, dispatcher).isEmpty && placed("w1", .exclusive, dispatcher).isEmpty)
        // The one still runs it, and the other is told; or the other is not.
        #expect(try told("w1", .overlap, dispatcher) == overlap)
        #expect(try told("w1", .exclusive, dispatcher).isEmpty)
        for key in overlap {
            let node = try #require(dispatcher.store.nodeID(of: key))
            #expect(try told(node, .overlap, dispatcher).contains(key))
        }
        for key in exclusive {
            let node = try #require(dispatcher.store.nodeID(of: key))
            #expect(try !told(node, .exclusive, dispatcher).contains(key))
        }
        try dispatcher.confirm(["w2", "w3"], at: 33)
        #expect(try told("w1", .overlap, dispatcher).isEmpty)
        #expect(dispatcher.store.handOvers.count == exclusive.count)
        try dispatcher.confirm(["w1"], at: 34)
        for key in exclusive {
            let node = try #require(dispatcher.store.nodeID(of: key))
            #expect(try told(node, .exclusive, dispatcher).contains(key))
        }
    }

    @Test(arguments: [14.0, 16.0]) func `sticky configs wait for the next agent for a grace`(back: Double) throws {
        var dispatcher = try dispatcher()
        let sticky = placed("w1", .sticky, dispatcher)
        _ = dispatcher.handle(.deleted(agentPod("pod-w1", on: "w1", isOfDaemonSet: true)), at: 32)
        #expect(dispatcher.store.node("w1")?.isAway == true)
        #expect(placed("w1", .sticky, dispatcher) == sticky)
        #expect(placed("w1", .exclusive, dispatcher).isEmpty)
        _ = dispatcher.handle(.applied(agentPod("next", on: "w1", isOfDaemonSet: true)), at: 33)
        for second in 33...Int(32 + back) {
            for id in ["w2", "w3"] { _ = try dispatcher.report(id, at: Double(second)) }
            _ = dispatcher.expireNodes(now: at(Double(second)))
        }
        #expect((placed("w1", .sticky, dispatcher) == sticky) == (back < 15))
        let answer = try dispatcher.report("w1", at: 32 + back)
        #expect(dispatcher.store.node("w1")?.isAway == false)
        // It takes nothing from others but what it may have given them.
        let moved = answer.changes.compactMap(\.movedKey).compactMap { dispatcher.store.config($0)?.handOver }
        if back < 15 { #expect(!moved.contains(.sticky)) }
    }

    @Test func `a restart on a Kubernetes node that is cordoned or not ready is a drain`() throws {
        for worker in [worker("w1", isSchedulable: false), worker("w1", isReady: false)] {
            var dispatcher = try dispatcher()
            _ = dispatcher.handle(.applied(worker), at: 32)
            terminate("w1", &dispatcher)
            #expect(dispatcher.store.node("w1")?.conditions.isDraining == true)
            #expect(dispatcher.store.counts["w1"] == 0)
        }
        var dispatcher = try dispatcher(isOfDaemonSet: false)
        terminate("w1", isOfDaemonSet: false, &dispatcher)
        #expect(dispatcher.store.counts["w1"] == 0)
    }

    @Test func `an exclusive config that comes back goes elsewhere only once its former agent has stopped it`() throws {
        var dispatcher = try dispatcher()
        let key = try #require(placed("w1", .exclusive, dispatcher).first)
        let config = try #require(dispatcher.store.config(key))
        dispatcher.dispatch(EncodedChanges(upserts: [], removals: [key]))
        terminate("w1", &dispatcher)
        dispatcher.dispatch(EncodedChanges(upserts: [config]))
        let node = try #require(dispatcher.store.nodeID(of: key))
        #expect(node != "w1")
        #expect(try !told(node, .exclusive, dispatcher).contains(key))
        try dispatcher.confirm(["w1"], at: 33)
        #expect(try told(node, .exclusive, dispatcher).contains(key))
        #expect(dispatcher.store.handOvers.values.allSatisfy { $0.config.key != key })
    }

    @Test func `an exclusive config never has two agents that may run it, however its nodes change`() throws {
        var dispatcher = try dispatcher()
        let key = try #require(placed("w1", .exclusive, dispatcher).first)
        terminate("w1", &dispatcher)
        let target = try #require(dispatcher.store.nodeID(of: key))
        // Its new node is lost before it was told: the former one must still stop it.
        _ = dispatcher.handle(.applied(worker(target, isSchedulable: false)), at: 33)
        _ = dispatcher.handle(.deleted(agentPod("pod-\(target)", on: target, isOfDaemonSet: true)), at: 33)
        let last = try #require(dispatcher.store.nodeID(of: key))
        #expect(last != "w1" && last != target)
        #expect(try !told(last, .exclusive, dispatcher).contains(key))
        // Gone is as good as confirmed.
        _ = dispatcher.handle(.applied(worker("w1", isSchedulable: false)), at: 34)
        _ = dispatcher.handle(.deleted(agentPod("pod-w1", on: "w1", isOfDaemonSet: true)), at: 34)
        #expect(try told(last, .exclusive, dispatcher).contains(key))
    }

    @Test func `a set told before proves nothing of what was told since`() throws {
        var dispatcher = try dispatcher()
        let key = try #require(placed("w1", .exclusive, dispatcher).first)
        let before = try dispatcher.configs(of: "w1").revision
        terminate("w1", &dispatcher)
        let node = try #require(dispatcher.store.nodeID(of: key))
        for revision in [before, NodeStatusRequest.heartbeatOnly, 12_345] {
            _ = try dispatcher.report("w1", lastChange: revision, at: 33)
            #expect(try !told(node, .exclusive, dispatcher).contains(key))
        }
        // A later set without it does, although it has changed again since.
        let without = try dispatcher.tell("w1").revision
        dispatcher.dispatch(EncodedChanges(upserts: [], removals: placed("w1", .sticky, dispatcher)))
        #expect(try dispatcher.configs(of: "w1").revision != without)
        _ = try dispatcher.report("w1", lastChange: without, at: 34)
        #expect(try told(node, .exclusive, dispatcher).contains(key))
    }

    @Test func `a next pod whose agent never reports does not keep the configs waiting`() throws {
        var dispatcher = try dispatcher()
        let sticky = placed("w1", .sticky, dispatcher)
        terminate("w1", &dispatcher)
        _ = dispatcher.handle(.deleted(agentPod("pod-w1", on: "w1", isTerminating: true, isOfDaemonSet: true)), at: 33)
        _ = dispatcher.handle(.applied(agentPod("next", on: "w1", isOfDaemonSet: true)), at: 34)
        #expect(dispatcher.store.node("w1")?.conditions.isLeaving == false)
        for second in 34...49 {
            for id in ["w2", "w3"] { _ = try dispatcher.report(id, at: Double(second)) }
            _ = dispatcher.expireNodes(now: at(Double(second)))
            #expect((dispatcher.store.node("w1") != nil) == (second < 48), "\(second) s")
        }
        for key in sticky { #expect(dispatcher.store.nodeID(of: key) != nil) }
    }

    @Test func `who is waited for longer than the timeout is no reason to look again at once`() throws {
        var dispatcher = try dispatcher(grace: .seconds(600))
        _ = dispatcher.handle(.deleted(agentPod("pod-w1", on: "w1", isOfDaemonSet: true)), at: 32)
        for second in 33...90 {
            for id in ["w2", "w3"] { _ = try dispatcher.report(id, at: Double(second)) }
            _ = dispatcher.expireNodes(now: at(Double(second)))
        }
        #expect(dispatcher.store.node("w1")?.isAway == true)
        #expect(try #require(dispatcher.nextExpiry(now: at(90))) > at(110))
    }

    @Test func `an agent that no longer says that it leaves has stopped nothing by that`() throws {
        var dispatcher = try dispatcher(isOfDaemonSet: false)
        let key = try #require(placed("w1", .exclusive, dispatcher).first)
        let before = try dispatcher.configs(of: "w1").revision
        _ = try dispatcher.report("w1", lastChange: before, peer: "10.0.0.1", at: 32)
        _ = try dispatcher.report("w1", lastChange: before, departure: .leaving, peer: "10.0.0.1", at: 32)
        let node = try #require(dispatcher.store.nodeID(of: key))
        #expect(node != "w1")
        // A report from before, which was on its way for longer.
        _ = try dispatcher.report("w1", lastChange: before, peer: "10.0.0.1", at: 32)
        #expect(try !told(node, .exclusive, dispatcher).contains(key))
    }

    @Test func `an agent that says that it leaves and stays gets work again`() throws {
        var dispatcher = try dispatcher(isOfDaemonSet: false)
        _ = try dispatcher.report("w1", lastChange: -1, peer: "10.0.0.1", at: 32)
        _ = try dispatcher.report("w1", lastChange: -1, departure: .leaving, peer: "10.0.0.1", at: 32)
        #expect(dispatcher.store.counts["w1"] == 0)
        for second in 33...50 {
            for id in Self.nodes { _ = try dispatcher.report(id, lastChange: -1, at: Double(second)) }
            _ = dispatcher.expireNodes(now: at(Double(second)))
        }
        #expect(dispatcher.store.counts["w1", default: 0] > 0)
    }

    @Test func `a config that becomes exclusive while it is handed over is forgotten when it is removed`() throws {
        var dispatcher = try dispatcher()
        let key = try #require(placed("w1", .overlap, dispatcher).first)
        terminate("w1", &dispatcher)
        #expect(try told("w1", .overlap, dispatcher).contains(key))
        let name = String(key.source.dropFirst(5))
        dispatcher.dispatch(EncodedChanges(upserts: [try config(name, .exclusive)]))
        dispatcher.dispatch(EncodedChanges(upserts: [], removals: [key]))
        #expect(try !dispatcher.configs(of: "w1").configs.map(\.key).contains(key))
        // The one that had begun to run it must stop it before another gets it.
        #expect(dispatcher.store.handOvers[key]?.isExclusive == true)
    }

    @Test func `a node that joins takes nothing from one that is away`() throws {
        var dispatcher = try dispatcher()
        let sticky = placed("w1", .sticky, dispatcher)
        _ = dispatcher.handle(.deleted(agentPod("pod-w1", on: "w1", isOfDaemonSet: true)), at: 32)
        _ = try dispatcher.report("w4", at: 33)
        #expect(placed("w1", .sticky, dispatcher) == sticky)
    }

    @Test func `two agents under one ID do not speak for each other`() throws {
        var dispatcher = try dispatcher()
        let key = try #require(placed("w1", .exclusive, dispatcher).first)
        for (second, address) in [(32.0, "10.0.0.1"), (32.1, "10.0.0.2"), (32.2, "10.0.0.1"), (32.3, "10.0.0.2")] {
            _ = try dispatcher.report("w1", lastChange: -1, address: address, isStated: true, at: second)
        }
        #expect(dispatcher.store.node("w1")?.agents.count == 2)
        terminate("w1", &dispatcher)
        let node = try #require(dispatcher.store.nodeID(of: key))
        try dispatcher.confirm(["w1"], at: 33)
        #expect(try node == "w1" || !told(node, .exclusive, dispatcher).contains(key))
    }

    @Test func `what an agent was never told moves without a hand-over`() throws {
        var dispatcher = try Dispatcher(nodes: ["w1"], configs: try encodedConfigs(0..<4))
        _ = try dispatcher.report("w2", at: 1)
        #expect(dispatcher.store.counts == ["w1": 2, "w2": 2])
        #expect(dispatcher.store.handOvers.isEmpty)
        #expect(try dispatcher.configs(of: "w1").configs.count == 2)
    }
}

/// Agents that say that they leave.
@Suite struct GoodbyeTests {
    private let nodes = ["w1", "w2"]

    private func dispatcher(isOfDaemonSet: Bool) throws -> Dispatcher {
        var dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        _ = dispatcher.handle(
            .replaced(
                nodes.map { agentPod("pod-\($0)", on: $0, addresses: ["10.0.0.\($0)"], isOfDaemonSet: isOfDaemonSet) }),
            at: 0)
        _ = dispatcher.handle(.replaced(nodes.map { worker($0) }), at: 0)
        for node in nodes { _ = try dispatcher.report(node, peer: "10.1.0.\(node)", at: 0) }
        dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(0..<4), isWhole: true))
        try dispatcher.confirm(nodes, at: 1)
        return dispatcher
    }

    @Test func `who leaves for good hands over first, and is told how much is left`() throws {
        var dispatcher = try dispatcher(isOfDaemonSet: false)
        let revision = try dispatcher.configs(of: "w1").revision
        let asked = try dispatcher.report("w1", lastChange: revision, departure: .leaving, peer: "10.1.0.w1", at: 2)
        #expect(asked.isUpToDate && asked.handingOver == 2)
        #expect(dispatcher.store.counts == ["w1": 0, "w2": 4])
        #expect(try dispatcher.configs(of: "w1").configs.count == 2)
        try dispatcher.confirm(["w2"], at: 3)
        let again = try dispatcher.report("w1", lastChange: revision, departure: .leaving, peer: "10.1.0.w1", at: 3)
        #expect(!again.isUpToDate && again.handingOver == 0)
        _ = try dispatcher.report("w1", departure: .gone, peer: "10.0.0.w1", at: 4)
        #expect(dispatcher.store.node("w1") == nil)
        #expect(dispatcher.store.counts == ["w2": 4])
    }

    @Test func `who is restarted hands nothing over, and its configs wait`() throws {
        var dispatcher = try dispatcher(isOfDaemonSet: true)
        let asked = try dispatcher.report("w1", lastChange: 5, departure: .leaving, peer: "10.1.0.w1", at: 2)
        #expect(asked.handingOver == 0)
        #expect(dispatcher.store.counts == ["w1": 2, "w2": 2])
        _ = try dispatcher.report("w1", departure: .gone, peer: "10.1.0.w1", at: 3)
        #expect(dispatcher.store.node("w1")?.isAway == true)
        // The next agent has them at once.
        #expect(try !dispatcher.report("w1", at: 9).isUpToDate)
        #expect(try dispatcher.configs(of: "w1").configs.count == 2)
        #expect(dispatcher.store.node("w1")?.conditions.isLeaving == false)
    }

    @Test func `who goes without a word to others leaves nothing behind`() throws {
        var dispatcher = try dispatcher(isOfDaemonSet: false)
        let changes = try dispatcher.report("w1", departure: .gone, peer: "10.1.0.w1", at: 2).changes
        #expect(changes.compactMap(\.movedKey).count == 2)
        #expect(dispatcher.store.handOvers.isEmpty)
    }

    @Test(arguments: Departure.allKinds, [nil, "10.1.0.w2", "192.0.2.1"])
    func `a stranger's goodbye is refused`(departure: Departure, peer: String?) throws {
        var dispatcher = try dispatcher(isOfDaemonSet: false)
        #expect(throws: ClusterChecksError.strangersGoodbye(node: "w1", peer: peer)) {
            _ = try dispatcher.report("w1", departure: departure, peer: peer, at: 2)
        }
        #expect(dispatcher.store.counts == ["w1": 2, "w2": 2])
        // And that of a node that does not exist makes none.
        _ = try dispatcher.report("w9", departure: departure, peer: peer, at: 2)
        #expect(dispatcher.store.nodeCount == 2)
    }
}

extension Departure {
    fileprivate static let allKinds = [Departure.leaving, .gone]
}
