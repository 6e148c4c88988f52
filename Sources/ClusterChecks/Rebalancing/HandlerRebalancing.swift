package import CheckModel
import Leadership
package import Platform
import Synchronization

/// A node to ask for its statistics.
package struct StatisticsTarget: Hashable, Sendable {
    /// Its id.
    package let id: String
    /// Its IP address.
    package let address: String
    /// Whether the address is one of a node-agent's pod, or pods are not known.
    package let isKnown: Bool
}

/// What came of asking a node for its statistics.
package struct StatisticsReading: Sendable {
    /// The node.
    package let id: String
    /// What it answered, or why that is not to be had.
    package let result: Result<NodeStatistics, StatisticsProblem>

    /// What came of it.
    package init(id: String, _ result: Result<NodeStatistics, StatisticsProblem>) {
        self.id = id
        self.result = result
    }
}

/// Why a node gave no statistics.
package struct StatisticsProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line.
    package let description: String

    /// A reason.
    package init(_ description: String) {
        self.description = description
    }
}

// Statistics.
extension Handler {
    /// The nodes whose addresses are known, sorted by id, without those that are about to leave; none while this replica does not lead.
    package func statisticsTargets(now: Instant) -> [StatisticsTarget] {
        guard options.rebalancing.isEnabled else { return [] }
        let (nodes, pods) = state.withLock { state in
            guard let term = state.term, term.isValid(at: now) else { return ([ClusterStore.Node](), AgentPods()) }
            return (state.dispatcher.store.nodes, state.dispatcher.matching.pods)
        }
        return nodes.compactMap { node -> StatisticsTarget? in
            guard !node.id.isEmpty, let address = node.address, node.conditions.standing < .draining else { return nil }
            return StatisticsTarget(
                id: node.id, address: address, isKnown: !pods.isKnown || pods.have(address: address))
        }.sorted { $0.id < $1.id }
    }

    /// Takes in what nodes answered. One that did not keeps the statistics that it had.
    ///
    /// - Parameter duration: how long it took to ask them all.
    package func take(_ readings: [StatisticsReading], duration: Duration) {
        var problems: [(id: String, problem: StatisticsProblem)] = []
        state.withLock { state in
            state.rebalancing.collection = duration
            for reading in readings {
                switch reading.result {
                case .success(let statistics):
                    state.dispatcher.take(statistics, of: reading.id)
                case .failure(let problem):
                    state.rebalancing.failures[reading.id, default: 0] += 1
                    problems.append((reading.id, problem))
                }
            }
            let store = state.dispatcher.store
            state.rebalancing.failures = state.rebalancing.failures.filter { store.slot(of: $0.key) != nil }
        }
        guard let first = problems.first else { return }
        log.info(
            "some nodes gave no statistics, and are left alone by rebalancing unless they gave some before",
            [
                "nodes": problems.count, "of": readings.count, "first_node": first.id,
                "first_reason": first.problem,
            ])
    }
}

// Decisions.
extension Handler {
    private typealias Plan<Outcome> = (outcome: Outcome, moves: [RebalanceMove], utilizations: [(String, Double)]?)

    /// How often a plan is made anew, outside the lock, because the state changed meanwhile, before it is made under the lock.
    private static let attempts = 3

    /// Moves configs from busy nodes to idle ones, by what nodes measured as far as that was taken in.
    ///
    /// - Parameter isForced: whether small gains are enough.
    /// - Returns: the moves that were made.
    /// - Throws: `notLeading`, `warmingUp`, `notSynced`, or `advancedDispatchingOff`.
    package func rebalance(isForced: Bool) throws(ClusterChecksError) -> InTerm<[RebalanceAnswer.Move]> {
        let started = clock.now()
        let rebalancing = options.rebalancing
        let done = try decide(.rebalanced) { view in
            let nodes = view.measuredNodes
            let plan =
                rebalancing.usesUtilization
                ? UtilizationRebalancing(rebalancing).plan(nodes, isForced: isForced)
                : BusynessRebalancing(rebalancing).plan(nodes)
            return ((nodes.count, plan.moves.map(\.answer)), plan.moves, plan.utilizations)
        }
        let duration = clock.now() - started
        state.withLock { $0.rebalancing.duration = duration }
        let (nodes, moves) = done.value
        log.info(
            "rebalanced", ["moves": moves.count, "measured_nodes": nodes, "forced": isForced, "took": duration.seconds])
        return InTerm(value: moves, term: done.term)
    }

    /// Leaves the config of an instance alone on its node.
    ///
    /// - Throws: as `rebalance`.
    package func isolate(_ checkID: String) throws(ClusterChecksError) -> InTerm<IsolateAnswer> {
        let isolation = Isolation(options.rebalancing)
        let done = try decide(.isolated) { view in
            switch isolation.plan(checkID, view.measuredNodes) {
            case .isolated(let node, let moves):
                return (IsolateAnswer(isolated: checkID, on: node), moves, nil)
            case .refused(let reason):
                let unmeasured = view.nodeID(of: checkID).flatMap { id in
                    view.measuredNodes.contains { $0.id == id } ? nil : "Its node \(id) gives no statistics"
                }
                return (IsolateAnswer(refused: checkID, reason: unmeasured ?? reason), [], nil)
            }
        }
        log.info("isolated a check", ["check_id": checkID, "node": done.value.node, "refused": done.value.reason])
        return done
    }

    /// Plans outside the lock, and does it under the lock if nothing has changed meanwhile: to look at every config takes time, which calls of
    /// node-agents should not wait for.
    private func decide<Outcome>(
        _ reason: MoveReason, _ plan: (RebalancingView) -> Plan<Outcome>
    ) throws(ClusterChecksError) -> InTerm<Outcome> {
        guard options.rebalancing.isEnabled else { throw .advancedDispatchingOff }
        for _ in 0..<Self.attempts {
            let view = try state.withLock { state throws(ClusterChecksError) in
                _ = try dispatchingTerm(&state, clock.now())
                return state.dispatcher.rebalancingView
            }
            let planned = plan(view)
            let done = try state.withLock { state throws(ClusterChecksError) -> Done? in
                let term = try dispatchingTerm(&state, clock.now())
                guard state.dispatcher.store.version == view.version else { return nil }
                return perform(planned, reason, in: term, &state)
            }
            if let done { return finish(done, planned.outcome) }
        }
        let (done, outcome) = try state.withLock { state throws(ClusterChecksError) in
            let term = try dispatchingTerm(&state, clock.now())
            let planned = plan(state.dispatcher.rebalancingView)
            return (perform(planned, reason, in: term, &state), planned.outcome)
        }
        return finish(done, outcome)
    }

    private typealias Done = (changes: [StoreChange], nodes: Int, term: Term)

    private func finish<Outcome>(_ done: Done, _ outcome: Outcome) -> InTerm<Outcome> {
        if !done.changes.isEmpty { logChanges(done.changes, nodes: done.nodes) }
        return InTerm(value: outcome, term: done.term)
    }

    private func perform<Outcome>(
        _ plan: Plan<Outcome>, _ reason: MoveReason, in term: Term, _ state: inout State
    ) -> Done {
        let changes = state.dispatcher.move(plan.moves, reason)
        if let utilizations = plan.utilizations {
            state.rebalancing.decisions += 1
            state.rebalancing.moves += plan.moves.count
            state.rebalancing.utilizations = utilizations.map { (node: $0.0, utilization: $0.1) }
        }
        return (changes, state.dispatcher.store.nodeCount, term)
    }
}
