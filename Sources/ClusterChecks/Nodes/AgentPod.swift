package import Platform

/// A pod of a node-agent, reduced to what tells whose reports are whose and whether it is about to leave.
package struct AgentPod: Hashable, Sendable {
    /// Its namespace.
    @ExactText package private(set) var namespace: String
    /// Its name.
    @ExactText package private(set) var name: String
    /// Its identity: a pod that is made anew under an old name has another one.
    @ExactText package private(set) var uid: String
    /// Its IP addresses; empty until it has one.
    package let addresses: [String]
    /// The Kubernetes node that it runs on; empty until it is scheduled.
    @ExactText package private(set) var nodeName: String
    /// Whether it is being deleted.
    package let isTerminating: Bool
    /// Whether it is ready.
    package let isReady: Bool
    /// Whether a DaemonSet made it, which makes another one on the same Kubernetes node when it is gone.
    package let isOfDaemonSet: Bool
    /// The capacity that it states for its node-agent.
    package let capacity: StatedAmount

    /// A pod.
    package init(
        namespace: String, name: String, uid: String, addresses: [String], nodeName: String, isTerminating: Bool,
        isReady: Bool = false, isOfDaemonSet: Bool = false, capacity: StatedAmount = .none
    ) {
        self.capacity = capacity
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.addresses = addresses
        self.nodeName = nodeName
        self.isTerminating = isTerminating
        self.isReady = isReady
        self.isOfDaemonSet = isOfDaemonSet
    }

    /// `namespace/name`.
    package var fullName: String { "\(namespace)/\(name)" }
}

/// What became of the node-agents' pods.
package enum AgentPodChange: Sendable {
    /// These are all of them, as they were at `begun` or later: one that is not among them is gone.
    case replaced([AgentPod], begun: Instant)
    /// One is new, or changed.
    case applied(AgentPod)
    /// One is gone.
    case deleted(AgentPod)
}
