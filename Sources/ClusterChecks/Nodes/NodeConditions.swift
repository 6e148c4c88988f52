/// What Kubernetes says of a node: its pod, and whether it should get work. Nothing is said until pods and Kubernetes nodes are known.
package struct NodeConditions: Hashable, Sendable {
    /// Why no new work should come to a node that stays.
    package enum Cordon: Hashable, Sendable {
        /// Its Kubernetes node is cordoned.
        case cordoned
        /// Its Kubernetes node is there no more, though its agent still reports.
        case workerGone
    }

    /// Its pod, as `namespace/name`; nil if none is known to be its.
    package var pod: String?
    /// Whether pods are known, and none of them is its.
    package var lacksPod = false
    /// Whether its pod is being deleted: others take its configs over.
    package var isDraining = false
    /// Why no new work should come to it; nil if it may.
    package var cordon: Cordon?

    /// Nothing said.
    package init() {}

    /// How it stands when a config needs a node.
    package var standing: Standing {
        isDraining ? .draining : cordon == nil ? .free : .cordoned
    }
}

/// How a node stands when a config needs one: of those that report, only the ones that stand best get any. So nothing dangles while one reports.
package enum Standing: Int, CaseIterable, Comparable, Sendable {
    /// It gets new configs, and its share.
    case free
    /// It keeps what it has.
    case cordoned
    /// It hands over what it has.
    case draining

    /// The better one is less.
    package static func < (left: Standing, right: Standing) -> Bool {
        left.rawValue < right.rawValue
    }
}
