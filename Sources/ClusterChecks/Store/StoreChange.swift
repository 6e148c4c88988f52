package import CheckModel
package import Leadership

/// One fact about the store. The store changes by these alone, so that a stream of them can be mirrored, traced and
/// replayed.
///
/// Heartbeats are not among them: they do not affect who runs what, and 10,000 nodes would flood the stream. For a
/// replica that takes over from a mirror, every node was heard when its term began.
package enum StoreChange: Sendable {
    /// A whole set of configs is being dispatched: the warm-up is over. From here on it is known what each node should
    /// run; but for as long as given, agents that have not been heard may run what nobody here knows of.
    case dispatchingBegan(unclearFor: Duration)
    /// A node reported for the first time; or a new leader adopted it, and awaits its first report.
    case nodeRegistered(id: String, type: Int, address: String?, isAwaited: Bool)
    /// A node that was awaited reported. From here on it may get configs.
    case nodeHeard(id: String)
    /// A known node reported from another address or as another type.
    case nodeChanged(id: String, type: Int, address: String?)
    /// A node's conditions changed to these.
    case nodeConditionsChanged(id: String, NodeConditions)
    /// What a node can run changed, or became known.
    case nodeAbilitiesChanged(id: String, NodeAbilities)
    /// Two agents report under one node ID: their addresses, with their pods where known. Empty: only one agent does
    /// again.
    case nodeIDShared(id: String, agents: [String])
    /// The agent of a node left to be restarted. The node's configs stay, for as long as given at most.
    case nodeLeft(id: String, returnsWithin: Duration)
    /// The next agent of a node that had left reported.
    case nodeReturned(id: String)
    /// The agent of a node is told to run whatever it runs, until `keepsRunningEnded`, for as long as given at most.
    case keepsRunning(id: String, atMost: Duration)
    /// The agent of a node is told what the node should run.
    case keepsRunningEnded(id: String)
    /// A node was removed. Its configs dangle until they are moved.
    case nodeExpired(id: String, ExpiryReason)
    /// A new config was placed on a node, or dangles because no node reports.
    case configScheduled(EncodedConfig, on: String?)
    /// A config was edited. It stays where it is.
    case configReplaced(EncodedConfig)
    /// What configs cost changed, or became known.
    case costsChanged([ChangedCost], workersPerInstance: Double?)
    /// A config moved to a node, from another one or from none; the other one may be gone. If it may run the config,
    /// that is handed over.
    case configMoved(ConfigKey, from: String?, to: String, MoveReason, mayRun: Bool)
    /// No node may run a config any more, for this reason; or one that dangles does so for another reason.
    case configWithdrawn(ConfigKey, DanglingReason, mayRun: Bool)
    /// A config that is placed on a node, or dangles, is being handed over from another one; nil if any node may run
    /// it. A move, and the removal of an exclusive config, begin one by themselves.
    case handOverStarted(EncodedConfig, from: String?)
    /// A config was handed over.
    case handOverEnded(ConfigKey)
    /// A config is no longer desired.
    case configRemoved(ConfigKey)
    /// Operators want this from now on.
    case intentChanged(OperatorIntent)
    /// An endpoints check is new or was edited. It belongs to the Kubernetes node that it names.
    case endpointsCheckScheduled(EncodedConfig)
    /// An endpoints check is no longer desired.
    case endpointsCheckRemoved(ConfigKey)
}

/// What happens to a replica's store, as an observer of the Handler sees it: every event, once, in order.
///
/// To mirror the store, start with an empty one, replace it by an empty one at each term that does not keep placements,
/// and apply the changes. A term that adopts the former leader's placements begins with an empty store, and its first
/// changes are those that fill it.
package enum StoreEvent: Sendable {
    /// The replica starts to lead. Its store has this version; it is empty, unless the term keeps the placements of the
    /// previous one.
    case termBegan(Term, keepsPlacements: Bool, version: UInt64)
    /// The leader applied these changes, after which the store has this version.
    case changed([StoreChange], in: Term, version: UInt64)
    /// The replica stops leading. Its store does not change until the next term begins.
    case termEnded(Term)
}

/// Why a node was removed.
package enum ExpiryReason: Hashable, Sendable {
    /// It was silent for longer than the timeout.
    case silence
    /// Its pod, `namespace/name`, was deleted.
    case podDeleted(String)
    /// Its agent said goodbye, or left to be restarted and no other took its place in time.
    case left
}

/// Why a config moved.
package enum MoveReason: String, CaseIterable, Sendable {
    /// It had no node: none reported, or none of those that did might run it.
    case dangled
    /// Its node was silent for longer than the timeout.
    case expired
    /// Its node's pod was deleted.
    case podDeleted = "pod_deleted"
    /// The agent of its node left.
    case left
    /// An operator had paused it, and resumed it.
    case resumed
    /// The node joined, or became schedulable again, and takes its share.
    case joined
    /// Its node is draining.
    case drained
    /// Its node may not run it any more: labels, abilities or what its author says changed.
    case unfit
    /// An operator pinned it to the node.
    case pinned
    /// Its node was overloaded, according to the runners' statistics.
    case rebalanced
    /// Another config is being isolated on its node.
    case isolated
}

/// Why a config has no node.
package indirect enum DanglingReason: Hashable, Sendable, CustomStringConvertible {
    /// No node reported when it was scheduled.
    case noNode
    /// Its node expired, and no other reports.
    case nodeExpired(String)
    /// Its node's pod, `namespace/name`, was deleted, and no other node reports.
    case podDeleted(node: String, pod: String)
    /// Its node's agent left, and no other node reports.
    case nodeLeft(String)
    /// Nodes report, and none of them may run it: why, in words.
    case noEligibleNode(String)
    /// An operator paused it.
    case paused

    /// Why the configs of a node that was removed have none.
    package init(_ id: String, _ reason: ExpiryReason) {
        switch reason {
        case .silence: self = .nodeExpired(id)
        case .podDeleted(let pod): self = .podDeleted(node: id, pod: pod)
        case .left: self = .nodeLeft(id)
        }
    }

    /// The node that had it, if any, and why it moves once there is another.
    var move: (from: String?, reason: MoveReason) {
        switch self {
        case .noNode: (nil, .dangled)
        case .nodeExpired(let id): (id, .expired)
        case .podDeleted(let id, _): (id, .podDeleted)
        case .nodeLeft(let id): (id, .left)
        case .noEligibleNode: (nil, .dangled)
        case .paused: (nil, .resumed)
        }
    }

    /// The reason in words.
    package var description: String {
        switch self {
        case .noNode: "no node-agent reports"
        case .nodeExpired(let id): "its node \(id) expired, and no other node reports"
        case .podDeleted(let id, let pod): "the pod \(pod) of its node \(id) was deleted, and no other node reports"
        case .noEligibleNode(let reason): reason
        case .paused: "an operator paused it"
        case .nodeLeft(let id): "the agent of its node \(id) left, and no other node reports"
        }
    }
}
