import CheckModel
import Platform
import Testing

@testable import ClusterChecks

/// Which pod is a node's, and what its deletion means.
@Suite struct AgentPodTests {
    /// A dispatcher that knows `pods`, with no node.
    func dispatcher(_ pods: [AgentPod]) -> Dispatcher {
        var dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        _ = dispatcher.handle(.replaced(pods), at: 0)
        return dispatcher
    }

    func pod(of id: String, in dispatcher: Dispatcher) -> String? {
        dispatcher.store.node(id)?.conditions.pod
    }

    @Test func `a node's pod is found by name, else by address, else by Kubernetes node`() throws {
        var dispatcher = dispatcher([
            agentPod("by-name", on: "w1", addresses: ["10.0.0.1"]),
            agentPod("by-address", on: "w2", addresses: ["10.0.0.2", "fd00::2"]),
            agentPod("by-node", on: "w3", addresses: ["10.0.0.3"]),
        ])
        // Each could also be found in the next way, as another one.
        _ = try dispatcher.report("by-name", address: "10.0.0.2", at: 0)
        _ = try dispatcher.report("w3", address: "fd00::2", at: 0)
        #expect(pod(of: "by-name", in: dispatcher) == "agents/by-name")
        #expect(pod(of: "w3", in: dispatcher) == "agents/by-address")
        _ = try dispatcher.report("w3", address: "192.0.2.1", at: 1)
        #expect(pod(of: "w3", in: dispatcher) == "agents/by-node")
        _ = try dispatcher.report("stranger", address: "192.0.2.2", at: 1)
        #expect(pod(of: "stranger", in: dispatcher) == nil)
        #expect(dispatcher.store.node("stranger")?.conditions.lacksPod == true)
        #expect(dispatcher.store.node("w3")?.conditions.lacksPod == false)
    }

    @Test func `of several pods on a node the one that is not terminating, then the newest, is chosen`() throws {
        var dispatcher = dispatcher([agentPod("a", on: "w1"), agentPod("b", on: "w1")])
        _ = try dispatcher.report("w1", at: 0)
        #expect(pod(of: "w1", in: dispatcher) == "agents/b")
        _ = dispatcher.handle(.applied(agentPod("b", on: "w1", isTerminating: true)), at: 1)
        #expect(pod(of: "w1", in: dispatcher) == "agents/a")
        _ = dispatcher.handle(.applied(agentPod("c", on: "w1")), at: 2)
        #expect(pod(of: "w1", in: dispatcher) == "agents/c")
        // A change makes none of them newer.
        _ = dispatcher.handle(.applied(agentPod("a", on: "w1", addresses: ["10.0.0.9"])), at: 3)
        #expect(pod(of: "w1", in: dispatcher) == "agents/c")
    }

    @Test func `a pod that matches another node by name or address is not matched by Kubernetes node`() throws {
        var dispatcher = dispatcher([
            agentPod("runner", on: "w1"), agentPod("agent", on: "w1", addresses: ["10.0.0.1"]),
        ])
        _ = try dispatcher.report("w1", address: "192.0.2.1", at: 0)
        _ = try dispatcher.report("other", address: "10.0.0.1", at: 0)
        #expect(pod(of: "w1", in: dispatcher) == "agents/runner")
        _ = try dispatcher.report("runner", at: 0)
        #expect(pod(of: "w1", in: dispatcher) == nil)
        // Until the other is gone.
        for second in 1...31 {
            _ = try dispatcher.report("w1", address: "192.0.2.1", at: Double(second))
            _ = dispatcher.expireNodes(now: at(Double(second)))
        }
        #expect(dispatcher.store.nodeCount == 1)
        #expect(pod(of: "w1", in: dispatcher) == "agents/agent")
    }

