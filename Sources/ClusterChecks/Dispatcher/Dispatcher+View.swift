import CheckModel
import Platform

extension Dispatcher {
    /// What is read outside the lock: references, which are copied in the same short time however much they refer to.
    ///
    /// Drop it soon. As long as it is held, the next change of what it refers to copies that, under the lock.
    struct View: Sendable {
        let version: UInt64
        let isDispatching: Bool
        /// By slot, as are `statistics`.
        let nodes: [ClusterStore.Node]
        let dangling: [ClusterStore.Dangling]
        let handOvers: [ConfigKey: HandOver]
        /// Since which version of the store configs have been dangling for too long.
        let overdue: UInt64
        let endpointsChecks: EndpointsChecks
        let statistics: [NodeStatistics?]
        let pods: AgentPods
        /// The unit of measured costs; nil if nothing has been measured.
        let workersPerInstance: Double?
        /// What operators want.
        let intent: OperatorIntent
        /// Whether there are nodes that do not run every check.
        let isRestricted: Bool
        /// Which nodes may run configs with rules.
        let eligible: EligibleNodes
        /// The configs that were rebalanced a moment ago, and until when they stay.
        let rebalanced: [ConfigKey: Duration]
        /// By slot, when each node was last heard, and the time by the same clock.
        let heard: [Duration?]
        let time: Duration
        /// How much longer this process must listen before configs may be dispatched.
        let remainingWarmUp: Duration

        /// The slots that have a node, in order.
        var slots: some Sequence<Int> { nodes.indices.lazy.filter { !nodes[$0].id.isEmpty } }

        /// The revisions of the nodes, without those whose configs are not known.
        var revisions: [ExactText: Int64] {
            var revisions: [ExactText: Int64] = [:]
            for slot in slots where !nodes[slot].keepsRunning && nodes[slot].isTellable {
                revisions[nodes[slot].id] = nodes[slot].revision.value
            }
            return revisions
        }

        /// The configs that have been dangling for too long, and are not meant to, sorted by key.
        var unscheduled: [EncodedConfig] {
            dangling.lazy.filter { $0.since <= overdue && $0.reason != .paused }.map(\.config).sorted {
                $0.key < $1.key
            }
        }
    }
}
