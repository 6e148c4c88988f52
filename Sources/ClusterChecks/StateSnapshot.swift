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
        /// What Kubernetes says of it.
        package let conditions: NodeConditions
        /// The two agents that report under its id; empty while one does.
        package let agents: [String]
        /// The revision that its agent is told to run; another one than `revision` while it hands its configs over.
        package let toldRevision: Int64

        /// What is not as it usually is, for people.
        package var remarks: [String] {
            var remarks: [String] = []
            if conditions.isDraining { remarks.append("draining") }
            switch conditions.cordon {
            case .cordoned: remarks.append("cordoned")
            case .workerGone: remarks.append("its Kubernetes node is gone")
            case nil: break
            }
            if conditions.lacksPod { remarks.append("no pod") }
            if !agents.isEmpty { remarks.append("two agents under one id: \(agents.joined(separator: ", "))") }
            return remarks
        }
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
    /// The endpoints checks.
    package let endpointsChecks: EndpointsChecks
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
        let endpointsChecks: EndpointsChecks
    }

    /// Sorts the parts, outside the lock.
    init(_ parts: Parts) {
        term = parts.term
        isWarmingUp = parts.isWarmingUp
        nodes = zip(parts.nodes, parts.silences).filter { !$0.0.id.isEmpty }.sorted { $0.0.id < $1.0.id }.map {
            Node(
                id: $0.id, type: $0.type, address: $0.address, revision: $0.revision.value, silence: $1,
                configs: $0.configs.sorted { $0.key < $1.key }, conditions: $0.conditions, agents: $0.agents,
                toldRevision: $0.told.revision.value)
        }
        dangling = parts.dangling.sorted { $0.config.key < $1.config.key }
        endpointsChecks = parts.endpointsChecks
        rejected = parts.rejected.sorted { $0.key < $1.key }.map { (key: $0.key, reason: $0.value) }
    }
}
