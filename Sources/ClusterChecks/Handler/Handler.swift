package import CheckModel
package import Leadership
package import Platform
import Synchronization

/// Connects the parts: follows leadership, runs the Dispatcher while this replica leads, and answers the node-agents'
/// calls.
///
/// Each call below may come from any thread. It takes one lock for a moment, and its work under the lock depends on
/// what it is about, not on how much there is: what shows the whole state copies references there and sorts them
/// outside. Only a node that comes or goes, and the search for silent nodes, look at every node.
///
/// What a call returns is valid in the term returned with it: before writing an answer, check that the term is still
/// valid.
package final class Handler: Sendable {
    /// A value, and the term in which it may be given out.
    package struct InTerm<Value: Sendable>: Sendable {
        /// The value.
        package let value: Value
        /// Its term.
        package let term: Term
    }

    /// What a node should run.
    package struct NodeConfigs: Sendable {
        /// The revision of the configs.
        package let revision: Int64
        /// The configs, sorted by key.
        package let configs: [EncodedConfig]
        /// The version of the store since which the node is told this.
        package let since: UInt64
    }

    /// The endpoints checks of a Kubernetes node.
    package struct NodeEndpointsChecks: Sendable {
        /// The checks, sorted by key.
        package let configs: [EncodedConfig]
        /// The version of the store since which the node is told this.
        package let since: UInt64
    }

    struct State {
        var dispatcher: Dispatcher
        /// The term while this replica leads. It may have expired: check it before use.
        var term: Term?
        /// The token of the last term in which this replica led; empty if it never did.
        @ExactText var lastTerm = ""
        /// When it ended.
        var ended = Instant.distantPast
        var reconciliation = Reconciliation()
        /// When the placements were adopted that have not been compared yet with sources read anew since.
        var adoption: Instant?
        /// When a stranger's goodbye was last told of.
        var goodbyeRefused = Instant.distantPast
        /// About the rebalancings of all terms.
        var rebalancing = RebalancingReport()
        /// What happened under this leader and those before it.
        var history = History()
        /// How many configs this replica moved, in all its terms.
        var moves: [MoveReason: Int] = [:]

        func checkDispatching() throws(ClusterChecksError) {
            guard !dispatcher.store.isDispatching else { return }
            throw dispatcher.remainingWarmUp > .zero ? .warmingUp : .notSynced
        }
    }

    /// Set when a term begins or ends and when the store changes. `drainChangedNodes` returns which nodes are
    /// concerned.
    package let changes = Watched<Void>(())

    /// How long decisions about all configs take.
    let durations = DecisionDurations()
    let options: HandlerOptions
    let clock: any Clock
    let log: Log
    let source: any ConfigSource
    let leadership: Watched<LeadershipState>
    let succession: Succession
    /// The token of the term in which it was last read what operators want.
    let intentRead = Watched<String>("")
    private let observe: (@Sendable (StoreEvent) -> Void)?
    /// Events for `observe`, added under the lock.
    private let events = OrderedDelivery<StoreEvent>()
    let state: Mutex<State>

    /// A handler that does nothing until `run`.
    ///
    /// - Parameters:
    ///   - succession: what it takes over from the leader before.
    ///   - observe: gets everything that happens to the store: each event once, in order, one at a time, outside the
    ///     lock. It may call the Handler, and must not block.
    package init(
        source: any ConfigSource, leadership: Watched<LeadershipState>, options: HandlerOptions, clock: any Clock,
        log: Log, succession: Succession = .none, observe: (@Sendable (StoreEvent) -> Void)? = nil
    ) {
        self.source = source
        self.leadership = leadership
        self.succession = succession
        self.options = options
        self.clock = clock
        self.log = log.named("cluster-checks")
        self.observe = observe
        state = Mutex(State(dispatcher: Dispatcher(options: options)))
    }
}

// Events.
extension Handler {
    /// Handles a change of the node-agents' pods, in any role of this replica. What is known outlives terms.
    ///
    /// Until the first `.replaced` only heartbeats decide which nodes exist.
    package func handle(_ change: AgentPodChange) {
        update { $0.handle(change) }
    }

    /// Handles a change of the Kubernetes nodes, in any role of this replica. What is known outlives terms.
    ///
    /// Until the first `.replaced` none of them counts as cordoned.
    package func handle(_ change: WorkerNodeChange) {
        update { $0.handle(change) }
    }

