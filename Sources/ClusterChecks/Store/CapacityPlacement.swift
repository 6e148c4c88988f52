import CheckModel

/// Finds the node on which a config leaves the least relative load (load ÷ capacity) after it: in O(log n) for each
/// capacity that there is, which are few.
///
/// Within a capacity that is the least loaded node, with ties broken as `Placement` says; between capacities the sums
/// are compared exactly, and a tie goes to the greater capacity.
struct CapacityPlacement: Sendable {
    /// The nodes of each capacity, the greatest first. Most clusters have one.
    private var classes: [(capacity: Int, nodes: Placement)] = []

    var isEmpty: Bool { classes.isEmpty }

    /// The slots of the nodes, in no particular order.
    var slots: [Int] { classes.flatMap { Array($0.nodes.slots) } }

    /// Adds the node `id`, with its load.
    mutating func insert(_ id: String, slot: Int, capacity: Int, load: Load) {
        let index = classes.firstIndex { $0.capacity <= capacity } ?? classes.count
        if index == classes.count || classes[index].capacity != capacity {
            classes.insert((capacity, Placement()), at: index)
        }
        classes[index].nodes.insert(id, slot: slot)
        classes[index].nodes.update(slot: slot, load: load)
    }

    /// Removes the node of `slot`, which has this capacity.
    mutating func remove(slot: Int, capacity: Int) {
        guard let index = classes.firstIndex(where: { $0.capacity == capacity }) else { return }
        classes[index].nodes.remove(slot: slot)
        if classes[index].nodes.isEmpty { classes.remove(at: index) }
    }

    /// Sets the load of a node.
    mutating func update(slot: Int, capacity: Int, load: Load) {
        // Most clusters have one, and this is done with each change of a load.
        for index in classes.indices where classes[index].capacity == capacity {
            return classes[index].nodes.update(slot: slot, load: load)
        }
    }

    /// The slot of the node with the least relative load once it has a config of this load whose key has this hash; nil
    /// if none may have it.
    ///
    /// - Parameter isEligible: whether the node of a slot may have it; nil if all may. Only if the best one may not,
    ///   all are looked at.
    func best(for hash: UInt64, load: Load, where isEligible: ((Int) -> Bool)?) -> Int? {
        if classes.count == 1 { return best(for: hash, 0, where: isEligible) }
        var best: (slot: Int, load: Load, capacity: Int)?
        for index in classes.indices {
            let capacity = classes[index].capacity
            guard let slot = self.best(for: hash, index, where: isEligible) else { continue }
            let sum = classes[index].nodes.load(slot: slot) + load
            if let found = best, !sum.isLess(than: found.load, of: capacity, found.capacity) { continue }
            best = (slot, sum, capacity)
        }
        return best?.slot
    }

    /// The same among the nodes of one capacity.
    private func best(for hash: UInt64, _ index: Int, where isEligible: ((Int) -> Bool)?) -> Int? {
        let slot = classes[index].nodes.leastLoaded(for: hash)
        guard let slot, let isEligible, !isEligible(slot) else { return slot }
        return classes[index].nodes.leastLoaded(for: hash, where: isEligible)
    }
}
