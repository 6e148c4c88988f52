import Platform

/// Matches each node with its pod, and derives its conditions from what Kubernetes says.
///
/// A node's pod is found by the pod's name, else by its address, else by the name of its Kubernetes node. After a
/// change only the nodes that it may affect are matched again.
struct AgentMatching: Sendable {
    /// What is to become of a node.
    enum Verdict: Hashable, Sendable {
        /// Its pod was deleted, and it has no other one. Whether another one will follow.
        case gone(AgentPod, isRestart: Bool)
        /// It stays, with these conditions.
        case stays(NodeConditions)
    }

    private struct Agent {
        let id: String
        /// Where its reports come from: two addresses while two agents share the ID.
        var addresses: [String]
        var pod: AgentPod?
        /// Since when the agent says that it leaves, in listened time.
        var leavingSince: Duration?
    }

    private(set) var pods = AgentPods()
    private var workers = WorkerNodes()
    private var agents: [Int: Agent] = [:]
    private var slots: [ExactText: Int] = [:]
    private var slotsAtAddress: [ExactText: Set<Int>] = [:]
    private var slotsOfPod: [ExactText: Set<Int>] = [:]
    /// The nodes whose agents say that they leave.
    private var leaving: Set<Int> = []
    /// The nodes to match again.
    private var stale: Set<Int> = []

    /// The same pods and Kubernetes nodes without any node, for a new term.
    var withoutNodes: AgentMatching {
        var copy = AgentMatching()
        copy.pods = pods
        copy.workers = workers
        return copy
    }
}

// Events.
extension AgentMatching {
    mutating func handle(_ change: AgentPodChange) {
        let wasKnown = pods.isKnown
        let touched = pods.handle(change)
        if !wasKnown, pods.isKnown { stale.formUnion(agents.keys) }
        for pod in touched {
            stale.formUnion(slotsOfPod[pod.uid] ?? [])
            for id in [pod.name, pod.nodeName] { markStale(id) }
            for address in pod.addresses { stale.formUnion(slotsAtAddress[address] ?? []) }
        }
    }

    mutating func handle(_ change: WorkerNodeChange) {
        let wasKnown = workers.isKnown
        let touched = workers.handle(change)
        if !wasKnown, workers.isKnown { stale.formUnion(agents.keys) }
        for name in touched {
            markStale(name)
            for pod in pods.on(nodeName: name) { stale.formUnion(slotsOfPod[pod.uid] ?? []) }
        }
    }

    /// Whether pods and Kubernetes nodes were read by readings that began at `instant` or later.
    func isRead(since instant: Instant) -> Bool {
        pods.readSince >= instant && workers.readSince >= instant
    }

    /// A node registered.
    mutating func add(_ id: String, slot: Int, address: String?) {
        agents[slot] = Agent(id: id, addresses: [])
        slots[id] = slot
        stale.insert(slot)
        markRivals(id)
        set(addresses: address.map { [$0] } ?? [], of: slot)
    }

    /// A node was removed.
    mutating func remove(slot: Int) {
        set(addresses: [], of: slot)
        guard let agent = agents.removeValue(forKey: slot) else { return }
        slots[agent.id] = nil
        if let pod = agent.pod { Self.remove(slot, from: &slotsOfPod, at: pod.uid) }
        markRivals(agent.id)
        leaving.remove(slot)
        stale.remove(slot)
    }

    /// A node reports from other addresses.
    mutating func set(addresses: [String], of slot: Int) {
        guard let former = agents[slot]?.addresses, former != addresses else { return }
        agents[slot]?.addresses = addresses
        stale.insert(slot)
        for address in former { Self.remove(slot, from: &slotsAtAddress, at: address) }
        for address in addresses { slotsAtAddress[address, default: []].insert(slot) }
        // Nodes matched by their Kubernetes node alone may now match another pod.
        for address in former + addresses {
            for pod in pods.at(address: address) { markStale(pod.nodeName) }
        }
    }

    /// Whether pods have been listed, some are ready, and each of those is a node's.
    var isEveryReadyPodHeard: Bool {
        let ready = pods.ready
        return !ready.isEmpty && ready.allSatisfy { slotsOfPod[$0.uid] != nil }
    }

    /// The agent of a node says, at a listened time, that it leaves; nil: it no longer does.
    mutating func setLeaving(_ slot: Int, at time: Duration?) {
        guard let agent = agents[slot], (agent.leavingSince == nil) != (time == nil) else { return }
        agents[slot]?.leavingSince = time
        if time == nil { leaving.remove(slot) } else { leaving.insert(slot) }
        stale.insert(slot)
    }

    /// Whoever said that it leaves before a listened time, and has not gone, stays.
    mutating func forgetLeaving(since time: Duration) {
        for slot in leaving.sorted() where agents[slot]?.leavingSince.map({ $0 < time }) ?? true {
            setLeaving(slot, at: nil)
        }
    }

    /// Matches the nodes that changes may have affected.
    ///
    /// - Returns: the verdict on each of them, by slot.
    mutating func assess() -> [(slot: Int, verdict: Verdict)] {
        guard !stale.isEmpty else { return [] }
        let touched = stale.sorted()
        stale = []
        let found = touched.map { (slot: $0, pod: match($0)) }
        // All verdicts before any match is stored: of two nodes that had one pod, neither was the only one.
        let verdicts = found.map { (slot: $0.slot, verdict: verdict(on: $0.slot, $0.pod)) }
        for (slot, pod) in found {
            if let former = agents[slot]?.pod { Self.remove(slot, from: &slotsOfPod, at: former.uid) }
            agents[slot]?.pod = pod
            if let pod { slotsOfPod[pod.uid, default: []].insert(slot) }
        }
        return verdicts
    }