    private func update(_ change: (inout Dispatcher) -> Void) {
        let now = clock.now()
        let applied = state.withLock { state -> Applied? in
            change(&state.dispatcher)
            // A replica that does not lead decides nothing: it catches up in its next term.
            guard let term = state.term, term.isValid(at: now) else { return nil }
            state.dispatcher.reconcileNodes(now: now)
            return drainChanges(&state)
        }
        publish(applied)
    }

    /// Handles a node-agent's report, which registers the node and is its heartbeat.
    ///
    /// During the warm-up every node is up to date, so that no agent stops anything.
    ///
    /// - Throws: `notLeading`, `invalidNodeID`, `tooManyNodes` or `strangersGoodbye`.
    package func nodeStatus(
        _ report: NodeReport, now: Instant
    ) throws(ClusterChecksError) -> InTerm<Dispatcher.ReportAnswer> {
        do throws(ClusterChecksError) {
            return try decide(now) { dispatcher throws(ClusterChecksError) in
                try dispatcher.nodeStatus(report, now: now)
            }
        } catch {
            warn(ofRefused: error, now)
            throw error
        }
    }

    /// Tells the operator that somebody said goodbye in the name of another one's node: once a minute at most.
    private func warn(ofRefused error: ClusterChecksError, _ now: Instant) {
        guard case .strangersGoodbye(let node, let peer) = error else { return }
        let isDue = state.withLock { state in
            guard now - state.goodbyeRefused >= .seconds(60) else { return false }
            state.goodbyeRefused = now
            return true
        }
        guard isDue else { return }
        log.warning(
            "a goodbye was refused: it does not come from the node's agent, so whoever sent it has the agents' token",
            ["node": node, "from": peer ?? "an unknown address"])
    }

    /// Records heartbeats of nodes. Unknown nodes stay unknown.
    ///
    /// - Throws: `notLeading`.
    package func recordHeartbeats(of nodes: [NodeHeartbeat], now: Instant) throws(ClusterChecksError) {
        _ = try decide(now) { $0.recordHeartbeats(of: nodes, now: now) }
    }
}

// What node-agents ask for.
extension Handler {
    /// What a node should run: with what it hands over and no other node has confirmed, and without what another one
    /// has yet to stop.
    ///
    /// - Throws: `unknownNode`; or `notLeading`, `warmingUp`, `notSynced`, `handingOver` or `unconfirmed` while it is
    ///   not known, which is never an empty list.
    package func configs(of id: String, now: Instant) throws(ClusterChecksError) -> InTerm<NodeConfigs> {
        let told = try read(now) { dispatcher throws(ClusterChecksError) in try dispatcher.tell(id) }
        return InTerm(value: NodeConfigs(told.value), term: told.term)
    }

    /// What a node should run; nil if that has the revision `known`.
    ///
    /// - Throws: as `configs(of:now:)`.
    package func configs(
        of id: String, unless known: Int64, now: Instant
    ) throws(ClusterChecksError) -> InTerm<NodeConfigs?> {
        let told = try read(now) { dispatcher throws(ClusterChecksError) in
            try dispatcher.isToRun(known, id) ? nil : try dispatcher.tell(id)
        }
        return InTerm(value: told.value.map(NodeConfigs.init), term: told.term)
    }

    /// The revisions of the nodes `ids`, or of all nodes, without those that do not report and those whose configs are
    /// not known.
    ///
    /// - Throws: `notLeading`, `warmingUp` or `notSynced`.
    package func revisions(
        of ids: Set<ExactText>?, now: Instant
    ) throws(ClusterChecksError) -> InTerm<[ExactText: Int64]> {
        guard let ids else {
            let view = try read(now) { $0.view }
            return InTerm(value: view.value.revisions, term: view.term)
        }
        return try read(now) { dispatcher in
            var revisions: [ExactText: Int64] = [:]
            for id in ids { revisions[id] = try? dispatcher.revision(toTell: id.text) }
            return revisions
        }
    }

    /// The nodes that were added or removed, or whose configs changed, since the last call, in no particular order. For
    /// one caller only.
    package func drainChangedNodes() -> Set<ExactText> {
        state.withLock { $0.dispatcher.drainChangedNodes() }
    }

