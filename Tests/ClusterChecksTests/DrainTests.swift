import CheckModel
import Platform
import Testing

@testable import ClusterChecks

/// A node whose pod is being deleted hands over without a gap; a cordoned one gets nothing new.
@Suite struct DrainTests {
    static let nodes = ["w1", "w2", "w3"]

    /// Nine configs on three nodes, each with its pod and Kubernetes node.
    func dispatcher(_ configs: Range<Int> = 0..<9) throws -> Dispatcher {
        var dispatcher = try Dispatcher(nodes: Self.nodes, configs: try encodedConfigs(configs))
        _ = dispatcher.handle(.replaced(Self.nodes.map { agentPod("pod-\($0)", on: $0) }), at: 0)
        _ = dispatcher.handle(.replaced(Self.nodes.map { worker($0) }), at: 0)
        try dispatcher.confirm(Self.nodes, at: 0)
        return dispatcher
    }

    func terminate(_ id: String, _ dispatcher: inout Dispatcher, at seconds: Double) -> [StoreChange] {
        dispatcher.handle(.applied(agentPod("pod-\(id)", on: id, isTerminating: true)), at: seconds)
    }

    func told(_ id: String, _ dispatcher: Dispatcher) throws -> [ConfigKey] {
        try dispatcher.configs(of: id).configs.map(\.key).sorted()
    }

