import CheckModel
import Platform

@testable import ClusterChecks

/// Rebalances by utilization: places the configs again, heaviest first, each on the least utilized runner, and moves
/// them only if the result is worth it.
///
/// This is upstream's algorithm with upstream's constants, and stricter in one respect: the deviation of utilizations
/// never grows, not even where an operator forces it.
struct UtilizationRebalancing: Sendable {
    /// A config with what decides where it goes.
    struct Item: Sendable {
        let config: EncodedConfig
        /// The index of its node.
        let runner: Int
        /// How many workers it keeps busy.
        let need: Double
        /// How many of its instances have statistics.
        let instances: Int
        /// Whether it stays where it is.
        let isPinned: Bool
    }

    private let options: UpstreamOptions

    /// Below this deviation only empty and busy runners are a reason to move configs.
    private static let smallDeviation = 0.1
    /// The rounding error of equal deviations.
    private static let tolerance = 1e-9

    init(_ options: UpstreamOptions) {
        self.options = options
    }

    /// The moves between these nodes, which are sorted by ID.
    ///
    /// - Parameter isForced: whether to move configs even where the gain is small.
    func plan(_ nodes: [MeasuredNode], isForced: Bool) -> UpstreamPlan {
        let items = items(of: nodes)
        let current = distribution(of: nodes, items)
        let (proposed, places) = propose(nodes, items)
        guard Self.isWorthIt(current, proposed, minimumImprovement: isForced ? nil : options.minimumImprovement) else {
            return UpstreamPlan(moves: [], utilizations: Self.utilizations(current))
        }
        let moves = zip(items, places).filter { $0.runner != $1 }.map { item, place in
            UpstreamMove(item.config, from: nodes[item.runner].id, to: nodes[place].id)
        }
        return UpstreamPlan(moves: moves, utilizations: Self.utilizations(proposed))
    }

    /// Whether a proposal is enough of an improvement: fewer busy or empty runners if the deviation is small, else a
    /// smaller deviation.
    ///
    /// - Parameter minimumImprovement: by how many percent the deviation must fall; nil if any improvement is enough.
    static func isWorthIt(
        _ current: Distribution, _ proposed: Distribution, minimumImprovement: Int?
    ) -> Bool {
        let (before, after) = (current.deviation, proposed.deviation)
        guard after <= before + tolerance else { return false }
        let hasFewer = proposed.busyCount < current.busyCount || proposed.emptyCount < current.emptyCount
        guard let minimumImprovement else { return hasFewer || after < before - tolerance }
        guard before >= smallDeviation else { return hasFewer }
        return after < before * Double(100 - minimumImprovement) / 100
    }

    /// The configs that have statistics, heaviest first, then by digest and key. Others are left alone.
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

    private func item(_ config: EncodedConfig, _ runner: Int, _ checks: [ExactText: RunnerStats]) -> Item? {
        let measured = config.instanceIDs.compactMap { checks[$0] }
        guard !measured.isEmpty else { return nil }
        let needs = measured.map { $0.need(every: config.collectionInterval) }
        // An instance that has not completed a run is unknown, not free: a move would only start it again.
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
    /// How many workers the instance keeps busy, at most one; 0 if unknown.
    fileprivate func need(every interval: Duration) -> Double {
        min(1, Double(averageExecutionTime) / (interval / .milliseconds(1)))
    }
}