    /// Nodes that the pods of this name matched in another way may now match another pod.
    private mutating func markRivals(_ id: String) {
        for pod in pods.named(id) {
            markStale(pod.nodeName)
            for address in pod.addresses { stale.formUnion(slotsAtAddress[address] ?? []) }
        }
    }

    /// Has a node assessed again.
    mutating func touch(_ id: String) { markStale(id) }

    private mutating func markStale(_ id: String) {
        if let slot = slots[id] { stale.insert(slot) }
    }

    private static func remove(_ slot: Int, from index: inout [ExactText: Set<Int>], at key: String) {
        index[key]?.remove(slot)
        if index[key]?.isEmpty == true { index[key] = nil }
    }
}

// Conclusions.
extension AgentMatching {
    /// An address for people: with its pod, if it has one.
    func described(_ address: String) -> String {
        pods.at(address: address).first.map { "\(address) (pod \($0.fullName))" } ?? address
    }

    /// Whether an address identifies the agent that reports from it: the agent stated it, it is a pod's, or pods are
    /// not known.
    func identifiesAgent(_ address: String, isStated: Bool) -> Bool {
        isStated || !pods.isKnown || pods.have(address: address)
    }

    /// Whether two addresses belong to one pod.
    func areOfOnePod(_ one: String, _ other: String) -> Bool {
        guard let pod = pods.at(address: one).first else { return false }
        return pods.at(address: other).first?.uid == pod.uid
    }

    /// Whether the agent of a node is followed by another one, should it end now.
    func isRestart(_ slot: Int) -> Bool {
        pod(of: slot).map(isRestart) ?? false
    }

    /// The addresses of a node's pod; empty if none is known.
    func podAddresses(_ slot: Int) -> [String] {
        pod(of: slot)?.addresses ?? []
    }

    /// The Kubernetes node on which a node's agent runs: its pod's, else the one of the node's own name; nil if it is
    /// not known.
    func worker(of slot: Int) -> WorkerNode? {
        let scheduled = pod(of: slot)?.nodeName ?? ""
        return workers[scheduled.isEmpty ? agents[slot]?.id ?? "" : scheduled]
    }

    /// Whether there is a Kubernetes node of this name.
    func hasWorker(_ name: String) -> Bool { workers[name] != nil }

    /// The capacity that Kubernetes tells of a node: its pod's before that of its Kubernetes node.
    func statedCapacity(_ slot: Int) -> Int? {
        pod(of: slot)?.capacity.value ?? worker(of: slot)?.capacity.value
    }

    /// A node's pod: the one matched last, else what would be matched now.
    private func pod(of slot: Int) -> AgentPod? { agents[slot]?.pod ?? match(slot) }

    /// Whether a pod of this full name exists.
    func hasPod(_ fullName: String) -> Bool { pods.has(fullName) }

    private func isRestart(_ pod: AgentPod) -> Bool {
        pod.isOfDaemonSet && workers.canRestart(on: pod.nodeName)
    }

    /// A node's pod, found in the surest way possible. A pod that stays is preferred.
    private func match(_ slot: Int) -> AgentPod? {
        guard pods.isKnown, let agent = agents[slot] else { return nil }
        // An ID that is a pod's name is conclusive.
        if let named = pods.named(agent.id).first { return named }
        let byAddress = agent.addresses.flatMap { pods.at(address: $0) }.filter { !isNamed($0, otherThan: slot) }
        let byNode = pods.on(nodeName: agent.id).filter { !isNamed($0, otherThan: slot) && !isAt($0, otherThan: slot) }
        let candidates = byAddress + byNode
        return candidates.first { !$0.isTerminating } ?? candidates.first
    }

    private func isNamed(_ pod: AgentPod, otherThan slot: Int) -> Bool {
        slots[pod.name].map { $0 != slot } ?? false
    }

    private func isAt(_ pod: AgentPod, otherThan slot: Int) -> Bool {
        pod.addresses.contains { slotsAtAddress[$0]?.contains { $0 != slot } ?? false }
    }

    private func verdict(on slot: Int, _ pod: AgentPod?) -> Verdict {
        if pod == nil, let former = agents[slot]?.pod, !pods.contains(former), isSurely(former, of: slot) {
            return .gone(former, isRestart: isRestart(former))
        }
        var conditions = NodeConditions()
        conditions.pod = pod?.fullName
        conditions.lacksPod = pods.isKnown && pod == nil
        let isLeaving = pod?.isTerminating == true || agents[slot]?.leavingSince != nil
        conditions.isRestarting = isLeaving && pod.map(isRestart) == true
        conditions.isDraining = isLeaving && !conditions.isRestarting
        conditions.cordon = cordon(pod, id: agents[slot]?.id ?? "")
        for case .wrong(let reason)? in [pod?.capacity, worker(of: slot)?.capacity] { conditions.fault = reason }
        return .stays(conditions)
    }

    /// Whether a deleted pod was certainly this node's. If in doubt, heartbeats decide: the reports may come from
    /// another agent, whose pod we have not heard of yet.
    private func isSurely(_ pod: AgentPod, of slot: Int) -> Bool {
        guard let agent = agents[slot], agent.addresses.count < 2, slotsOfPod[pod.uid] == [slot] else { return false }
        return pod.addresses.isEmpty || agent.addresses.allSatisfy { pod.addresses.contains($0) }
    }

    private func cordon(_ pod: AgentPod?, id: String) -> NodeConditions.Cordon? {
        let scheduled = pod.map(\.nodeName) ?? ""
        if workers.isCordoned(scheduled.isEmpty ? id : scheduled) { return .cordoned }
        return !scheduled.isEmpty && workers.isGone(scheduled) ? .workerGone : nil
    }
}
