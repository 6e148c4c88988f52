/// Which pod is which node's, and what follows from it: matches what reports with what Kubernetes says.
///
/// A node is found by its pod's name, else by its address, else by the name of its Kubernetes node. It looks again only at the nodes that a change
/// can have touched.
struct AgentMatching: Sendable {
    /// What is to be done with a node.
    enum Verdict: Hashable, Sendable {
        /// Its pod was deleted, and no other one is its.
        case gone(AgentPod)
        /// Its conditions are these.
        case stays(NodeConditions)
    }

    private struct Agent {
        let id: String
        /// From where it reports: two while two agents share the id.
        var addresses: [String]
        var pod: AgentPod?
    }

    private(set) var pods = AgentPods()
    private var workers = WorkerNodes()
    private var agents: [Int: Agent] = [:]
    private var slots: [String: Int] = [:]
    private var slotsAtAddress: [String: Set<Int>] = [:]
    private var slotsOfPod: [String: Set<Int>] = [:]
    /// The nodes to look at again.
    private var stale: Set<Int> = []

    /// Nothing known.
    init() {}

    /// What Kubernetes says, without any node: for another term.
    var withoutNodes: AgentMatching {
        var copy = AgentMatching()
        copy.pods = pods
        copy.workers = workers
        return copy
    }
}

// What happens.
extension AgentMatching {
    mutating func take(_ change: AgentPodChange) {
        let wasKnown = pods.isKnown
        let touched = pods.take(change)
        if !wasKnown, pods.isKnown { stale.formUnion(agents.keys) }
        for pod in touched {
            stale.formUnion(slotsOfPod[pod.uid] ?? [])
            for id in [pod.name, pod.nodeName] { markStale(id) }
            for address in pod.addresses { stale.formUnion(slotsAtAddress[address] ?? []) }
        }
    }

    mutating func take(_ change: WorkerNodeChange) {
        let wasKnown = workers.isKnown
        let touched = workers.take(change)
        if !wasKnown, workers.isKnown { stale.formUnion(agents.keys) }
        for name in touched {
            markStale(name)
            for pod in pods.on(nodeName: name) { stale.formUnion(slotsOfPod[pod.uid] ?? []) }
        }
    }

    /// A node registered.
    mutating func add(_ id: String, slot: Int, address: String?) {
        agents[slot] = Agent(id: id, addresses: [])
        slots[id] = slot
        stale.insert(slot)
        markRivals(id)
        set(addresses: address.map { [$0] } ?? [], of: slot)
    }

    /// A node is forgotten.
    mutating func remove(slot: Int) {
        set(addresses: [], of: slot)
        guard let agent = agents.removeValue(forKey: slot) else { return }
        slots[agent.id] = nil
        if let pod = agent.pod { Self.remove(slot, from: &slotsOfPod, at: pod.uid) }
        markRivals(agent.id)
        stale.remove(slot)
    }

    /// A node reports from here.
    mutating func set(addresses: [String], of slot: Int) {
        guard let former = agents[slot]?.addresses, former != addresses else { return }
        agents[slot]?.addresses = addresses
        stale.insert(slot)
        for address in former { Self.remove(slot, from: &slotsAtAddress, at: address) }
        for address in addresses { slotsAtAddress[address, default: []].insert(slot) }
        // Whoever was taken to be a pod's by its Kubernetes node alone may not be any more, or may be now.
        for address in former + addresses {
            for pod in pods.at(address: address) { markStale(pod.nodeName) }
        }
    }

    /// Looks again at the nodes that changes can have touched.
    ///
    /// - Returns: what is to be done with each of them, by slot.
    mutating func assess() -> [(slot: Int, verdict: Verdict)] {
        guard !stale.isEmpty else { return [] }
        let touched = stale.sorted()
        stale = []
        let found = touched.map { (slot: $0, pod: match($0)) }
        // All of them before any is taken as matched: of two with one pod neither is the only one.
        let verdicts = found.map { (slot: $0.slot, verdict: verdict(on: $0.slot, $0.pod)) }
        for (slot, pod) in found {
            if let former = agents[slot]?.pod { Self.remove(slot, from: &slotsOfPod, at: former.uid) }
            agents[slot]?.pod = pod
            if let pod { slotsOfPod[pod.uid, default: []].insert(slot) }
        }
        return verdicts
    }

    /// Whoever was taken to be the pods' of this name otherwise may not be any more, or may be now.
    private mutating func markRivals(_ id: String) {
        for pod in pods.named(id) {
            markStale(pod.nodeName)
            for address in pod.addresses { stale.formUnion(slotsAtAddress[address] ?? []) }
        }
    }

    private mutating func markStale(_ id: String) {
        if let slot = slots[id] { stale.insert(slot) }
    }

    private static func remove(_ slot: Int, from index: inout [String: Set<Int>], at key: String) {
        index[key]?.remove(slot)
        if index[key]?.isEmpty == true { index[key] = nil }
    }
}

// What follows.
extension AgentMatching {
    /// An address for people: with its pod, if it is one's.
    func described(_ address: String) -> String {
        pods.at(address: address).first.map { "\(address) (pod \($0.fullName))" } ?? address
    }

    /// Whether reports from an address tell agents apart: the agent stated it, or it is a pod's; while pods are not known every address does.
    func tellsApart(_ address: String, isStated: Bool) -> Bool {
        isStated || !pods.isKnown || pods.have(address: address)
    }

    /// Whether two addresses are those of one pod.
    func areOfOnePod(_ one: String, _ other: String) -> Bool {
        guard let pod = pods.at(address: one).first else { return false }
        return pods.at(address: other).first?.uid == pod.uid
    }

    /// A node's pod: one that stays, if any is to be found, and by the surest way.
    private func match(_ slot: Int) -> AgentPod? {
        guard pods.isKnown, let agent = agents[slot] else { return nil }
        // An id that is a pod's name says it all; the others also tell what follows a pod on its node.
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
            return .gone(former)
        }
        var conditions = NodeConditions()
        conditions.pod = pod?.fullName
        conditions.lacksPod = pods.isKnown && pod == nil
        conditions.isDraining = pod?.isTerminating ?? false
        conditions.cordon = cordon(pod, id: agents[slot]?.id ?? "")
        return .stays(conditions)
    }

    /// Whether nothing speaks against it that a pod that is gone was this node's. If something does, its heartbeats decide: it may be another
    /// agent, in a pod of which we have not heard yet, that reports.
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
