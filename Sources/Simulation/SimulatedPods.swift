import CheckModel
import ClusterChecks
import Kubernetes
import Platform
import Synchronization

/// The node-agents' pods and the Kubernetes nodes, as they are. What a replica knows of them lags behind.
struct SimulatedPods: Sendable {
    /// The namespace of the pods.
    static let namespace = "agents"

    /// The pod of each node; none between two.
    var pods: [String: Pod] = [:]
    /// The full names of pods that were deleted.
    var deleted: Set<String> = []
    /// The cordoned nodes.
    var cordoned: Set<String> = []
    private var made = 0

    /// Makes the next pod of a node.
    ///
    /// - Parameter controllerKind: the kind of what made it.
    mutating func make(on node: String, address: String, controllerKind: String) {
        made += 1
        pods[node] = Pod(
            metadata: ObjectMetadata(
                name: "agent-\(made)", namespace: Self.namespace, uid: "\(made)", controllerKind: controllerKind),
            nodeName: node, addresses: [address], isReady: true)
    }

    /// Marks a node's pod as being deleted.
    mutating func terminate(on node: String) {
        pods[node]?.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"
    }

    /// Deletes a node's pod.
    mutating func delete(on node: String) -> Pod? {
        guard let pod = pods.removeValue(forKey: node) else { return nil }
        deleted.insert("\(pod.metadata.namespace)/\(pod.metadata.name)")
        return pod
    }

    /// Whether an agent can be started on a node.
    func canRun(on node: String) -> Bool {
        pods[node].map { !$0.isTerminating } ?? false
    }

    func worker(_ node: String) -> KubernetesNode {
        KubernetesNode(metadata: ObjectMetadata(name: node, namespace: ""), isUnschedulable: cordoned.contains(node))
    }
}

// What becomes of pods, and who is told.
extension SimulatedCluster {
    func startPods() {
        for name in Self.agentNames {
            makePod(name)
            store { server, pods in server.apply(pods.worker(name)) }
        }
        for (at, event) in plan.pods ?? [] { world.after(at) { [self] in perform(event) } }
    }

    private func makePod(_ name: String) {
        // Only the address, without the port.
        let address = String(network.address(of: name).prefix { $0 != ":" })
        let kind = plan.areOfDaemonSet ? "DaemonSet" : "ReplicaSet"
        state.withLock { $0.pods.make(on: name, address: address, controllerKind: kind) }
        storePod(name)
    }

    private func perform(_ event: ClusterPlan.PodEvent) {
        switch event {
        case .terminated(let node, let grace, let replacedAfter):
            let name = Self.agentNames[node]
            guard let agent = agentInPod(name) else { return }
            world.record("kubernetes: the pod on \(name) is being deleted")
            state.withLock { $0.pods.terminate(on: name) }
            storePod(name)
            let pod = state.withLock { $0.pods.pods[name]?.metadata.uid }
            let end: @Sendable () -> Void = { [self] in
                // Whichever comes first: its agent has taken leave, or the grace is over.
                guard state.withLock({ $0.pods.pods[name]?.metadata.uid }) == pod else { return }
                agent.process.crash()
                deletePod(name)
                replacePod(name, of: agent, after: replacedAfter)
            }
            world.after(grace, end)
            guard plan.takesLeave else { return }
            agent.takeLeave { [self] in world.after(.milliseconds(100), end) }
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
        guard let gone = state.withLock({ $0.pods.delete(on: name) }) else { return }
        server.delete(Pod.self, namespace: gone.metadata.namespace, name: gone.metadata.name)
    }

    private func replacePod(_ name: String, of agent: SimulatedNodeAgent, after time: Duration) {
        world.after(time) { [self] in
            guard state.withLock({ $0.agents[name] === agent }) else { return }
            world.record("kubernetes: \(name) has another pod")
            makePod(name)
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
        store { server, pods in server.apply(pods.worker(name)) }
    }

    /// Writes the pod of a node to the API server.
    private func storePod(_ name: String) {
        store { server, pods in
            if let pod = pods.pods[name] { server.apply(pod) }
        }
    }

    private func store(_ write: (SimulatedAPIServer, SimulatedPods) -> Void) {
        write(server, state.withLock { $0.pods })
    }
}

// That no exclusive check runs twice.
extension SimulatedCluster {
    /// Which exclusive check runs on two agents; nil if none does.
    ///
    /// One whose pod object is gone counts as gone, whatever it runs: that is the bound.
    var problemOfExclusive: String? {
        let (desired, pods) = state.withLock { ($0.desired, $0.pods) }
        let configs = expectations.configs(desired).filter { $0.handOver == .exclusive }
        let exclusive = Set(SimulatedReplica.checkIDs(of: configs))
        var places: [String: String] = [:]
        for agent in agents where agent.process.status == .running {
            let name = agent.process.name
            if plan.pods != nil, pods.pods[name] == nil { continue }
            for id in agent.running where exclusive.contains(id) {
                if let other = places.updateValue(name, forKey: id) { return "\(id) runs on \(other) and on \(name)" }
            }
        }
        return nil
    }
}

// That no check is left alone.
extension SimulatedCluster {
    /// Sees each second, from one time to another, that every check is run somewhere that need not be stopped first.
    /// One that moves to a node that joins may be between two for a moment, as the one lets go when it asks and the
    /// other begins when it asks.
    package func expectNoGap(from start: Duration, to end: Duration) {
        world.after(start) { [self] in lookForGaps(until: end) }
    }

    /// Sees that no sticky config changes its node, from one time to another.
    package func expectNoMoves(from start: Duration, to end: Duration) {
        world.after(start) { [self] in
            let before = stickyPlacements
            world.after(end - start) { [self] in
                let moved = stickyPlacements.filter { before[$0.key] != $0.value }.map(\.key).sorted()
                if !moved.isEmpty { world.violated("\(moved) have moved") }
            }
        }
    }

    private var stickyPlacements: [ConfigKey: String] {
        let nodes = replicas.compactMap { snapshot(of: $0) }.flatMap(\.nodes)
        let placed = nodes.flatMap { node in
            node.configs.filter { $0.handOver == .sticky }.map { ($0.key, node.id) }
        }
        return Dictionary(placed) { $1 }
    }

    private func lookForGaps(until end: Duration) {
        guard world.now < Instant(nanoseconds: 0) + end else { return }
        let running = Set(
            agents.filter { $0.process.status == .running }.flatMap(\.running)
                + servers.filter { $0.process.status == .running }.flatMap(\.running))
        let wanted = expectations.configs(state.withLock { $0.desired }).filter { $0.handOver != .exclusive }
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