    @Test func `pods are not shown until all have been listed`() throws {
        var dispatcher = try Dispatcher(nodes: ["w1", "w2"], configs: try encodedConfigs(0..<4))
        let terminating = agentPod("a", on: "w1", isTerminating: true)
        #expect(dispatcher.handle(.applied(terminating), at: 1).isEmpty)
        #expect(dispatcher.handle(.deleted(terminating), at: 1).isEmpty)
        #expect(dispatcher.handle(.applied(worker("w2", isSchedulable: false)), at: 1).isEmpty)
        #expect(dispatcher.store.node("w1")?.conditions == NodeConditions())
        _ = dispatcher.handle(.replaced([agentPod("b", on: "w2")]), at: 1)
        #expect(dispatcher.store.node("w1")?.conditions.lacksPod == true)
        #expect(pod(of: "w2", in: dispatcher) == "agents/b")
        #expect(dispatcher.store.counts == ["w1": 2, "w2": 2])
    }

    @Test func `a Kubernetes node told again as it was is no change to look at`() {
        var workers = WorkerNodes()
        #expect(workers.handle(.replaced([worker("w1"), worker("w2")])) == ["w1", "w2"])
        #expect(workers.handle(.applied(worker("w1"))) == [])
        #expect(workers.handle(.replaced([worker("w2"), worker("w1")])) == [])
        #expect(workers.handle(.applied(worker("w1", isSchedulable: false))) == ["w1"])
    }

    @Test func `it is known when the newest list began`() {
        var (pods, workers) = (AgentPods(), WorkerNodes())
        _ = pods.handle(.applied(agentPod("a")))
        _ = workers.handle(.applied(worker("w1")))
        #expect(pods.readSince == .distantPast && workers.readSince == .distantPast)
        for second in 1...2 {
            _ = pods.handle(.replaced([agentPod("a")], begun: at(Double(second))))
            _ = workers.handle(.replaced([worker("w1")], begun: at(Double(second) + 5)))
        }
        _ = pods.handle(.deleted(agentPod("a")))
        _ = workers.handle(.deleted("w1"))
        #expect(pods.readSince == at(2) && workers.readSince == at(7))
    }

    @Test(arguments: [true, false]) func `a deleted pod expires its node and moves its configs in the same step`(
        byList: Bool
    )
        throws
    {
        var dispatcher = try Dispatcher(nodes: ["w1", "w2", "w3"], configs: try encodedConfigs(0..<9))
        let pods = (1...3).map { agentPod("a\($0)", on: "w\($0)") }
        #expect(dispatcher.handle(.replaced(pods), at: 1).count == 3)
        let changes = dispatcher.handle(byList ? .replaced(Array(pods.dropFirst())) : .deleted(pods[0]), at: 2)
        guard case .nodeExpired("w1", .podDeleted("agents/a1")) = changes.first else {
            Issue.record("\(changes)")
            return
        }
        #expect(changes.compactMap(\.movedKey).count == 3)
        #expect(dispatcher.store.counts.values.sorted() == [4, 5])
        #expect(dispatcher.store.node("w1") == nil)
    }

    @Test func `without another node the configs dangle with a reason and the node registers again when it reports`()
        throws
    {
        var dispatcher = try Dispatcher(nodes: ["w1"], configs: try encodedConfigs(0..<2))
        _ = dispatcher.handle(.replaced([agentPod("a1", on: "w1")]), at: 1)
        _ = dispatcher.handle(.deleted(agentPod("a1", on: "w1")), at: 2)
        let reason = DanglingReason.podDeleted(node: "w1", pod: "agents/a1")
        #expect(dispatcher.store.danglingReason(of: key("c0")) == reason)
        #expect(reason.description == "the pod agents/a1 of its node w1 was deleted, and no other node reports")
        let changes = try dispatcher.report("w1", at: 3).changes
        guard case .nodeRegistered("w1", 0, nil, false) = changes.first else {
            Issue.record("\(changes)")
            return
        }
        #expect(dispatcher.store.node("w1")?.conditions.lacksPod == true)
        #expect(dispatcher.store.counts == ["w1": 2])
    }

