import CheckModel
import Platform

/// What a config has in common with those that it may succeed: an instance without a name has another key after an
/// edit.
struct Lineage: Hashable {
    @ExactText private(set) var source: String
    @ExactText private(set) var check: String
}

extension Lineage {
    init(_ key: ConfigKey) {
        self.init(source: key.source, check: key.check)
    }
}

/// Where configs were that are removed in the same step in which others of their lineage come: nothing needs to move.
struct Predecessors {
    /// The nodes of the removed configs, in reverse order of their keys.
    private var nodes: [Lineage: [String]] = [:]

    /// - Parameter keys: the configs to be removed, which are still in `store`.
    init(_ keys: [ConfigKey], in store: ClusterStore) {
        for key in keys.sorted(by: >) {
            guard let node = store.nodeID(of: key) else { continue }
            nodes[Lineage(key), default: []].append(node)
        }
    }

    /// The node of the next config that one with this key succeeds, which succeeds no other; nil if there is none.
    mutating func takeNode(of key: ConfigKey) -> String? {
        guard !nodes.isEmpty else { return nil }
        return nodes[Lineage(key)]?.popLast()
    }
}

/// The exclusive configs that are gone and that agents may still run, under the keys that they had. Who succeeds whom
/// nobody can tell, so one waits for all of its lineage.
struct RemovedExclusives {
    private var handOvers: [Lineage: [HandOver]] = [:]

    init(_ store: ClusterStore) {
        for (key, handOver) in store.handOvers where handOver.isExclusive && store.config(key) == nil {
            handOvers[Lineage(key), default: []].append(handOver)
        }
    }

    /// One that another agent than that of `slot` may run, of the lineage of a config; nil if there is none. An agent
    /// stops by itself what it runs under a former key when it is told the new one.
    func other(than slot: Int?, for key: ConfigKey) -> HandOver? {
        guard !handOvers.isEmpty else { return nil }
        let others = handOvers[Lineage(key)]?.filter { $0.former == nil || $0.former != slot }
        // Those that nobody knows the agents of first, then in the order of the slots: the same on each replica.
        return others?.min { ($0.former ?? -1) < ($1.former ?? -1) }
    }
}
