import CheckModel
import Platform

/// Which nodes may run what, as far as Kubernetes nodes decide it: looked up once for all configs with equal rules.
struct EligibleNodes: Sendable {
    /// How many answers are remembered, a byte each: further rules are looked up each time.
    private static let limit = 4_000_000

    /// By slot: the Kubernetes node, as far as is known.
    private var workers: [WorkerNode?] = []
    /// By slot: the node's ID, under which a config may be pinned to it.
    private var ids: [String] = []
    private var obstacles: [PlacementRules: [Obstacle?]] = [:]

    /// The Kubernetes node of a node became known, or changed.
    ///
    /// - Returns: whether that is news.
    mutating func set(_ worker: WorkerNode?, id: String, slot: Int) -> Bool {
        while workers.count <= slot {
            workers.append(nil)
            ids.append("")
            for index in obstacles.values.indices { obstacles.values[index].append(.unknown) }
        }
        guard
            !ids[slot].hasSameBytes(as: id) || workers[slot]?.name != worker?.name
                || workers[slot]?.labels != worker?.labels
        else { return false }
        (workers[slot], ids[slot]) = (worker, id)
        refresh(slot)
        return true
    }

    /// Whether the node of a slot has this ID, or runs on the Kubernetes node of this name.
    func isNode(_ slot: Int, named name: ExactText) -> Bool {
        guard slot < ids.count else { return false }
        return ids[slot].hasSameBytes(as: name.text) || workers[slot]?.name.hasSameBytes(as: name.text) == true
    }

    /// Why the rules keep a config from the node of a slot; nil if they do not.
    mutating func obstacle(_ rules: PlacementRules, _ slot: Int) -> Obstacle? {
        guard rules.isConstraint, slot < ids.count else { return rules.isConstraint ? .unknown : nil }
        if let known = obstacles[rules] { return known[slot] }
        guard (obstacles.count + 1) * ids.count <= Self.limit else { return find(rules, slot) }
        let found = ids.indices.map { find(rules, $0) }
        obstacles[rules] = found
        return found[slot]
    }

    /// Whether it is known what the node of a slot is: after an adoption it is not, until Kubernetes has been read
    /// anew.
    func knows(_ slot: Int) -> Bool { slot < ids.count && !ids[slot].isEmpty }

    /// A node was removed. The next one with its slot is another.
    mutating func remove(_ slot: Int) {
        guard slot < ids.count else { return }
        (workers[slot], ids[slot]) = (nil, "")
        refresh(slot)
    }

    /// Looks anew at what is remembered of one node.
    private mutating func refresh(_ slot: Int) {
        for (rules, index) in zip(Array(obstacles.keys), obstacles.values.indices) {
            let found = find(rules, slot)
            obstacles.values[index][slot] = found
        }
    }

    private func find(_ rules: PlacementRules, _ slot: Int) -> Obstacle? {
        guard knows(slot) else { return .unknown }
        if !rules.pin.isEmpty {
            guard isNode(slot, named: rules.pin) else { return .pin }
        }
        guard !rules.nodeSelector.isEmpty || !rules.zones.isEmpty else { return nil }
        guard let labels = workers[slot]?.labels else { return .unknown }
        guard rules.nodeSelector.allSatisfy({ labels[$0.key] == $0.value }) else { return .labels }
        guard !rules.zones.isEmpty else { return nil }
        let zone = labels[ExactText(PlacementRules.zoneLabel)]
        return zone.map { rules.zones.contains($0) } == true ? nil : .zone
    }
}
