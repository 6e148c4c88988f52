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
    /// How strongly configs stick to their node; nil if they do not.
    package var stickiness: Stickiness? = Stickiness()
    /// What makes a node busy.
    var weights = BusynessWeights()

    /// The defaults.
    package init() {}
}

/// A bias against moves: for a config, the utilization of its own node counts as lower by the workers that the config
/// needs times `factor`, within limits.
package struct Stickiness: Hashable, Sendable {
    /// The multiple of the config's need of workers.
    package var factor = 4.0
    /// The least bias.
    package var lowerLimit = 0.05
    /// The greatest bias.
    package var upperLimit = 1.0

    /// The defaults.
    package init() {}

    func bias(need: Double) -> Double {
        min(max(need * factor, lowerLimit), upperLimit)
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