    /// The endpoints checks of the Kubernetes node `nodeName`, sorted by key. Its agent need not have reported. Empty
    /// if no check names it.
    ///
    /// - Throws: `notLeading`, `warmingUp`, `notSynced` or `unconfirmed` while they are not known.
    package func endpointsChecks(
        of nodeName: String, now: Instant
    ) throws(ClusterChecksError) -> InTerm<NodeEndpointsChecks> {
        try read(now) { dispatcher throws(ClusterChecksError) in
            NodeEndpointsChecks(
                configs: try dispatcher.endpointsChecks(of: nodeName),
                since: dispatcher.store.endpointsChecks.changed(nodeName))
        }
    }

    /// The endpoints checks of all Kubernetes nodes, sorted by node and key.
    ///
    /// - Throws: `notLeading`, `warmingUp` or `notSynced` while they are not known.
    package func allEndpointsChecks(now: Instant) throws(ClusterChecksError) -> InTerm<[EncodedConfig]> {
        let checks = try read(now) { $0.store.endpointsChecks }
        return InTerm(value: checks.value.nodes.flatMap { checks.value.of($0) }, term: checks.term)
    }
}

// What operators, metrics and the rest of this replica ask for.
extension Handler {
    /// Who runs what.
    ///
    /// - Throws: `notLeading`.
    package func snapshot(now: Instant) throws(ClusterChecksError) -> StateSnapshot {
        let (view, rejections, term) = try state.withLock { state throws(ClusterChecksError) in
            let term = try leadingTerm(state.term, now)
            return (state.dispatcher.view, state.reconciliation.rejections, term)
        }
        return StateSnapshot(view, rejections, term)
    }

    /// Which instances each node runs; nothing while this replica does not lead.
    package func placedInstances(now: Instant) -> CheckResults.Placed {
        let nodes = state.withLock { state -> [ClusterStore.Node] in
            guard let term = state.term, term.isValid(at: now) else { return [] }
            return state.dispatcher.store.nodes
        }
        return nodes.filter { !$0.id.isEmpty }.map { ($0.id, $0.configs.flatMap(\.instanceIDs)) }
    }

    /// The state in four values; nil while this replica does not lead.
    package func summary(now: Instant) -> ClusterSummary? {
        state.withLock { state in
            guard let term = state.term, term.isValid(at: now) else { return nil }
            return ClusterSummary(
                nodes: state.dispatcher.store.nodeCount, configs: state.dispatcher.store.totalCount,
                dangling: state.dispatcher.store.dangling.count, isWarmingUp: !state.dispatcher.store.isDispatching)
        }
    }

    /// What happened under this leader and those before it, the oldest first.
    ///
    /// - Throws: `notLeading`.
    package func history(now: Instant) throws(ClusterChecksError) -> InTerm<History> {
        try state.withLock { state throws(ClusterChecksError) in
            InTerm(value: state.history, term: try leadingTerm(state.term, now))
        }
    }

    /// Adds an entry to the history that is no change of the store; followers get it with the next one. Nothing while
    /// this replica does not lead.
    package func note(_ entry: HistoryEntry) {
        var entry = entry
        entry.time = clock.wallTime()
        state.withLock { state in
            guard state.term != nil else { return }
            state.history.append([entry], version: state.dispatcher.store.version + 1)
        }
    }

    /// What this replica knows of the history, in any role.
    package var knownHistory: History { state.withLock { $0.history } }

    /// Writes the metrics, under the names that Datadog's cluster agent gives them; but for its count of moves, and
    /// how long its decisions took, nothing while this replica does not lead.
    package func collect(into writer: inout MetricsWriter) {
        let moves = state.withLock { $0.moves }
        writer.family(
            "cluster_checks_moves_total", .counter, help: "Configs that this replica moved to another node, by reason.",
            MoveReason.allCases.map { (["reason": $0.rawValue], Double(moves[$0] ?? 0)) })
        durations.collect(into: &writer)
        guard let snapshot = try? snapshot(now: clock.now()) else { return }
        let rebalancing = state.withLock { $0.rebalancing }
        snapshot.collect(into: &writer)
        rebalancing.collect(for: snapshot, weights: options.rebalancing.weights, into: &writer)
    }

