import CheckModel
import Platform

/// Decides which node runs what. A value without I/O: events and the time go in, and the changes of the store, already
/// applied, come out of `drainChanges`.
///
/// Until the first `reconcile` it warms up: nodes register, and no config is placed. One that adopts the former
/// leader's placements has no warm-up.
package struct Dispatcher: Sendable {
    /// The state. Every change in it was made by `apply`.
    package internal(set) var store = ClusterStore()

    /// How long after an adoption what it says of nodes stands although Kubernetes has not been asked anew.
    static let longestReading = Duration.seconds(60)

    /// For how long an agent that says that it leaves may stay: longer than it waits for others to take over.
    static let longestLeave = Duration.seconds(15)
    /// How late a heartbeat may come through a follower: it goes with the follower's next call.
    static let longestDelay = Duration.seconds(6)

    let options: HandlerOptions
    var heartbeats: Heartbeats
    var matching: AgentMatching
    var tellings = Tellings()
    /// What agents say in the warm-up that they run.
    var claims = Claims()
    var unscheduled: UnscheduledConfigs
    /// When it adopted conditions of nodes that still stand, since Kubernetes has not been asked since; nil when it
    /// goes by its own reading.
    var adoptedAt: Instant?
    /// Whether it began with the placements of the former leader, and so knows what each agent may run.
    private(set) var hasAdopted = false
    /// The nodes that registered and about which Kubernetes has not been asked yet.
    var unassessed: Set<Int> = []
    /// Where configs were when another leader's mirror was last complete: where to place them after the warm-up.
    var hint: PlacementHint?
    /// Until when agents that have not been heard may run what nobody here knows of, in listened time: for as long as
    /// one runs exclusive configs without an answer.
    var unclearUntil: Duration
    /// What checks cost, as far as that has been measured.
    var costs = CostModel()
    /// Which nodes come and go.
    var flapping = Flapping()
    /// The configs that were rebalanced a moment ago: until when they stay where they are, in listened time.
    var rebalanced: [ConfigKey: Duration] = [:]
    /// Which nodes may run configs with rules.
    var eligible = EligibleNodes()
    /// The configs of which operators isolate instances.
    var isolatedInstances = IsolatedInstances()
    /// By slot: until when a node that is away is waited for, or one keeps running whatever it runs, in listened time.
    var deadlines: [Duration?] = []
    /// By slot: where the last report came from, as far as is known.
    var peers: [String?] = []
    /// By slot: the statistics that a node last gave; nil if it never did.
    var statistics: [NodeStatistics?] = []
    /// Whether configs that could not be told have become known, and so can be placed.
    var hasConfirmed = false
    /// What was applied since the last `drainChanges`.
    private var changes: [StoreChange] = []
    /// What they mean for the history.
    private var recorder = HistoryRecorder()

    /// A dispatcher with an empty store.
    package init(options: HandlerOptions) {
        self.init(options: options, matching: AgentMatching())
    }

    /// A dispatcher with an empty store that knows the pods and Kubernetes nodes that `predecessor` knew.
    ///
    /// - Parameter hint: where to place configs after the warm-up; nil if nothing is known.
    init(succeeding predecessor: Dispatcher, hint: PlacementHint? = nil) {
        self.init(options: predecessor.options, matching: predecessor.matching.withoutNodes)
        self.hint = hint
    }

    private init(options: HandlerOptions, matching: AgentMatching) {
        self.options = options
        self.matching = matching
        unclearUntil = options.nodeExpirationTimeout
        heartbeats = Heartbeats(
            timeout: options.nodeExpirationTimeout, longestListenedGap: options.longestListenedGap)
        unscheduled = UnscheduledConfigs(
            threshold: max(options.unscheduledCheckThreshold, options.nodeExpirationTimeout))
    }

    mutating func apply(_ change: StoreChange) {
        recorder.note(change, before: store)
        store.apply(change)
        changes.append(change)
    }

    /// What the changes since the last call mean for the history; without times.
    mutating func drainHistory() -> [HistoryEntry] { recorder.drain() }

    /// The changes since the last call, in the order in which they were applied.
    package mutating func drainChanges() -> [StoreChange] {
        guard !changes.isEmpty else { return [] }
        defer { changes = [] }
        return changes
    }

    /// The nodes that were added or removed, or whose configs changed, since the last call, in no particular order.
    mutating func drainChangedNodes() -> Set<ExactText> {
        store.drainChangedNodes()
    }

    /// What is read outside the lock.
    var view: View {
        View(
            version: store.version, isDispatching: store.isDispatching, nodes: store.nodes, dangling: store.dangling,
            handOvers: store.handOvers, overdue: unscheduled.overdue, endpointsChecks: store.endpointsChecks,
            statistics: statistics,
            pods: matching.pods, workersPerInstance: store.workersPerInstance,
            intent: store.intent, isRestricted: store.restrictedCount > 0, eligible: eligible,
            rebalanced: rebalanced, heard: heartbeats.lastHeartbeat, time: heartbeats.time,
            remainingWarmUp: remainingWarmUp)
    }

    /// For how much longer agents that have not been heard may run what nobody here knows of.
    var unclearFor: Duration { max(.zero, unclearUntil - heartbeats.time) }

    /// The store as a follower gets it whole.
    var mirrored: StoreSnapshot {
        StoreSnapshot(
            store, remaining: deadlines.map { $0.map { max(.zero, $0 - heartbeats.time) } ?? .zero },
            unclear: unclearFor)
    }
}

// Taking over.
extension Dispatcher {
    /// Fills the store, which is empty, with what the former leader's held at the end, so that nothing moves and nobody
    /// is told anything new. There is no warm-up.
    ///
    /// Every node counts as heard now, and is awaited. What Kubernetes says of it stays as the mirror tells until it
    /// has been read anew.
    mutating func adopt(_ changes: [StoreChange], now: Instant) {
        precondition(store.version == 0, "adopted into a store that is not empty")
        (adoptedAt, hasAdopted) = (now, true)
        self.changes += changes
        for change in changes {
            // It happened before, and the history has it.
            store.apply(change)
            switch change {
            case .nodeRegistered(let id, _, let address, _):
                if let slot = store.slot(of: id) { add(id, slot: slot, address: address) }
            case .nodeLeft(let id, let duration), .keepsRunning(let id, let duration):
                if let slot = store.slot(of: id) { deadlines[slot] = heartbeats.time + duration }
            case .dispatchingBegan(let duration):
                unclearUntil = heartbeats.time + duration
            default:
                break
            }
        }
        let mayAnyRun = store.handOvers.values.contains { $0.former == nil }
        for slot in store.nodes.indices where !store.nodes[slot].id.isEmpty {
            tellings.add(
                slot, isUnclear: mayAnyRun, isPrometheus: store.nodes[slot].abilities.refreshInterval != nil)
            tellings.assumeTold(slot, upTo: store.version)
        }
    }

    mutating func add(_ id: String, slot: Int, address: String?) {
        while statistics.count <= slot {
            statistics.append(nil)
            deadlines.append(nil)
            peers.append(nil)
        }
        heartbeats.add(slot: slot)
        matching.add(id, slot: slot, address: address)
    }
}
