/// How work is rebalanced by what runners measured. The defaults are upstream's.
package struct RebalancingOptions: Hashable, Sendable {
    /// Whether it is at all: `cluster_checks.advanced_dispatching_enabled`.
    package var isEnabled = true
    /// Whether the use of workers decides (true), or the older measure of busyness.
    package var usesUtilization = true
    /// By how many hundredths the deviation of utilizations must fall for moves to be made.
    package var minimumImprovement = 10
    /// The checks whose configs stay where they are.
    package var pinnedChecks: Set<String> = []
    /// How configs hold on to their node.
    package var stickiness: Stickiness? = Stickiness()
    /// What makes a node busy.
    package var weights = BusynessWeights()

    /// The defaults.
    package init() {}
}

/// What a move must gain at least: on its own node a config counts as if that were less utilized, by its need times `factor`, within limits.
package struct Stickiness: Hashable, Sendable {
    /// Times the config's need of workers.
    package var factor = 4.0
    /// At least.
    package var lowerLimit = 0.05
    /// At most.
    package var upperLimit = 1.0

    /// The defaults.
    package init() {}

    /// By how much the utilization of its own node counts as less for a config.
    func bias(need: Double) -> Double {
        min(max(need * factor, lowerLimit), upperLimit)
    }
}

/// What one run of an instance counts for in the busyness of its node.
package struct BusynessWeights: Hashable, Sendable {
    /// For each millisecond of `AverageExecutionTime`.
    package var time = 0.0
    /// For each of `MetricSamples`.
    package var samples = 1.0
    /// For each of `HistogramBuckets`.
    package var buckets = 1.0
    /// For each of `Events`.
    package var events = 0.2

    /// The defaults.
    package init() {}
}
