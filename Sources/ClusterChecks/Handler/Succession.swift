package import CheckModel
import Leadership
package import Platform

/// What a Handler takes over from another leader, and from where.
package struct Succession: Sendable {
    /// The last complete mirror of another leader's store; nil if there is none.
    package var mirror: @Sendable () -> StoreMirror?
    /// The last one of a leader that dispatched; nil if there is none.
    package var dispatched: @Sendable () -> StoreMirror?
    /// Has all sources, and what is known of pods and Kubernetes nodes, read anew: only a reading that began at this
    /// instant or later counts from now on.
    package var readAnew: @Sendable (Instant) -> Void
    /// Asks nodes for their statistics, until an instant, and gives what came of each, once.
    package var ask: Asking
    /// What operators want, as it is kept where it outlives all replicas.
    package var intent: @Sendable () async -> KeptIntent
    /// What happened under the leader before; nil if nothing is known.
    package var history: @Sendable () -> History?

    /// Called with the nodes, the instant, and what gets the readings.
    package typealias Asking =
        @Sendable ([StatisticsTarget], Instant, @escaping @Sendable ([StatisticsReading]) -> Void) -> Void

    /// Nothing is taken over.
    package static let none = Succession(mirror: { nil }, dispatched: { nil }, readAnew: { _ in })

    /// A succession.
    package init(
        mirror: @escaping @Sendable () -> StoreMirror?, dispatched: @escaping @Sendable () -> StoreMirror?,
        readAnew: @escaping @Sendable (Instant) -> Void,
        ask: @escaping Asking = { _, _, completion in completion([]) },
        history: @escaping @Sendable () -> History? = { nil },
        intent: @escaping @Sendable () async -> KeptIntent = { .nothing }
    ) {
        self.intent = intent
        self.ask = ask
        self.history = history
        self.mirror = mirror
        self.dispatched = dispatched
        self.readAnew = readAnew
    }

    /// What a term begins with.
    ///
    /// Only the mirror of the very term that the Lease named, by a replica that it named, knows everything that any
    /// agent was told; not that of a leader that had not dispatched yet, for it does not know what the leader before it
    /// told. Any other one is a hint, and so is what this replica itself placed when it led last, whichever is newer.
    ///
    /// - Parameter last: this replica's store when it last led, and when that ended; nil if it never dispatched.
    func beginning(
        of term: Term, after last: (store: ClusterStore, ended: Instant)?, _ source: any ConfigSource,
        _ options: HandlerOptions, now: Instant
    ) -> Beginning {
        let mirror = mirror()
        let isNamed = mirror.map { term.adoptable?.hasSameBytes(as: $0.term) ?? options.bugs.has(.adoptUnnamed) }
        guard let mirror, isNamed == true, mirror.store.isDispatching else {
            let dispatched = dispatched()
            if let last, last.ended > dispatched?.told ?? .distantPast { return .hinted(PlacementHint(last.store)) }
            return dispatched.map { .hinted(PlacementHint($0.store)) } ?? .empty
        }
        let own = source.changes(since: 0).upserts.flatMap(\.configs)
        let changes = mirror.adoption(own: own, now: now)
        return .adopted(changes.compactMap { options.bugs.spoiled($0, options) })
    }
}

extension DeliberateBugs {
    /// A change of an adoption, or what a mistake makes of it.
    fileprivate func spoiled(_ change: StoreChange, _ options: HandlerOptions) -> StoreChange? {
        switch change {
        case .handOverStarted where has(.forgetHandOvers): nil
        case .intentChanged where has(.forgetIntent): nil
        case .nodeLeft(let id, _) where has(.restartDeadlines): .nodeLeft(id: id, returnsWithin: options.restartGrace)
        case .dispatchingBegan where has(.restartDeadlines):
            .dispatchingBegan(unclearFor: options.nodeExpirationTimeout)
        case .keepsRunning(let id, _) where has(.restartDeadlines):
            .keepsRunning(id: id, atMost: options.nodeExpirationTimeout)
        case .configScheduled(let config, _) where has(.loseUnconfirmed) && !config.isConfirmed: nil
        case .nodeRegistered(let id, let type, let address, _) where has(.placeOnAwaited):
            .nodeRegistered(id: id, type: type, address: address, isAwaited: false)
        default: change
        }
    }
}

/// What is kept of what operators want.
package enum KeptIntent: Sendable {
    /// This.
    case kept(OperatorIntent)
    /// Nothing is kept.
    case nothing
    /// There is nowhere to keep it.
    case nowhere
    /// It cannot be read now.
    case unreadable
}

/// What the store holds when a term begins.
enum Beginning {
    /// What it held in this replica's term before, in between which nobody led.
    case kept
    /// The former leader's placements, as these changes of an empty store.
    case adopted([StoreChange])
    /// Nothing; where configs may have been is known.
    case hinted(PlacementHint)
    /// Nothing.
    case empty

    var hint: PlacementHint? {
        if case .hinted(let hint) = self { hint } else { nil }
    }

    /// For the log.
    var name: String {
        switch self {
        case .kept: "kept"
        case .adopted: "adopted"
        case .hinted: "hinted"
        case .empty: "none"
        }
    }
}
