package import Platform

/// How configs are rebalanced according to the runners' statistics. The defaults are upstream's.
package struct RebalancingOptions: Hashable, Sendable {
    /// Whether configs are rebalanced: `cluster_checks.advanced_dispatching_enabled`.
    package var isEnabled = true
    /// Whether the utilization of workers decides, as opposed to busyness, the older measure.
    package var usesUtilization = true
    /// By how many percent the deviation of utilizations must fall for configs to be moved.
    package var minimumImprovement = 10
    /// The checks whose configs are not moved.
    package var pinnedChecks: Set<ExactText> = []
    /// How much of all configs one round moves at most, in percent; never fewer than ten configs.
    package var budget = 10
    /// How long a config that was rebalanced stays where it is.
    package var coolDown: Duration = .seconds(1800)
    /// What makes a node busy.
    var weights = BusynessWeights()

    /// The defaults.
    package init() {}

    /// The least number of configs that a round may move.
    private static let leastBudget = 10
    /// No round begins while every node is within this share of what it should have, and one that has begun goes on
    /// until every node is within the other: two thresholds, so that what is just even is not moved back and forth.
    private static let thresholds = (start: 0.1, stop: 0.02)

    /// What limits a round.
    ///
    /// - Parameters:
    ///   - isForced: whether an operator wants every move that helps.
    ///   - workersPerInstance: the unit of costs, where they are measured.
    func limits(configs: Int, isForced: Bool, workersPerInstance: Double?) -> BalancingLimits {
        guard !isForced else { return .none }
        return BalancingLimits(
            minimumGain: minimumImprovement, budget: max(Self.leastBudget, configs * budget / 100),
            start: Self.thresholds.start, stop: Self.thresholds.stop,
            needPerUnit: usesUtilization ? workersPerInstance : nil)
    }
}

/// How much one run of an instance counts in the busyness of its node.
struct BusynessWeights: Hashable, Sendable {
    /// Per millisecond of `AverageExecutionTime`.
    var time = 0.0
    /// Per unit of `MetricSamples`.
    var samples = 1.0
    /// Per unit of `HistogramBuckets`.
    var buckets = 1.0
    /// Per unit of `Events`.
    var events = 0.2
}