    /// Why a config of this source cannot be dispatched at all; nil if none is refused.
    package func rejection(ofSource source: String) -> String? {
        state.withLock { $0.reconciliation.rejections }.reason(ofSource: source)
    }

    /// The store as a follower gets it whole.
    ///
    /// - Throws: `notLeading`.
    package func storeSnapshot(now: Instant) throws(ClusterChecksError) -> InTerm<StoreSnapshot> {
        try state.withLock { state throws(ClusterChecksError) in
            let term = try leadingTerm(state.term, now)
            // What remains of a time is what remains of it now.
            state.dispatcher.listen(at: now)
            return InTerm(value: state.dispatcher.mirrored, term: term)
        }
    }

    /// What this replica knows of leadership at `now`: as published, but leading only in a term that has begun here and
    /// is valid.
    package func leadership(at now: Instant) -> LeadershipState {
        if let term = state.withLock({ $0.term }), term.isValid(at: now) { return .leading(term) }
        switch leadership.value {
        case .unknown: return .unknown
        case .following(let leader): return .following(leader)
        // Acquired but not begun, or expired but not yet given up: no leader is known.
        case .leading: return .following(nil)
        }
    }

    /// The term in which this replica dispatches at `now`; nil while it does not lead, or warms up.
    package func dispatchingTerm(at now: Instant) -> Term? {
        state.withLock { state in
            guard let term = state.term, term.isValid(at: now), state.dispatcher.store.isDispatching else { return nil }
            return term
        }
    }
}

// Statistics and rebalancing: what `Handler+Rebalancing` does under the lock.
extension Handler {
    /// The nodes to ask for their statistics, sorted by ID: those with a known address that are not draining. Empty
    /// while this replica does not lead.
    package func statisticsTargets(now: Instant) -> [StatisticsTarget] {
        options.rebalancing.isEnabled ? reportingNodes(now: now) : []
    }

    /// The same, whether rebalancing is enabled or not.
    package func reportingNodes(now: Instant) -> [StatisticsTarget] {
        let view = state.withLock { state -> Dispatcher.View? in
            guard let term = state.term, term.isValid(at: now) else { return nil }
            return state.dispatcher.view
        }
        return view?.statisticsTargets ?? []
    }

    /// Records the statistics that nodes were asked for. A node that gave none keeps those that it had.
    ///
    /// - Parameter duration: how long it took to ask all of them.
    package func record(_ readings: [StatisticsReading], duration: Duration) {
        let failures = readings.filter { $0.statistics == nil }.map(\.id)
        // The former statistics are returned, so that they are freed outside the lock.
        let now = clock.now()
        let (_, applied) = state.withLock { state -> ([NodeStatistics?], Applied?) in
            // Between two terms nothing is decided.
            guard let term = state.term, term.isValid(at: now) else { return ([], nil) }
            state.rebalancing.record(failures: failures, duration: duration, nodes: state.dispatcher.store)
            let former = readings.map { reading in
                reading.statistics.flatMap { state.dispatcher.record($0, of: reading.id) }
            }
            return (former, drainChanges(&state))
        }
        publish(applied)
        logProblems(of: readings)
    }

    /// What a rebalancing is planned on.
    ///
    /// - Throws: `notLeading`, `warmingUp` or `notSynced`.
    func rebalancingView() throws(ClusterChecksError) -> Dispatcher.View {
        try read(clock.now()) { $0.view }.value
    }

    /// Makes the moves of a plan, except those that no longer apply.
    ///
    /// - Parameter version: that of the store for which they were planned; nil to make them whatever it is now.
    /// - Returns: the moves that were made; nil if the store has another version.
    /// - Throws: `notLeading`, `warmingUp` or `notSynced`.
    func move(
        _ plan: RebalancePlan, _ reason: MoveReason, at version: UInt64?
    ) throws(ClusterChecksError) -> InTerm<[RebalanceMove]>? {
        let now = clock.now()
        let done = try state.withLock { state throws(ClusterChecksError) -> (InTerm<[RebalanceMove]>, Applied?)? in
            let term = try leadingTerm(state.term, now)
            try state.checkDispatching()
            guard version == nil || version == state.dispatcher.store.version else { return nil }
            let moves = state.dispatcher.move(plan.moves, reason)
            if reason == .rebalanced {
                state.rebalancing.record(moves: moves.count, utilizations: plan.utilizations)
            }
            return (InTerm(value: moves, term: term), drainChanges(&state))
        }
        guard let (moves, applied) = done else { return nil }
        publish(applied)
        return moves
    }

