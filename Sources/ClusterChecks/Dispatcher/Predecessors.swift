import CheckModel
import Platform

/// Where configs were that are removed in the same step in which others of their source and check come: an instance
/// without a name has another key after an edit, and yet nothing needs to move.
struct Predecessors {
    private struct Lineage: Hashable {
        @ExactText private(set) var source: String
        @ExactText private(set) var check: String
    }

    /// The nodes of the removed configs, in reverse order of their keys.
    private var nodes: [Lineage: [String]] = [:]

    /// - Parameter keys: the configs to be removed, which are still in `store`.
    init(_ keys: [ConfigKey], in store: ClusterStore) {
        for key in keys.sorted(by: >) {
            guard let node = store.nodeID(of: key) else { continue }
            nodes[Lineage(source: key.source, check: key.check), default: []].append(node)
        }
    }

    /// The node of the next config that one with this key succeeds, which succeeds no other; nil if there is none.
    mutating func takeNode(of key: ConfigKey) -> String? {
        guard !nodes.isEmpty else { return nil }
        return nodes[Lineage(source: key.source, check: key.check)]?.popLast()
    }
}
