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
    /// A node fell silent and is forgotten; its configs have no node until they are moved.
    case nodeExpired(id: String)
    /// A new config, on a node; or dangling, when no node reports.
    case configScheduled(EncodedConfig, on: String?)
    /// A config was edited; it stays where it is.
    case configReplaced(EncodedConfig)
    /// A config goes to another node, from one or from none.
    case configMoved(ConfigKey, to: String, MoveReason)
    /// A config is no longer wanted.
    case configRemoved(ConfigKey)
}

/// Why a config goes to another node.
package enum MoveReason: Hashable, Sendable {
    /// It had no node.
    case dangled
    /// The node joined and takes its share.
    case joined
}

/// Why a config has no node.
package enum DanglingReason: Hashable, Sendable, CustomStringConvertible {
    /// No node reported when it came.
    case noNode
    /// Its node fell silent, and no other reports.
    case nodeExpired(String)

    /// For people.
    package var description: String {
        switch self {
        case .noNode: "no node-agent reports"
        case .nodeExpired(let id): "its node \(id) fell silent, and no other reports"
        }
    }
}
