import CheckModel
import Platform

extension RebalancePlan {
    /// Which nodes may run a config, as far as that differs between configs.
    fileprivate struct Cohort: Hashable {
        /// The check's name, where nodes do not run every check; else empty.
        let check: ExactText
        /// Whether a Prometheus may run it.
        let isScraped: Bool
        let rules: PlacementRules?
        let pin: ExactText?
    }

    /// What to move so that each node has the share of the load that its capacity makes of it.
    ///
    /// Left alone are: what authors or operators pin, checks that are to be alone, checks that are being handed over or
    /// were rebalanced a moment ago, and those that have not been measured yet on a node that gives statistics: a move
    /// would only start them again.
    init(_ view: Dispatcher.View, _ options: RebalancingOptions, isForced: Bool) {
        let slots = view.slots.sorted { view.nodes[$0].id.isBefore(view.nodes[$1].id) }
        let reserved = Set(
            view.intent.isolated.compactMap { key in
                slots.first { slot in view.nodes[slot].configs.contains { $0.key == key } }
            })
        let nodes = slots.map { slot in
            let node = view.nodes[slot]
            return BalancedNode(
                id: node.id, capacity: node.abilities.capacity, receives: node.receives && !reserved.contains(slot),
                gives: node.gives && !reserved.contains(slot))
        }
        var eligible = view.eligible
        var cohorts: [Cohort: Int] = [:]
        var eligibility: [[Int]] = []
        var configs: [EncodedConfig] = []
        var balanced: [BalancedConfig] = []
        for (index, slot) in slots.enumerated() {
            let node = view.nodes[slot]
            for (config, cost) in zip(node.configs, node.costs) {
                var cohort: Int?
                if let key = view.cohort(of: config) {
                    cohort = cohorts[key]
                    if cohort == nil {
                        cohort = eligibility.count
                        cohorts[key] = cohort
                        eligibility.append(slots.indices.filter { view.mayRun(config, slots[$0], &eligible) })
                    }
                }
                let stays = options.pinnedChecks.contains(config.checkName) || view.mustStay(config, cost, slot)
                configs.append(config)
                balanced.append(
                    BalancedConfig(
                        key: config.key, keyHash: config.keyHash, load: cost.load, node: index, isMovable: !stays,
                        eligible: cohort))
            }
        }
        let unit = view.workersPerInstance
        let limits = options.limits(configs: configs.count, isForced: isForced, workersPerInstance: unit)
        let plan = Balancing(nodes: nodes, eligibility: eligibility, limits: limits).plan(balanced)
        moves = plan.moves.map { move in
            let (source, destination) = (move.source, move.destination)
            var made = RebalanceMove(configs[move.config], from: nodes[source].id, to: nodes[destination].id)
            made.gain = move.gain
            made.cost = Double(balanced[move.config].load.millionths) / 1e6
            if !options.usesUtilization, let unit {
                made.weight = Int((made.cost * unit).rounded())
                let mean = plan.before.reduce(0, +) / Double(max(1, plan.before.count))
                func difference(_ node: Int) -> Int {
                    Int(((plan.before[node] - mean) * Double(nodes[node].capacity) * unit).rounded())
                }
                made.differences = (difference(source), difference(destination))
            }
            return made
        }
        if options.usesUtilization, let unit {
            utilizations = zip(nodes, plan.after).map { ($0.id, $1 * unit) }
        }
        note = Self.note(plan, silent: slots.count { view.statistics[$0] == nil }, of: slots.count)
    }

    private static func note(_ plan: BalancingPlan, silent: Int, of nodes: Int) -> String {
        var parts: [String] = []
        if let reason = plan.reason { parts.append("\(reason)") }
        if silent > 0 {
            let who =
                nodes == 1 ? "the only node" : silent == nodes ? "all \(nodes) nodes" : "\(silent) of \(nodes) nodes"
            parts.append("\(who) gave no statistics, so what their checks cost is estimated")
        }
        return parts.joined(separator: "; ")
    }
}

extension Dispatcher.View {
    /// Whether a config must stay on the node of a slot, whatever the load.
    fileprivate func mustStay(_ config: EncodedConfig, _ cost: ConfigCost, _ slot: Int) -> Bool {
        let isStarting =
            statistics[slot] != nil && workersPerInstance != nil
            && (cost.basis == .instances || cost.basis == .estimated)
        let isShared = config.handOver == .exclusive && !nodes[slot].agents.isEmpty
        return isStarting || isShared || !config.isConfirmed || handOvers[config.key] != nil
            || intent.isolated.contains(config.key) || rebalanced[config.key] != nil
    }

    /// What decides which nodes may run a config; nil if all may.
    fileprivate func cohort(of config: EncodedConfig) -> RebalancePlan.Cohort? {
        let check = isRestricted ? ExactText(config.checkName) : ""
        let rules = config.rules.flatMap { $0.isConstraint ? $0 : nil }
        let pin = intent.count == 0 ? nil : intent.pinned[config.key]
        guard !check.isEmpty || rules != nil || pin != nil else { return nil }
        return RebalancePlan.Cohort(
            check: check, isScraped: isRestricted && config.scrapeTargets != nil, rules: rules, pin: pin)
    }

    /// Whether the node of a slot may run a config; an isolated check on it is not looked at.
    func mayRun(_ config: EncodedConfig, _ slot: Int, _ eligible: inout EligibleNodes) -> Bool {
        guard nodes[slot].abilities.obstacle(to: config) == nil else { return false }
        if intent.count > 0, let node = intent.pinned[config.key], !eligible.isNode(slot, named: node) { return false }
        return config.rules.flatMap { eligible.obstacle($0, slot) } == nil
    }
}