    /// What a command makes of what operators want. Nothing changes yet: keep it first, then pass it to `adopt`.
    ///
    /// - Throws: `notLeading`; `intent` with what is wrong with it.
    package func decide(_ command: IntentCommand) throws(ClusterChecksError) -> IntentDecision {
        try read(clock.now()) { dispatcher throws(ClusterChecksError) in try dispatcher.decide(command) }.value
    }

    /// Makes what operators want count.
    ///
    /// - Returns: the term in which it counts.
    /// - Throws: `notLeading`.
    package func adopt(_ intent: OperatorIntent) throws(ClusterChecksError) -> Term {
        try decide(clock.now()) { $0.adopt(intent) }.term
    }

    /// Records how long it took to decide upon a rebalancing.
    func record(rebalancingDuration duration: Duration) {
        state.withLock { $0.rebalancing.record(duration: duration) }
    }
}

// The lock, and what follows after it.
extension Handler {
    /// What was changed under the lock, and what that means for the history.
    typealias Applied = (changes: [StoreChange], history: [HistoryEntry], nodes: Int)

    /// Decides under the lock, in the term that is valid at `now`, and publishes what that changes.
    func decide<Value>(
        _ now: Instant, _ decision: (inout Dispatcher) throws(ClusterChecksError) -> Value
    ) throws(ClusterChecksError) -> InTerm<Value> {
        let (result, term, applied) = try state.withLock { state throws(ClusterChecksError) in
            let term = try leadingTerm(state.term, now)
            let result = Result { () throws(ClusterChecksError) in try decision(&state.dispatcher) }
            return (result, term, drainChanges(&state))
        }
        publish(applied)
        return InTerm(value: try result.get(), term: term)
    }

    /// Reads under the lock, in the term that is valid at `now`, what is known once this replica dispatches.
    func read<Value>(
        _ now: Instant, _ value: (inout Dispatcher) throws(ClusterChecksError) -> Value
    ) throws(ClusterChecksError) -> InTerm<Value> {
        try state.withLock { state throws(ClusterChecksError) in
            let term = try leadingTerm(state.term, now)
            try state.checkDispatching()
            return InTerm(value: try value(&state.dispatcher), term: term)
        }
    }

    private func leadingTerm(_ term: Term?, _ now: Instant) throws(ClusterChecksError) -> Term {
        if let term, term.isValid(at: now) { return term }
        switch leadership.value {
        case .unknown: throw .startingUp
        case .following(let leader): throw .notLeading(leader)
        // As in `leadership(at:)`.
        case .leading: throw .notLeading(nil)
        }
    }

    /// What the dispatcher changed, for `publish`; nil if it changed nothing. Called under the lock, so that events are
    /// in the order of the changes.
    func drainChanges(_ state: inout State) -> Applied? {
        let changes = state.dispatcher.drainChanges()
        guard !changes.isEmpty else { return nil }
        guard let term = state.term else { preconditionFailure("the store changed outside a term") }
        let version = state.dispatcher.store.version
        add(.changed(changes, in: term, version: version))
        var entries = state.dispatcher.drainHistory()
        if !entries.isEmpty {
            let time = clock.wallTime()
            for index in entries.indices { entries[index].time = time }
            state.history.append(entries, version: version)
        }
        for case .configMoved(_, _, _, let reason, _) in changes { state.moves[reason, default: 0] += 1 }
        return (changes, entries, state.dispatcher.store.nodeCount)
    }

    func add(_ event: StoreEvent) {
        if observe != nil { events.add(event) }
    }

    /// Publishes changes of the store, and logs them.
    func publish(_ applied: Applied?) {
        guard let applied else { return }
        publish()
        log.record(applied.changes, applied.history, nodes: applied.nodes)
    }

    /// Wakes whoever waits for changes, and has the observer see every event added so far. Called outside the lock.
    func publish() {
        changes.set(())
        if let observe { events.deliver(to: observe) }
    }
}

extension Handler.NodeConfigs {
    fileprivate init(_ told: Dispatcher.Told) {
        self.init(revision: told.revision, configs: told.configs.sorted { $0.key < $1.key }, since: told.since)
    }
}
