package import CheckModel
package import Leadership
import Platform

/// Who runs what at one moment, for people and metrics.
package struct StateSnapshot: Sendable {
    /// A node and its configs.
    package struct Node: Sendable {
        /// The node ID.
        package let id: String
        /// The `node_type` that it reported.
        package let type: Int
        /// Its IP address, if known.
        package let address: String?
        /// The revision of what its agent is told to run.
        package let revision: Int64
        /// The configs that are placed on it, sorted by key.
        package let configs: [EncodedConfig]
        /// What its agent is told to run, sorted by key: without what another agent must stop first, and with what
        /// another one has not started yet.
        package let told: [EncodedConfig]
        /// What Kubernetes says about it.
        package let conditions: NodeConditions
        /// The two agents that report under its ID; empty while only one does.
        let agents: [String]
        /// How many configs it hands over.
        package let handingOver: Int
        /// Whether its agent is told to run whatever it runs, since it was draining already when it first reported.
        package let runsOn: Bool
        /// Whether a new leader adopted it and has not heard it yet.
        package let isAwaited: Bool
        /// Whether its agent has left to be restarted.
        package let isAway: Bool
        /// Whether all bytes of what its agent is told to run are known.
        package let isTellable: Bool
        /// The statistics that it last gave; nil if it never did.
        package let statistics: NodeStatistics?
        /// If it is a Prometheus, how often it fetches its targets; nil for an agent.
        package let refreshInterval: Duration?
        /// For how long it has been silent, as far as this replica listened.
        package let silence: Duration
        /// The sum of the costs of its configs, in check instances.
        package let load: Double
        /// How many checks it runs at a time.
        package let capacity: Int

        /// Whether pods are known and none of them is its; a Prometheus needs none.
        var lacksPod: Bool { conditions.lacksPod && refreshInterval == nil }

        /// Its unusual conditions, in words.
        package var remarks: [String] {
            var remarks: [String] = []
            if let refreshInterval {
                remarks.append("a Prometheus: it fetches every \(Int(refreshInterval.seconds)) s")
            }
            if conditions.isDraining { remarks.append("draining") }
            if conditions.isDrained { remarks.append("drained by an operator") }
            if isAway {
                remarks.append("waiting for its agent to be restarted")
            } else if conditions.isRestarting {
                remarks.append("its agent is about to be restarted")
            }
            if handingOver > 0 { remarks.append("handing over \(handingOver) checks") }
            if isAwaited { remarks.append("not heard since the leader changed") }
            switch conditions.cordon {
            case .cordoned: remarks.append("cordoned")
            case .flapping: remarks.append("it comes and goes: nothing new until it has stayed for 5 minutes")
            case .workerGone: remarks.append("its Kubernetes node is gone")
            case nil: break
            }
            if let fault = conditions.fault { remarks.append(fault) }
            if lacksPod { remarks.append("no pod") }
            if !agents.isEmpty { remarks.append("two agents under one id: \(agents.joined(separator: ", "))") }
            return remarks
        }
    }

    /// The term in which it was taken.
    package let term: Term
    /// Whether configs are not dispatched yet.
    package let isWarmingUp: Bool
    /// How much longer it must listen before it dispatches, at most.
    package let remainingWarmUp: Duration
    /// The nodes, sorted by ID.
    package let nodes: [Node]
    /// The dangling configs, sorted by key.
    package let dangling: [ClusterStore.Dangling]
    /// The configs that cannot be dispatched, with the reason, sorted by key.
    package let rejected: [(key: ConfigKey, reason: String)]
    /// The endpoints checks.
    package let endpointsChecks: EndpointsChecks
    /// The configs that have been dangling for too long, sorted by key.
    let unscheduled: [EncodedConfig]

    /// Sorts what was copied under the lock.
    init(_ view: Dispatcher.View, _ rejections: Rejections, _ term: Term) {
        self.term = term
        isWarmingUp = !view.isDispatching
        remainingWarmUp = view.remainingWarmUp
        nodes = view.slots.map { Node(view, slot: $0) }.sorted { $0.id.isBefore($1.id) }
        dangling = view.dangling.sorted { $0.config.key < $1.config.key }
        rejected = rejections.sorted
        endpointsChecks = view.endpointsChecks
        unscheduled = view.unscheduled
    }
}

extension StateSnapshot.Node {
    fileprivate init(_ view: Dispatcher.View, slot: Int) {
        let node = view.nodes[slot]
        let configs = node.configs.sorted { $0.key < $1.key }
        self.init(
            id: node.id, type: node.type, address: node.address, revision: node.revision.value,
            configs: configs,
            told: node.isHandingOver ? node.told(view.handOvers).sorted { $0.key < $1.key } : configs,
            conditions: node.conditions, agents: node.agents, handingOver: node.outgoing.count,
            runsOn: node.keepsRunning, isAwaited: node.isAwaited, isAway: node.isAway, isTellable: node.isTellable,
            statistics: view.statistics[slot], refreshInterval: node.abilities.refreshInterval,
            silence: view.heard.indices.contains(slot)
                ? view.heard[slot].map { max(.zero, view.time - $0) } ?? .zero : .zero,
            load: Double(node.load.millionths) / 1e6, capacity: node.abilities.capacity)
    }
}

/// The state of a leader in four values, as the Lease shows it.
package struct ClusterSummary: Hashable, Sendable {
    /// The number of nodes.
    package let nodes: Int
    /// The number of configs, including dangling ones and endpoints checks.
    package let configs: Int
    /// The number of configs that have no node.
    package let dangling: Int
    /// Whether configs are not dispatched yet.
    package let isWarmingUp: Bool
}
