package import CheckModel

/// One fact about the store. The store changes by these alone, so that a stream of them can be mirrored, traced and replayed.
///
/// Heartbeats are not among them: they say nothing about who runs what, and ten thousand nodes would flood the stream. Whoever takes over from a
/// stream lets every node report anew.
package enum StoreChange: Sendable {
    /// A node reported for the first time.
    case nodeRegistered(id: String, type: Int, address: String?)
    /// A known node reported from another address, or as another type.
    case nodeChanged(id: String, type: Int, address: String?)
    /// What Kubernetes says of a node is this from here on.
    case nodeConditionsChanged(id: String, NodeConditions)
    /// Two agents report under one id: their addresses, with their pods if they are known. None: one does again.
    case nodeShared(id: String, agents: [String])
    /// From here on a node's agent is told that it should run what it had at this moment, while its configs go to others; until it is let go, or
    /// gets a config.
    case nodeHandsOver(id: String)
    /// A node that handed its configs over is told the truth again.
    case nodeLetGo(id: String)
    /// A node is forgotten; its configs have no node until they are moved.
    case nodeExpired(id: String, ExpiryReason)
    /// A new config, on a node; or dangling, when no node reports.
    case configScheduled(EncodedConfig, on: String?)
    /// A config was edited; it stays where it is.
    case configReplaced(EncodedConfig)
    /// A config goes to another node, from one or from none.
    case configMoved(ConfigKey, to: String, MoveReason)
    /// A config is no longer wanted.
    case configRemoved(ConfigKey)
    /// A new or edited endpoints check, for the Kubernetes node that it names.
    case endpointsCheckScheduled(EncodedConfig)
    /// An endpoints check is no longer wanted.
    case endpointsCheckRemoved(ConfigKey)
}

/// Why a node is forgotten.
package enum ExpiryReason: Hashable, Sendable {
    /// It was silent for longer than the timeout.
    case silence
    /// Its pod, `namespace/name`, was deleted.
    case podDeleted(String)
}

/// Why a config goes to another node.
package enum MoveReason: Hashable, Sendable {
    /// It had no node.
    case dangled
    /// The node joined, or may get work again, and takes its share.
    case joined
    /// Its node is about to leave.
    case drained
    /// Its node had too much to do, by what runners measured.
    case rebalanced
    /// Another config is to be alone on its node.
    case isolated
}

/// Why a config has no node. One object for all that lost the same node.
package indirect enum DanglingReason: Hashable, Sendable, CustomStringConvertible {
    /// No node reported when it came.
    case noNode
    /// Its node fell silent, and no other reports.
    case nodeExpired(String)
    /// Its node's pod, `namespace/name`, was deleted, and no other reports.
    case podDeleted(node: String, pod: String)

    /// For people.
    package var description: String {
        switch self {
        case .noNode: "no node-agent reports"
        case .nodeExpired(let id): "its node \(id) fell silent, and no other reports"
        case .podDeleted(let id, let pod): "the pod \(pod) of its node \(id) was deleted, and no other reports"
        }
    }
}
