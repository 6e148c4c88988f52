package import CheckModel
package import Leadership
package import Platform
import Synchronization

/// Connects the parts: answers the node-agents' calls, follows leadership, and runs the Dispatcher while this replica leads.
///
/// Every call below may come from any thread, takes one lock for a moment, and does no more under it than its own node needs. What they answer is
/// good in the term that they return: who writes the answer asks again, right before, whether that term still holds.
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
    }

    struct State {
        var dispatcher: Dispatcher
        /// The term while this replica leads. It may have passed: every reader checks.
        var term: Term?
        /// When dispatching may begin; nil before the first term.
        var warmUpEnd: Instant?
        /// The version of the desired set that was last reconciled; 0 when the whole set is to be taken.
        var reconciledVersion: UInt64 = 0
        /// Configs that cannot be dispatched, and why.
        var rejected: [ConfigKey: String] = [:]
        /// The configs that were taken apart, and the keys of their parts.
        var shards: [ConfigKey: [ConfigKey]] = [:]
        /// What became of rebalancings, in all terms.
        var rebalancing = RebalancingReport()
    }

    /// Set after a term began or ended and after nodes came, went or got other configs: `takeChangedNodes` says which.
    package let changes = Watched<Void>(())

    let source: any ConfigSource
    let leadership: Watched<LeadershipState>
    let options: HandlerOptions
    let clock: any Clock
    let log: Log
    let state: Mutex<State>

    /// A handler that does nothing until `run`.
    package init(
        source: any ConfigSource, leadership: Watched<LeadershipState>, options: HandlerOptions, clock: any Clock,
        log: Log
    ) {
        self.source = source
        self.leadership = leadership
        self.options = options
        self.clock = clock
        self.log = log.named("cluster-checks")
        state = Mutex(State(dispatcher: Dispatcher(options: options)))
    }

    /// A node-agent's report. It registers the node, and is its heartbeat.
    ///
    /// - Returns: whether the node runs what it should. Always true while warming up, so that nobody drops what runs.
    /// - Throws: `notLeading`, `invalidNodeID` or `tooManyNodes`.
    package func nodeStatus(_ report: NodeReport, now: Instant) throws(ClusterChecksError) -> InTerm<Bool> {
        let (decision, term, nodes) = try state.withLock { state throws(ClusterChecksError) in
            let term = try leadingTerm(state.term, now)
            let decision = try state.dispatcher.nodeStatus(report, now: now)
            return (decision, term, state.dispatcher.store.nodeCount)
        }
        if !decision.changes.isEmpty { logChanges(decision.changes, nodes: nodes) }
        return InTerm(value: decision.isUpToDate, term: term)
    }

    /// What a node should run; while it is about to leave and others take over, what it had before.
    ///
    /// - Throws: `notLeading`, `warmingUp`, `notSynced` or `handingOver` while it is not known, which is never an empty list; `unknownNode`.
    package func configs(of id: String, now: Instant) throws(ClusterChecksError) -> InTerm<NodeConfigs> {
        let (told, term) = try state.withLock { state throws(ClusterChecksError) in
            let term = try dispatchingTerm(&state, now)
            return (try state.dispatcher.configs(of: id), term)
        }
        let configs = told.configs.sorted { $0.key < $1.key }
        return InTerm(value: NodeConfigs(revision: told.revision.value, configs: configs), term: term)
    }

    /// The endpoints checks for the agent on the Kubernetes node `nodeName`, which need not have reported, sorted by key. Once they are known, none
    /// for a node that none names.
    ///
    /// - Throws: `notLeading`, `warmingUp` or `notSynced` while they are not known.
    package func endpointsChecks(
        of nodeName: String, now: Instant
    ) throws(ClusterChecksError) -> InTerm<[EncodedConfig]> {
        let (checks, term) = try state.withLock { state throws(ClusterChecksError) in
            let term = try dispatchingTerm(&state, now)
            return (state.dispatcher.store.endpointsChecks.of(nodeName), term)
        }
        return InTerm(value: checks, term: term)
    }

    /// The endpoints checks of all Kubernetes nodes, sorted by node and key.
    ///
    /// - Throws: `notLeading`, `warmingUp` or `notSynced` while they are not known.
    package func allEndpointsChecks(now: Instant) throws(ClusterChecksError) -> InTerm<[EncodedConfig]> {
        let (checks, term) = try state.withLock { state throws(ClusterChecksError) in
            let term = try dispatchingTerm(&state, now)
            return (state.dispatcher.store.endpointsChecks, term)
        }
        return InTerm(value: checks.nodes.flatMap { checks.of($0) }, term: term)
    }

    /// Who runs what.
    ///
    /// - Throws: `notLeading`.
    package func snapshot(now: Instant) throws(ClusterChecksError) -> StateSnapshot {
        let parts = try state.withLock { state throws(ClusterChecksError) in
            StateSnapshot.Parts(
                term: try leadingTerm(state.term, now), isWarmingUp: !state.dispatcher.isDispatching,
                nodes: state.dispatcher.store.nodes, silences: state.dispatcher.silences,
                runsOn: state.dispatcher.runningOn,
                dangling: state.dispatcher.store.dangling, rejected: state.rejected,
                endpointsChecks: state.dispatcher.store.endpointsChecks, statistics: state.dispatcher.statistics,
                unscheduled: state.dispatcher.unscheduledConfigs)
        }
        return StateSnapshot(parts)
    }

    /// What this replica knows of leadership at `now`: as published, but leading only in a term that has begun here and is valid.
    package func leadership(at now: Instant) -> LeadershipState {
        if let term = state.withLock({ $0.term }), term.isValid(at: now) { return .leading(term) }
        switch leadership.value {
        case .unknown: return .unknown
        case .following(let leader): return .following(leader)
        // Won a moment ago and not begun, or passed and not yet noticed: nobody is known to lead.
        case .leading: return .following(nil)
        }
    }

    /// The term in which this replica dispatches at `now`; nil while it does not lead, or warms up.
    package func dispatchingTerm(at now: Instant) -> Term? {
        state.withLock { state in
            guard let term = state.term, term.isValid(at: now), state.dispatcher.isDispatching else { return nil }
            return term
        }
    }

    /// The term, if this replica leads at `now`.
    func leadingTerm(_ term: Term?, _ now: Instant) throws(ClusterChecksError) -> Term {
        if let term, term.isValid(at: now) { return term }
        switch leadership.value {
        case .unknown: throw .startingUp
        case .following(let leader): throw .notLeading(leader)
        // As in `leadership(at:)`.
        case .leading: throw .notLeading(nil)
        }
    }

    /// The term, if this replica leads at `now` and what nodes should run is known.
    func dispatchingTerm(_ state: inout State, _ now: Instant) throws(ClusterChecksError) -> Term {
        let term = try leadingTerm(state.term, now)
        if state.dispatcher.isDispatching { return term }
        if let end = state.warmUpEnd, now >= end { throw .notSynced }
        throw .warmingUp
    }
}
