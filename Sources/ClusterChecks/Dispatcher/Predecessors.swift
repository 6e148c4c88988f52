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

/// The configs that are removed in the same step in which others of their lineage come: these take their places, so
/// that nothing needs to move.
struct Predecessors {
    /// A config that is removed.
    struct Predecessor {
        let key: ConfigKey
        /// The node that had it; nil if it dangled.
        let node: String?
    }

    /// In reverse order of their keys; those that dangled before the others, so that they are succeeded last.
    private var removed: [Lineage: [Predecessor]] = [:]

    /// - Parameter keys: the configs to be removed, which are still in `store`.
    init(_ keys: [ConfigKey], in store: ClusterStore) {
        let all = keys.sorted(by: >).map { Predecessor(key: $0, node: store.nodeID(of: $0)) }
        for one in all.filter({ $0.node == nil }) + all.filter({ $0.node != nil }) {
            removed[Lineage(one.key), default: []].append(one)
        }
    }

    /// The next config that one with this key succeeds, which succeeds no other; nil if there is none.
    mutating func take(for key: ConfigKey) -> Predecessor? {
        guard !removed.isEmpty else { return nil }
        return removed[Lineage(key)]?.popLast()
    }
}
