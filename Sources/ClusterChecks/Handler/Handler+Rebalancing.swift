package import CheckModel
import Platform

extension Handler {
    /// How often to plan before a plan is carried out although the store has changed meanwhile.
    private static let attempts = 3

    /// Has each node have its share of the load, according to what configs cost.
    ///
    /// - Parameters:
    ///   - isForced: whether to make every move that helps, however little.
    ///   - isDry: whether to say what would be moved, and move nothing.
    /// - Returns: the moves, and what an operator should know.
    /// - Throws: `notLeading`, `warmingUp`, `notSynced`, or `advancedDispatchingOff`.
    package func rebalance(
        isForced: Bool, isDry: Bool = false
    ) throws(ClusterChecksError) -> InTerm<RebalanceAnswer> {
        let started = clock.now()
        let rebalancing = options.rebalancing
        guard rebalancing.isEnabled else { throw .advancedDispatchingOff }
        try takeOverCosts()
        let note: String
        let moves: InTerm<[RebalanceMove]>
        if isDry {
            let view = try read(started) { $0.view }
            let plan = RebalancePlan(view.value, rebalancing, isForced: isForced)
            (note, moves) = (plan.note, InTerm(value: plan.moves, term: view.term))
        } else {
            (note, moves) = try carryOut { view in
                let plan = RebalancePlan(view, rebalancing, isForced: isForced)
                return (plan.note, plan)
            }
        }
        let duration = clock.now() - started
        durations.rebalancing.observe(duration)
        record(rebalancingDuration: duration)
        log.info(
            isDry ? "rebalancing previewed" : "rebalanced",
            ["moves": moves.value.count, "forced": isForced, "took": duration.seconds, "note": note])
        return InTerm(
            value: RebalanceAnswer(moves: moves.value.map(\.answer), note: note, isDry: isDry), term: moves.term)
    }

    /// Takes over what the statistics recorded so far say that configs cost.
    private func takeOverCosts() throws(ClusterChecksError) {
        let model = CostModel(try rebalancingView(), options.rebalancing)
        _ = try decide(clock.now()) { $0.adopt(model) }
    }

    /// Plans moves outside the lock, since a plan looks at every config, and makes them under it. If the store has
    /// changed meanwhile it plans again; of the last plan it makes the moves that still apply.
    private func carryOut<Outcome>(
        _ plan: (Dispatcher.View) -> (Outcome, RebalancePlan)
    ) throws(ClusterChecksError) -> (outcome: Outcome, moves: InTerm<[RebalanceMove]>) {
        var attempt = 1
        while true {
            let (version, (outcome, planned)) = Self.planned(by: plan, on: try rebalancingView())
            let isLast = attempt == Self.attempts
            if let moves = try move(planned, .rebalanced, at: isLast ? nil : version) { return (outcome, moves) }
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
