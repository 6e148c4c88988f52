package import CheckModel
import Platform

extension Handler {
    /// How often to plan before a plan is carried out although the store has changed meanwhile.
    private static let attempts = 3

    /// Moves configs from busy nodes to idle ones, according to the statistics recorded so far.
    ///
    /// - Parameter isForced: whether to move configs even where the gain is small.
    /// - Returns: the moves that were made.
    /// - Throws: `notLeading`, `warmingUp`, `notSynced`, or `advancedDispatchingOff`.
    package func rebalance(isForced: Bool) throws(ClusterChecksError) -> InTerm<[RebalanceAnswer.Move]> {
        let started = clock.now()
        let rebalancing = options.rebalancing
        let (nodes, moves) = try carryOut(.rebalanced) { view in
            let nodes = view.measuredNodes
            let plan =
                rebalancing.usesUtilization
                ? UtilizationRebalancing(rebalancing).plan(nodes, isForced: isForced)
                : BusynessRebalancing(rebalancing).plan(nodes)
            return (nodes.count, plan)
        }
        let duration = clock.now() - started
        record(rebalancingDuration: duration)
        log.info(
            "rebalanced",
            [
                "moves": moves.value.count, "measured_nodes": nodes, "forced": isForced, "took": duration.seconds,
            ])
        return InTerm(value: moves.value.map(\.answer), term: moves.term)
    }

    /// Moves all other configs off the node of a check instance.
    ///
    /// - Throws: as `rebalance`.
    package func isolate(_ checkID: String) throws(ClusterChecksError) -> InTerm<IsolateAnswer> {
        let isolation = Isolation(options.rebalancing)
        let (answer, moves) = try carryOut(.isolated) { view in
            switch isolation.plan(checkID, view.measuredNodes) {
            case .isolated(let node, let moves):
                return (IsolateAnswer(isolated: checkID, on: node), RebalancePlan(moves: moves))
            case .refused(let reason):
                let unmeasured = view.nodeID(of: checkID).flatMap { id in
                    view.measuredNodes.contains { $0.id.hasSameBytes(as: id) }
                        ? nil : "Its node \(id) gives no statistics"
                }
                return (IsolateAnswer(refused: checkID, reason: unmeasured ?? reason), RebalancePlan())
            }
        }
        log.info("isolation requested", ["check_id": checkID, "node": answer.node, "refused": answer.reason])
        return InTerm(value: answer, term: moves.term)
    }

    /// Plans moves outside the lock, since a plan looks at every config, and makes them under it. If the store has
    /// changed meanwhile it plans again; of the last plan it makes the moves that still apply.
    private func carryOut<Outcome>(
        _ reason: MoveReason, _ plan: (Dispatcher.View) -> (Outcome, RebalancePlan)
    ) throws(ClusterChecksError) -> (outcome: Outcome, moves: InTerm<[RebalanceMove]>) {
        guard options.rebalancing.isEnabled else { throw .advancedDispatchingOff }
        var attempt = 1
        while true {
            let (version, (outcome, planned)) = Self.planned(by: plan, on: try rebalancingView())
            let isLast = attempt == Self.attempts
            if let moves = try move(planned, reason, at: isLast ? nil : version) { return (outcome, moves) }
            attempt += 1
        }
    }

    /// Drops the view when it returns, so that the moves need not copy what it refers to.
    private static func planned<Outcome>(
        by plan: (Dispatcher.View) -> (Outcome, RebalancePlan), on view: consuming Dispatcher.View
    ) -> (version: UInt64, plan: (Outcome, RebalancePlan)) {
        (view.version, plan(view))
    }

    func logProblems(of readings: [StatisticsReading]) {
        let problems = readings.compactMap { reading in reading.problem.map { (id: reading.id, problem: $0) } }
        guard let first = problems.first else { return }
        log.info(
            "some nodes gave no statistics; rebalancing uses those that they gave before, if any",
            [
                "nodes": problems.count, "of": readings.count, "first_node": first.id, "first_reason": first.problem,
            ])
    }
}
