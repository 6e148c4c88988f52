package import Leadership

/// Why a call of a node-agent gets no answer.
package enum ClusterChecksError: Error, Hashable, Sendable, CustomStringConvertible {
    /// This replica does not know yet who leads.
    case startingUp
    /// Another replica leads at this endpoint; nil while no leader is known.
    case notLeading(LeaderEndpoint?)
    /// Configs are not dispatched yet after this replica began to lead.
    case warmingUp
    /// Not all sources of configs have been read yet.
    case notSynced
    /// No such node reports.
    case unknownNode(String)
    /// The node is about to leave, and what its agent runs was not given to it in this term: it is to run on for now.
    case handingOver(String)
    /// The node's id is empty, too long, or has control characters.
    case invalidNodeID(length: Int)
    /// Rebalancing is turned off.
    case advancedDispatchingOff
    /// As many nodes report as may.
    case tooManyNodes(limit: Int)

    /// What a node's id may be.
    package static let longestNodeID = 253

    /// One line for the caller.
    package var description: String {
        switch self {
        case .startingUp: "Startup in progress"
        case .notLeading(nil): "no leader is known"
        case .notLeading: "currently follower"
        case .warmingUp: "warming up: configs are not dispatched yet"
        case .notSynced: "the sources of configs have not all been read yet"
        case .unknownNode(let id): "node \(id) is unknown"
        case .handingOver(let id): "node \(id) is about to leave, and runs on while others take over"
        case .invalidNodeID(let length):
            "invalid node id of \(length) bytes: 1 to \(Self.longestNodeID) are allowed, without control characters"
        case .advancedDispatchingOff: "no checks to rebalance: advanced dispatching is not enabled"
        case .tooManyNodes(let limit): "too many nodes: \(limit) report already, which is the limit"
        }
    }
}