    @Test func `a node with another live pod does not expire with the first`() throws {
        var dispatcher = try Dispatcher(nodes: ["w1", "w2"], configs: try encodedConfigs(0..<4))
        _ = dispatcher.handle(.replaced([agentPod("a1", on: "w1"), agentPod("a2", on: "w2")]), at: 1)
        // In one list.
        _ = dispatcher.handle(.replaced([agentPod("b1", on: "w1"), agentPod("a2", on: "w2")]), at: 2)
        #expect(pod(of: "w1", in: dispatcher) == "agents/b1")
        // In two events, the new one first.
        _ = dispatcher.handle(.applied(agentPod("c1", on: "w1")), at: 3)
        _ = dispatcher.handle(.deleted(agentPod("b1", on: "w1")), at: 3)
        #expect(pod(of: "w1", in: dispatcher) == "agents/c1")
        // Made anew under its name, and the end of the first told late.
        _ = dispatcher.handle(.applied(agentPod("c1", on: "w1", uid: "another")), at: 4)
        _ = dispatcher.handle(.deleted(agentPod("c1", on: "w1")), at: 4)
        #expect(pod(of: "w1", in: dispatcher) == "agents/c1")
        #expect(dispatcher.store.counts == ["w1": 2, "w2": 2])
    }

    @Test func `an agent with another address than the deleted pod's stays`() throws {
        var dispatcher = try Dispatcher(nodes: ["w1", "w2"], configs: try encodedConfigs(0..<4))
        let pod = agentPod("a1", on: "w1", addresses: ["10.0.0.1"])
        _ = dispatcher.handle(.replaced([pod]), at: 1)
        _ = try dispatcher.report("w1", address: "10.0.0.1", at: 1)
        // The next pod on the node reports before we hear of it, or of the end of the first.
        _ = try dispatcher.report("w1", address: "10.0.0.8", at: 2)
        _ = dispatcher.handle(.deleted(pod), at: 2)
        #expect(dispatcher.store.node("w1")?.conditions.lacksPod == true)
        #expect(dispatcher.store.counts["w1"] == 2)
    }

    @Test func `of two nodes with one pod neither expires with it`() throws {
        var dispatcher = try Dispatcher(nodes: ["x", "y"], configs: try encodedConfigs(0..<4))
        let pod = agentPod("a1", on: "w1", addresses: ["10.0.0.1"])
        _ = dispatcher.handle(.replaced([pod]), at: 1)
        for id in ["x", "y"] { _ = try dispatcher.report(id, address: "10.0.0.1", at: 1) }
        #expect(self.pod(of: "x", in: dispatcher) == "agents/a1")
        #expect(self.pod(of: "y", in: dispatcher) == "agents/a1")
        _ = dispatcher.handle(.deleted(pod), at: 2)
        #expect(dispatcher.store.counts == ["x": 2, "y": 2])
    }

    @Test func `changes observed between terms are applied at the next call`() throws {
        var dispatcher = try Dispatcher(nodes: ["w1", "w2"], configs: try encodedConfigs(0..<4))
        _ = dispatcher.handle(.replaced([agentPod("a1", on: "w1"), agentPod("a2", on: "w2")]), at: 1)
        dispatcher.handle(.deleted(agentPod("a1", on: "w1")))
        #expect(dispatcher.store.nodeCount == 2)
        // It reports all the same: as another node of this id.
        let changes = try dispatcher.report("w1", at: 2).changes
        let kinds = changes.compactMap { change -> String? in
            switch change {
            case .nodeExpired(let id, _): "forgotten \(id)"
            case .nodeRegistered(let id, _, _, _): "registered \(id)"
            default: nil
            }
        }
        #expect(kinds == ["forgotten w1", "registered w1"])
        #expect(dispatcher.store.dangling.isEmpty)
    }
}
