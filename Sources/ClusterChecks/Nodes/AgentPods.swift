import Platform

/// The node-agents' pods, indexed by name, address and Kubernetes node.
///
/// Until they have been listed, nothing is concluded from the absence of a pod.
struct AgentPods: Sendable {
    private struct Entry {
        let pod: AgentPod
        /// Its rank in the order of arrival: a newer pod has a greater one.
        let arrival: UInt64
    }

    /// Whether they have been listed.
    private(set) var isKnown = false
    /// When the newest list of them began; `.distantPast` until they have been listed.
    private(set) var readSince = Instant.distantPast
    private var entries: [ExactText: Entry] = [:]
    /// The full names of the pods of each name, address and Kubernetes node.
    private var names: [ExactText: Set<ExactText>] = [:]
    private var addresses: [ExactText: Set<ExactText>] = [:]
    private var nodeNames: [ExactText: Set<ExactText>] = [:]
    private var arrivals: UInt64 = 0

    /// - Returns: the pods that changed, both as they were and as they are: each may match other nodes than before.
    mutating func handle(_ change: AgentPodChange) -> [AgentPod] {
        switch change {
        case .replaced(let pods, let begun):
            isKnown = true
            readSince = begun
            let present = Set(texts: pods.map(\.fullName))
            let gone = entries.keys.filter { !present.contains($0) }.sortedTexts()
            return gone.flatMap { remove($0) } + pods.flatMap { apply($0) }
        case .applied(let pod):
            return isKnown ? apply(pod) : []
        case .deleted(let pod):
            // A pod recreated under the same name is not the deleted one.
            guard isKnown, entries[pod.fullName]?.pod.uid == pod.uid else { return [] }
            return remove(pod.fullName)
        }
    }

    /// Whether a pod exists: this one, not another one of the same name.
    func contains(_ pod: AgentPod) -> Bool {
        entries[pod.fullName]?.pod.uid == pod.uid
    }

    /// Those that are ready and stay, in no particular order.
    var ready: [AgentPod] { entries.values.map(\.pod).filter { $0.isReady && !$0.isTerminating } }

    func has(_ fullName: String) -> Bool { entries[fullName] != nil }

    func have(address: String) -> Bool { addresses[address] != nil }

    /// The pods of this name, in different namespaces. The one that will stay longest comes first: those that are not
    /// terminating, the newest first.
    func named(_ name: String) -> [AgentPod] { pods(names[name]) }

    /// The pods with this address, in the same order.
    func at(address: String) -> [AgentPod] { pods(addresses[address]) }

    /// The pods on this Kubernetes node, in the same order.
    func on(nodeName: String) -> [AgentPod] { pods(nodeNames[nodeName]) }

    private func pods(_ fullNames: Set<ExactText>?) -> [AgentPod] {
        guard let fullNames else { return [] }
        let found = fullNames.compactMap { entries[$0] }
        if found.count == 1 { return [found[0].pod] }
        return found.sorted {
            $0.pod.isTerminating == $1.pod.isTerminating ? $0.arrival > $1.arrival : $1.pod.isTerminating
        }.map(\.pod)
    }

    private mutating func apply(_ pod: AgentPod) -> [AgentPod] {
        let former = entries[pod.fullName]
        if former?.pod == pod { return [] }
        let touched = remove(pod.fullName)
        var arrival = former?.arrival ?? 0
        if former?.pod.uid != pod.uid {
            arrivals += 1
            arrival = arrivals
        }
        entries[pod.fullName] = Entry(pod: pod, arrival: arrival)
        names[pod.name, default: []].insert(pod.fullName)
        for address in pod.addresses { addresses[address, default: []].insert(pod.fullName) }
        if !pod.nodeName.isEmpty { nodeNames[pod.nodeName, default: []].insert(pod.fullName) }
        return touched + [pod]
    }

    private mutating func remove(_ fullName: String) -> [AgentPod] {
        guard let pod = entries.removeValue(forKey: fullName)?.pod else { return [] }
        Self.remove(fullName, from: &names, at: pod.name)
        for address in pod.addresses { Self.remove(fullName, from: &addresses, at: address) }
        Self.remove(fullName, from: &nodeNames, at: pod.nodeName)
        return [pod]
    }

    private static func remove(_ fullName: String, from index: inout [ExactText: Set<ExactText>], at key: String) {
        index[key]?.remove(fullName)
        if index[key]?.isEmpty == true { index[key] = nil }
    }
}
