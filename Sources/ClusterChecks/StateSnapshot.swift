package import CheckModel
package import Leadership

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
        /// What its agent is told to run while others take its configs over; nil if it is told to run its configs.
        package let retained: ClusterStore.Retained?
        /// Whether its agent is told to run on whatever it runs, as it was about to leave already when it first reported.
        package let runsOn: Bool
        /// What it answered about what it runs; nil if it never did.
        package let statistics: NodeStatistics?

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
    /// The configs that have had no node for too long, sorted by key.
    package let unscheduled: [EncodedConfig]
}

extension StateSnapshot {
    /// What is copied under the lock: references to arrays, so that it takes no longer for more configs.
    struct Parts {
        let term: Term
        let isWarmingUp: Bool
        let nodes: [ClusterStore.Node]
        let silences: [Duration?]
        let runsOn: [Bool]
        let dangling: [ClusterStore.Dangling]
        let rejected: [ConfigKey: String]
        let endpointsChecks: EndpointsChecks
        let statistics: [NodeStatistics?]
        let unscheduled: [EncodedConfig]
    }

    /// Sorts the parts, outside the lock.
    init(_ parts: Parts) {
        term = parts.term
        isWarmingUp = parts.isWarmingUp
        let slots = parts.nodes.indices.filter { !parts.nodes[$0].id.isEmpty }
        nodes = slots.map {
            Node(parts.nodes[$0], parts.silences[$0], parts.runsOn[$0], parts.statistics[$0])
        }.sorted { $0.id < $1.id }
        unscheduled = parts.unscheduled
        dangling = parts.dangling.sorted { $0.config.key < $1.config.key }
        endpointsChecks = parts.endpointsChecks
        rejected = parts.rejected.sorted { $0.key < $1.key }.map { (key: $0.key, reason: $0.value) }
    }
}

extension StateSnapshot.Node {
    fileprivate init(
        _ node: ClusterStore.Node, _ silence: Duration?, _ runsOn: Bool, _ statistics: NodeStatistics?
    ) {
        self.init(
            id: node.id, type: node.type, address: node.address, revision: node.revision.value, silence: silence,
            configs: node.configs.sorted { $0.key < $1.key }, conditions: node.conditions, agents: node.agents,
            retained: node.retained, runsOn: runsOn, statistics: statistics)
    }
}
