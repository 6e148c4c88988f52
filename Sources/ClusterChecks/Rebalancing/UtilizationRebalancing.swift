import CheckModel

/// Rebalances by how much of their workers' time runners need: the heaviest config first, each to the least utilized runner, and only if the whole
/// is worth it.
///
/// It is upstream's algorithm with its constants, and stricter in one thing: the deviation of utilizations is never greater afterwards, not even
/// where an operator forces it.
package struct UtilizationRebalancing: Sendable {
    /// A config of which all is known that decides where it goes.
    struct Item: Sendable {
        let config: EncodedConfig
        /// The index of its node.
        let runner: Int
        /// How many workers it keeps busy.
        let need: Double
        /// How many of its instances are measured.
        let instances: Int
        /// Whether it stays where it is.
        let isPinned: Bool
    }

    private let options: RebalancingOptions

    /// Below this deviation only empty and busy runners are a reason to move.
    private static let smallDeviation = 0.1
    /// What rounding may make of equal deviations.
    private static let tolerance = 1e-9

    /// With these options.
    package init(_ options: RebalancingOptions) {
        self.options = options
    }

    /// What is to be moved between the nodes, which are sorted by id.
    ///
    /// - Parameter isForced: whether small gains are enough.
    package func plan(_ nodes: [MeasuredNode], isForced: Bool) -> RebalancePlan {
        let items = items(of: nodes)
        let current = distribution(of: nodes, items)
        let (proposed, places) = propose(nodes, items)
        guard Self.isWorthIt(current, proposed, minimumImprovement: isForced ? nil : options.minimumImprovement) else {
            return RebalancePlan(moves: [], utilizations: Self.utilizations(current))
        }
        let moves = zip(items, places).filter { $0.runner != $1 }.map { item, place in
            RebalanceMove(item.config, from: nodes[item.runner].id, to: nodes[place].id)
        }
        return RebalancePlan(moves: moves, utilizations: Self.utilizations(proposed))
    }

    /// Whether a proposal is better by enough: where the deviation is small, by fewer busy or empty runners; else by so many hundredths of it.
    ///
    /// - Parameter minimumImprovement: in hundredths; nil if any improvement is enough.
    package static func isWorthIt(
        _ current: Distribution, _ proposed: Distribution, minimumImprovement: Int?
    ) -> Bool {
        let (before, after) = (current.deviation, proposed.deviation)
        guard after <= before + tolerance else { return false }
        let hasFewer = proposed.busyCount < current.busyCount || proposed.emptyCount < current.emptyCount
        guard let minimumImprovement else { return hasFewer || after < before - tolerance }
        guard before >= smallDeviation else { return hasFewer }
        return after < before * Double(100 - minimumImprovement) / 100
    }

    /// The configs that are measured, heaviest first, of equal ones by digest and key. Others are left alone.
    func items(of nodes: [MeasuredNode]) -> [Item] {
        var items: [Item] = []
        for (runner, node) in nodes.enumerated() {
            for config in node.configs {
                guard let item = item(config, runner, node.statistics.checks) else { continue }
                items.append(item)
            }
        }
        return items.sorted { left, right in
            guard left.need == right.need else { return left.need > right.need }
            return (left.config.digest, left.config.key) < (right.config.digest, right.config.key)
        }
    }

    private func item(_ config: EncodedConfig, _ runner: Int, _ checks: [String: RunnerStats]) -> Item? {
        let measured = config.instanceIDs.compactMap { checks[$0] }
        guard !measured.isEmpty else { return nil }
        let needs = measured.map { $0.need(every: config.collectionInterval) }
        // What has not completed a run is unknown, not free: to move it would only begin it anew.
        let isUnknown = needs.contains(0) || measured.count < config.instanceIDs.count
        return Item(
            config: config, runner: runner, need: needs.reduce(0, +), instances: measured.count,
            isPinned: isUnknown || options.pinnedChecks.contains(config.checkName))
    }

    func emptyDistribution(of nodes: [MeasuredNode]) -> Distribution {
        Distribution(
            nodes.map { Distribution.Runner(id: $0.id, workers: $0.statistics.workers, receives: $0.receives) })
    }

    private func distribution(of nodes: [MeasuredNode], _ items: [Item]) -> Distribution {
        var distribution = emptyDistribution(of: nodes)
        for item in items { distribution.place(need: item.need, instances: item.instances, on: item.runner) }
        return distribution
    }

    /// - Returns: the proposal, and the runner of each item in it.
    private func propose(_ nodes: [MeasuredNode], _ items: [Item]) -> (Distribution, [Int]) {
        var proposed = emptyDistribution(of: nodes)
        var places = items.map(\.runner)
        for item in items where item.isPinned {
            proposed.place(need: item.need, instances: item.instances, on: item.runner)
        }
        for (index, item) in items.enumerated() where !item.isPinned {
            let bias = options.stickiness?.bias(need: item.need) ?? 0
            places[index] = proposed.leastUtilized(present: item.runner, bias: bias) ?? item.runner
            proposed.place(need: item.need, instances: item.instances, on: places[index])
        }
        return (proposed, places)
    }

    static func utilizations(_ distribution: Distribution) -> [(node: String, utilization: Double)] {
        distribution.runners.map { ($0.id, $0.utilization) }
    }
}

extension RunnerStats {
    /// How many workers the instance keeps busy, at most one; 0 if that is not known.
    fileprivate func need(every interval: Duration) -> Double {
        min(1, Double(averageExecutionTime) / (interval / .milliseconds(1)))
    }
}
