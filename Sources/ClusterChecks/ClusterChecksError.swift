package import Leadership

/// Why a call of a node-agent or an operator is not answered.
package enum ClusterChecksError: Error, Hashable, Sendable, CustomStringConvertible {
    /// This replica does not know yet who leads.
    case startingUp
    /// This replica does not lead. The leader has this endpoint; nil while none is known.
    case notLeading(LeaderEndpoint?)
    /// The term has just begun, and configs are not dispatched yet.
    case warmingUp
    /// The config sources have not all synced yet.
    case notSynced
    /// No node of this ID reports.
    case unknownNode(String)
    /// The agent of the node is about to leave, and this replica has never told it what to run: it keeps running what
    /// it runs.
    case handingOver(String)
    /// What the agent of this node was told by the former leader is known, but not all bytes of it have been read yet.
    case unconfirmed(node: String)
    /// A goodbye in the name of a node came from an address, if known, that is not its agent's.
    case strangersGoodbye(node: String, peer: String?)
    /// A node-agent and a Prometheus report under one ID: the one that does not hold it is refused.
    case otherKind(node: String, isPrometheus: Bool)
    /// The node ID is empty, too long, or contains control characters.
    case invalidNodeID(length: Int)
    /// Rebalancing is disabled.
    case advancedDispatchingOff
    /// What an operator wants is about what is not there, or cannot be: why.
    case intent(String)
    /// The limit of nodes is reached.
    case tooManyNodes(limit: Int)

    /// The maximum length of a node ID, in bytes.
    static let longestNodeID = 253

    /// One line for the caller.
    package var description: String {
        switch self {
        case .startingUp: "Startup in progress"
        case .notLeading(nil): "no leader is known"
        case .notLeading: "currently follower"
        case .warmingUp: "warming up: configs are not dispatched yet"
        case .notSynced: "config sources have not all synced yet"
        case .unknownNode(let id): "node \(id) is unknown"
        case .handingOver(let id): "node \(id) is about to leave and keeps running its checks while others take over"
        case .unconfirmed(let id):
            "not all configs of node \(id) have been read yet: it keeps running what the former leader told it"
        case .strangersGoodbye(let id, let peer):
            "goodbye of node \(id) from \(peer ?? "an unknown address"), which is not its agent's: it is ignored"
        case .otherKind(let id, let isPrometheus):
            "node \(id) is \(isPrometheus ? "a Prometheus that fetches its targets" : "a node-agent"): "
                + "use another node ID, or wait until it has expired"
        case .invalidNodeID(let length):
            "invalid node ID of \(length) bytes: must be 1 to \(Self.longestNodeID) bytes, without control characters"
        case .advancedDispatchingOff: "no checks to rebalance: advanced dispatching is not enabled"
        case .intent(let reason): reason
        case .tooManyNodes(let limit): "too many nodes: the limit of \(limit) is reached"
        }
    }
}
