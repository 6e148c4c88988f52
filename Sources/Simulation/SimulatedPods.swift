import ClusterChecks
import Platform
import Synchronization

/// The node-agents' pods and the Kubernetes nodes, as they are. What a replica knows of them lags behind.
struct SimulatedPods: Sendable {
    /// The pod of each node; none between two.
    var pods: [String: AgentPod] = [:]
    /// The full names of pods that were deleted.
    var deleted: Set<String> = []
    /// The cordoned nodes.
    var cordoned: Set<String> = []
    private var made = 0

    /// Makes the next pod of a node.
    mutating func make(on node: String, address: String) {
        made += 1
        pods[node] = AgentPod(
            namespace: "agents", name: "agent-\(made)", uid: "\(made)", addresses: [address], nodeName: node,
            isTerminating: false)
    }

    /// Marks a node's pod as being deleted.
    mutating func terminate(on node: String) {
        guard let pod = pods[node] else { return }
        pods[node] = AgentPod(
            namespace: pod.namespace, name: pod.name, uid: pod.uid, addresses: pod.addresses, nodeName: node,
            isTerminating: true)
    }

    /// Deletes a node's pod.
    mutating func delete(on node: String) -> AgentPod? {
        guard let pod = pods.removeValue(forKey: node) else { return nil }
        deleted.insert(pod.fullName)
        return pod
    }

    /// Whether an agent can be started on a node.
    func canRun(on node: String) -> Bool {
        pods[node].map { !$0.isTerminating } ?? false
    }

    func worker(_ node: String) -> WorkerNode {
        WorkerNode(name: node, isSchedulable: !cordoned.contains(node), isReady: true)
    }
}

// What becomes of pods, and who is told.
extension SimulatedCluster {
    func startPods() {
        for name in Self.agentNames { makePod(name) }
        for (at, event) in plan.pods ?? [] { world.after(at) { [self] in perform(event) } }
    }

    /// A replica that starts lists everything, if it may.
    func listPods(_ replica: SimulatedReplica) {
        guard plan.pods != nil else { return }
        after(.zero ... .seconds(5)) { [self] in
            replica.process.post { [self] in
                let pods = state.withLock { $0.pods }
                replica.handler.handle(.replaced(Self.agentNames.compactMap { pods.pods[$0] }))
                replica.handler.handle(.replaced(Self.agentNames.map { pods.worker($0) }))
            }
        }
    }

    private func makePod(_ name: String) {
        // Only the address, without the port.
        let address = String(network.address(of: name).prefix { $0 != ":" })
        state.withLock { $0.pods.make(on: name, address: address) }
    }

    private func perform(_ event: ClusterPlan.PodEvent) {
        switch event {
        case .terminated(let node, let grace, let replacedAfter):
            let name = Self.agentNames[node]
            guard let agent = agentInPod(name) else { return }
            world.record("kubernetes: the pod on \(name) is being deleted")
            state.withLock { $0.pods.terminate(on: name) }
            tellOfPod(name)
            world.after(grace) { [self] in
                agent.process.crash()
                deletePod(name)
                replacePod(name, of: agent, after: replacedAfter)
            }
        case .deleted(let node, let killedAfter, let replacedAfter):
            let name = Self.agentNames[node]
            guard let agent = agentInPod(name) else { return }
            deletePod(name)
            world.after(killedAfter) { [self] in
                agent.process.crash()
                replacePod(name, of: agent, after: replacedAfter)
            }
        case .cordoned(let node, let time):
            setCordoned(Self.agentNames[node], true)
            world.after(time) { [self] in setCordoned(Self.agentNames[node], false) }
        }
    }

    /// The agent of a node that has a pod to lose; nil if the node is dead, or its pod is on its way out.
    private func agentInPod(_ name: String) -> SimulatedNodeAgent? {
        state.withLock { $0.pods.canRun(on: name) ? $0.agents[name] : nil }
    }

    private func deletePod(_ name: String) {
        world.record("kubernetes: the pod on \(name) is gone")
        let gone = state.withLock { $0.pods.delete(on: name) }
        tellOfPod(name, gone: gone)
    }

    private func replacePod(_ name: String, of agent: SimulatedNodeAgent, after time: Duration) {
        world.after(time) { [self] in
            guard state.withLock({ $0.agents[name] === agent }) else { return }
            world.record("kubernetes: \(name) has another pod")
            makePod(name)
            tellOfPod(name)
            after(.seconds(1) ... .seconds(3)) { [self] in
                guard state.withLock({ $0.agents[name] === agent }) else { return }
                startAgent(name)
            }
        }
    }

    private func setCordoned(_ name: String, _ isCordoned: Bool) {
        world.record("kubernetes: \(name) is \(isCordoned ? "cordoned" : "uncordoned")")
        state.withLock { state in
            if isCordoned { state.pods.cordoned.insert(name) } else { state.pods.cordoned.remove(name) }
        }
        tell { pods, handler in handler.handle(.applied(pods.worker(name))) }
    }

    /// Events of one pod come in their order; now and then a list comes in their place.
    private func tellOfPod(_ name: String, gone: AgentPod? = nil) {
        let isList = dice.chance(0.2)
        tell { pods, handler in
            if isList { return handler.handle(.replaced(Self.agentNames.compactMap { pods.pods[$0] })) }
            if let gone { handler.handle(.deleted(gone)) }
            if let pod = pods.pods[name] { handler.handle(.applied(pod)) }
        }
    }

    private func tell(_ what: @escaping @Sendable (SimulatedPods, Handler) -> Void) {
        guard plan.pods != nil else { return }
        for replica in replicas {
            after(.zero ... .seconds(2)) { [self] in
                replica.process.post { [self] in what(state.withLock { $0.pods }, replica.handler) }
            }
        }
    }
}

// That no check is left alone.
extension SimulatedCluster {
    /// Sees each second, from one time to another, that every check is run somewhere. One that moves to a node that joins may be between two for a
    /// moment, as the one lets go when it asks and the other begins when it asks.
    package func expectNoGap(from start: Duration, to end: Duration) {
        world.after(start) { [self] in lookForGaps(until: end) }
    }

    private func lookForGaps(until end: Duration) {
        guard world.now < Instant(nanoseconds: 0) + end else { return }
        let live = agents.filter { $0.process.status == .running }
        let running = Set(live.flatMap(\.running))
        let wanted = state.withLock { $0.desired }.map { ClusterPlan.config($0.key, version: $0.value) }
        let unrun = Set(SimulatedReplica.checkIDs(of: wanted)).subtracting(running)
        let former = state.withLock { state in
            defer { state.unrun = unrun }
            return state.unrun
        }
        let alone = unrun.intersection(former).sorted()
        if !alone.isEmpty { world.violated("nobody has run \(alone) for a second") }
        world.after(.seconds(1)) { [self] in lookForGaps(until: end) }
    }
}