    @Test func `draining moves a node's configs in the same step while its agent keeps its former answer`() throws {
        var dispatcher = try dispatcher()
        let (before, revision) = (try told("w1", dispatcher), try dispatcher.configs(of: "w1").revision)
        let changes = terminate("w1", &dispatcher, at: 1)
        #expect(changes.compactMap(\.movedKey).sorted() == before)
        #expect(
            dispatcher.store.counts == ["w1": 0, "w2": 5, "w3": 4]
                || dispatcher.store.counts == ["w1": 0, "w2": 4, "w3": 5])
        #expect(try told("w1", dispatcher) == before)
        #expect(try dispatcher.configs(of: "w1").revision == revision)
        #expect(try dispatcher.report("w1", lastChange: revision, at: 2).isUpToDate)
        #expect(try !dispatcher.report("w1", lastChange: 1, at: 2).isUpToDate)
        // Also when what it had is edited; what is not wanted any more it stops.
        _ = dispatcher.dispatch(EncodedChanges(upserts: [try encodedConfig("c0", edition: 1)]))
        #expect(try dispatcher.configs(of: "w1").revision == revision)
        _ = dispatcher.dispatch(EncodedChanges(upserts: [], removals: [before[0]]))
        #expect(try told("w1", dispatcher) == Array(before.dropFirst()))
        // And it gets nothing new.
        _ = dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(20..<30)))
        #expect(dispatcher.store.counts["w1"] == 0)
    }

    @Test func `it lets go of each config once the new node has confirmed it, and not before`() throws {
        var dispatcher = try dispatcher()
        let before = try dispatcher.configs(of: "w2").revision
        _ = terminate("w1", &dispatcher, at: 1)
        // What it ran before proves nothing, nor does a heartbeat.
        for revision in [before, NodeStatusRequest.heartbeatOnly, 0, 77] {
            _ = try dispatcher.report("w2", lastChange: revision, at: 1)
            #expect(try told("w1", dispatcher).count == 3)
        }
        let given = dispatcher.store.counts["w2", default: 0] - 3
        try dispatcher.confirm(["w2"], at: 2)
        #expect(try told("w1", dispatcher).count == 3 - given)
        try dispatcher.confirm(["w3"], at: 3)
        #expect(try told("w1", dispatcher).isEmpty)
        #expect(dispatcher.store.handOvers.isEmpty)
    }

    @Test func `if the new node is lost meanwhile the former one still runs its configs`() throws {
        var dispatcher = try dispatcher()
        _ = terminate("w1", &dispatcher, at: 1)
        _ = dispatcher.handle(.deleted(agentPod("pod-w2", on: "w2")), at: 2)
        #expect(dispatcher.store.counts == ["w1": 0, "w3": 9])
        #expect(try told("w1", dispatcher).count == 3)
        try dispatcher.confirm(["w3"], at: 3)
        #expect(try told("w1", dispatcher).isEmpty)
    }

    @Test func `a draining node expires when its pod is gone`() throws {
        var dispatcher = try dispatcher()
        _ = terminate("w1", &dispatcher, at: 1)
        let changes = dispatcher.handle(.deleted(agentPod("pod-w1", on: "w1", isTerminating: true)), at: 2)
        guard case .nodeExpired("w1", .podDeleted("agents/pod-w1")) = changes.first, changes.count == 1 else {
            Issue.record("\(changes)")
            return
        }
        #expect(throws: ClusterChecksError.unknownNode("w1")) { try dispatcher.configs(of: "w1") }
    }

    @Test func `the last node keeps its configs while draining and hands them over to the next`() throws {
        var dispatcher = try Dispatcher(nodes: ["w1"], configs: try encodedConfigs(0..<4))
        _ = dispatcher.handle(.replaced([agentPod("pod-w1", on: "w1"), agentPod("pod-w2", on: "w2")]), at: 0)
        #expect(terminate("w1", &dispatcher, at: 1).compactMap(\.movedKey).isEmpty)
        // Also what is new: a node that may run it is better than none.
        _ = dispatcher.dispatch(EncodedChanges(upserts: [try encodedConfig("c4")]))
        #expect(dispatcher.store.counts == ["w1": 5])
        #expect(try told("w1", dispatcher).count == 5)
        try dispatcher.confirm(["w1"], at: 2)
        #expect(try dispatcher.report("w2", at: 20).changes.compactMap(\.movedKey).count == 5)
        #expect(dispatcher.store.counts == ["w1": 0, "w2": 5])
        #expect(try told("w1", dispatcher).count == 5)
    }

    @Test func `without any other node a draining one gets everything back`() throws {
        var dispatcher = try dispatcher()
        for id in ["w1", "w2"] { _ = terminate(id, &dispatcher, at: 1) }
        #expect(dispatcher.store.counts == ["w1": 0, "w2": 0, "w3": 9])
        _ = dispatcher.handle(.deleted(agentPod("pod-w3", on: "w3")), at: 2)
        #expect(dispatcher.store.dangling.isEmpty)
        for id in ["w1", "w2"] {
            // Besides what the other one is to take over.
            let node = try #require(dispatcher.store.node(id))
            #expect(try Set(told(id, dispatcher)) == node.outgoing.union(node.configs.map(\.key)))
        }
        #expect((dispatcher.store.counts["w1"] ?? 0) + (dispatcher.store.counts["w2"] ?? 0) == 9)
    }

    @Test func `a new pod on the node ends the drain and gets its share`() throws {
        var dispatcher = try dispatcher()
        _ = terminate("w1", &dispatcher, at: 1)
        let changes = dispatcher.handle(.applied(agentPod("next", on: "w1")), at: 2)
        #expect(dispatcher.store.node("w1")?.conditions.isDraining == false)
        #expect(dispatcher.store.handOvers.values.allSatisfy { dispatcher.store.former(of: $0) != "w1" })
        #expect(changes.compactMap(\.movedKey).count == 3)
        #expect(dispatcher.store.counts == ["w1": 3, "w2": 3, "w3": 3])
    }

    @Test func `a draining node does not count for the share of a joining one`() throws {
        var dispatcher = try dispatcher(0..<8)
        _ = terminate("w1", &dispatcher, at: 1)
        _ = terminate("w2", &dispatcher, at: 1)
        #expect(dispatcher.store.counts["w3"] == 8)
        _ = try dispatcher.report("w4", at: 2)
        #expect(dispatcher.store.counts == ["w1": 0, "w2": 0, "w3": 4, "w4": 4])
    }

    @Test func `an agent that was draining when it registered keeps running until others have taken over`() throws {
        var dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        _ = dispatcher.handle(
            .replaced([agentPod("a", on: "w1", isTerminating: true), agentPod("b", on: "w2")]), at: 0)
        for id in ["w1", "w2"] { _ = try dispatcher.report(id, lastChange: 77, at: 0) }
        _ = dispatcher.expireNodes(now: at(0.5))
        _ = dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(0..<4), isWhole: true))
        #expect(dispatcher.store.counts == ["w1": 0, "w2": 4])
        #expect(try dispatcher.report("w1", lastChange: 77, at: 1).isUpToDate)
        #expect(try !dispatcher.report("w2", lastChange: 77, at: 1).isUpToDate)
        #expect(throws: ClusterChecksError.handingOver("w1")) { try dispatcher.configs(of: "w1") }
        try dispatcher.listen(from: 2, to: 31, reporting: ["w1", "w2"])
        #expect(try dispatcher.report("w1", lastChange: 77, at: 30.4).isUpToDate)
        _ = dispatcher.expireNodes(now: at(30.6))
        #expect(try !dispatcher.report("w1", lastChange: 77, at: 30.6).isUpToDate)
        #expect(try told("w1", dispatcher).isEmpty)
    }

    @Test func `a cordoned node keeps its configs and gets no new ones`() throws {
        var dispatcher = try dispatcher()
        #expect(dispatcher.handle(.applied(worker("w1", isSchedulable: false)), at: 1).compactMap(\.movedKey).isEmpty)
        #expect(dispatcher.store.node("w1")?.conditions.cordon == .cordoned)
        _ = dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(20..<26)))
        #expect(dispatcher.store.counts == ["w1": 3, "w2": 6, "w3": 6])
        // Nor is it asked to give when another joins, or given what another leaves.
        _ = try dispatcher.report("w4", at: 1)
        #expect(dispatcher.store.counts == ["w1": 3, "w2": 4, "w3": 4, "w4": 4])
        _ = dispatcher.handle(.deleted(agentPod("pod-w2", on: "w2")), at: 2)
        #expect(dispatcher.store.counts == ["w1": 3, "w3": 6, "w4": 6])
    }

    @Test func `an uncordoned node gets its share as a joining one does`() throws {
        var dispatcher = try dispatcher()
        _ = dispatcher.handle(.applied(worker("w1", isSchedulable: false)), at: 1)
        _ = dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(20..<26)))
        let changes = dispatcher.handle(.applied(worker("w1")), at: 2)
        #expect(changes.compactMap(\.movedKey).count == 2)
        #expect(dispatcher.store.counts == ["w1": 5, "w2": 5, "w3": 5])
    }

    @Test func `a cordon never makes a config dangle`() throws {
        var dispatcher = try Dispatcher(nodes: ["w1", "w2"], configs: [])
        _ = dispatcher.handle(
            .replaced([worker("w1", isSchedulable: false), worker("w2", isSchedulable: false)]), at: 1)
        _ = dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(0..<4)))
        #expect(dispatcher.store.counts == ["w1": 2, "w2": 2])
        // A cordoned node is better than one about to leave.
        _ = dispatcher.handle(.replaced([agentPod("a", on: "w2", isTerminating: true)]), at: 2)
        #expect(dispatcher.store.counts == ["w1": 4, "w2": 0])
    }

    @Test func `a node whose Kubernetes node is gone gets no new configs`() throws {
        var dispatcher = try dispatcher()
        _ = dispatcher.handle(.applied(worker("w1", isSchedulable: false)), at: 1)
        #expect(dispatcher.handle(.deleted("w1"), at: 2).compactMap(\.movedKey).isEmpty)
        #expect(dispatcher.store.node("w1")?.conditions.cordon == .workerGone)
        _ = dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(20..<26)))
        #expect(dispatcher.store.counts["w1"] == 3)
    }
}
