import CheckModel
import Leadership
package import Platform
import Synchronization

/// The state of a leader in four values, as the Lease shows it.
package struct ClusterSummary: Hashable, Sendable {
    /// How many nodes report.
    package let nodes: Int
    /// How many configs there are, dangling ones and endpoints checks too.
    package let configs: Int
    /// How many configs have no node.
    package let dangling: Int
    /// Whether configs are not dispatched yet.
    package let isWarmingUp: Bool

    /// A state.
    package init(nodes: Int, configs: Int, dangling: Int, isWarmingUp: Bool) {
        self.nodes = nodes
        self.configs = configs
        self.dangling = dangling
        self.isWarmingUp = isWarmingUp
    }
}

extension Handler {
    /// The state in short; nil while this replica does not lead.
    package func summary(now: Instant) -> ClusterSummary? {
        state.withLock { state in
            guard let term = state.term, term.isValid(at: now) else { return nil }
            let store = state.dispatcher.store
            return ClusterSummary(
                nodes: store.nodeCount, configs: store.totalCount, dangling: store.dangling.count,
                isWarmingUp: !state.dispatcher.isDispatching)
        }
    }
}
