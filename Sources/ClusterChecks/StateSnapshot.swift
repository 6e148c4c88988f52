package import CheckModel

/// Who runs what at one moment, for people and metrics.
package struct StateSnapshot: Sendable {
    /// A node and its configs.
    package struct Node: Sendable {
        /// Its id.
        package let id: String
        /// `node_type`.
        package let type: Int
        /// Its IP address, if known.
        package let address: String?
        /// The revision that it should run.
        package let revision: Int64
        /// How long it has been silent, in listened time.
        package let silence: Duration?
        /// Its configs, sorted by key.
        package let configs: [EncodedConfig]
    }

    /// The term in which it was taken.
    package let term: Term
    /// Whether configs are not dispatched yet.
    package let isWarmingUp: Bool
    /// The nodes, sorted by id.
    package let nodes: [Node]
    /// The dangling configs, sorted by key.
    package let dangling: [ClusterStore.Dangling]
    /// Configs that cannot be dispatched, with the reason, sorted by key.
    package let rejected: [(key: ConfigKey, reason: String)]
}

extension StateSnapshot {
    /// What is copied under the lock: references to arrays, so that it takes no longer for more configs.
    struct Parts {
        let term: Term
        let isWarmingUp: Bool
        let nodes: [ClusterStore.Node]
        let silences: [Duration?]
        let dangling: [ClusterStore.Dangling]
        let rejected: [ConfigKey: String]
    }

    /// Sorts the parts, outside the lock.
    init(_ parts: Parts) {
        term = parts.term
        isWarmingUp = parts.isWarmingUp
        nodes = zip(parts.nodes, parts.silences).filter { !$0.0.id.isEmpty }.sorted { $0.0.id < $1.0.id }.map {
            Node(
                id: $0.id, type: $0.type, address: $0.address, revision: $0.revision.value, silence: $1,
                configs: $0.configs.sorted { $0.key < $1.key })
        }
        dangling = parts.dangling.sorted { $0.config.key < $1.config.key }
        rejected = parts.rejected.sorted { $0.key < $1.key }.map { (key: $0.key, reason: $0.value) }
    }
}
