/// What Kubernetes says about a node: its pod, and whether it should get work. It says nothing until pods and
/// Kubernetes nodes have been listed.
package struct NodeConditions: Hashable, Sendable {
    /// Why a node that stays should get no new work.
    package enum Cordon: Hashable, Sendable {
        /// Its Kubernetes node is cordoned.
        case cordoned
        /// Its Kubernetes node no longer exists, although its agent still reports.
        case workerGone
        /// Its agents come and go.
        case flapping
    }

    /// Its pod, as `namespace/name`; nil if unknown.
    package var pod: String?
    /// Whether pods have been listed and none of them is its.
    package var lacksPod = false
    /// Whether its agent is about to leave for good, so that other nodes take over its configs.
    package var isDraining = false
    /// Whether its agent is about to be restarted: it is a DaemonSet's, on a Kubernetes node that stays.
    package var isRestarting = false
    /// Whether an operator wants it to run nothing.
    package var isDrained = false
    /// Why it should get no new work; nil if it may.
    package var cordon: Cordon?
    /// What is stated of it and cannot be used; nil if nothing is wrong.
    package var fault: String?

    /// Nothing is known.
    package init() {}

    /// Whether its agent is about to leave, for good or not.
    package var isLeaving: Bool { isDraining || isRestarting }

    /// Its standing when a config needs a node.
    package var standing: Standing {
        isDraining || isDrained ? .draining : isRestarting ? .restarting : cordon == nil ? .free : .cordoned
    }
}

/// A node's standing when a config needs one. Only the nodes with the best standing get configs, whichever that is: no
/// config dangles while any node reports, unless a better one has not been heard yet since the leader changed.
package enum Standing: Int, CaseIterable, Comparable, Sendable {
    /// It gets new configs, and its share of the others.
    case free
    /// It keeps what it has.
    case cordoned
    /// It keeps what waits for its next agent, and hands over the rest.
    case restarting
    /// It hands over what it has.
    case draining
    /// A new leader adopted it and has not heard it yet, or its agent is being restarted: it keeps what it has, and
    /// gets nothing, even if there is no other.
    case awaited

    /// The standings in which a node may get configs, the best first.
    static let receiving: [Standing] = [.free, .cordoned, .restarting, .draining]

    /// The better standing is less.
    package static func < (left: Standing, right: Standing) -> Bool {
        left.rawValue < right.rawValue
    }
}
