package import CheckModel

/// What a node answered about what it runs.
package struct NodeStatistics: Hashable, Sendable {
    /// How many checks it runs at a time.
    package var workers: Int
    /// The statistics of each check ID, also of those that are none of ours.
    package var checks: [String: RunnerStats]

    /// What a node answered.
    package init(workers: Int, checks: [String: RunnerStats]) {
        self.workers = workers
        self.checks = checks
    }

    /// What its checks make of a node, of all of them.
    package func busyness(_ weights: BusynessWeights) -> Int {
        checks.values.reduce(0) { $0 + $1.weight(weights) }
    }
}

/// A node whose statistics are known, as rebalancing sees it.
package struct MeasuredNode: Sendable {
    /// Its id.
    package let id: String
    /// What it answered.
    package let statistics: NodeStatistics
    /// What it should run, in no particular order.
    package let configs: [EncodedConfig]
    /// Whether it may get more.
    package let receives: Bool

    /// A node.
    package init(id: String, statistics: NodeStatistics, configs: [EncodedConfig], receives: Bool = true) {
        self.id = id
        self.statistics = statistics
        self.configs = configs
        self.receives = receives
    }
}

/// A config that goes to another node.
package struct RebalanceMove: Sendable {
    /// The config.
    package let config: EncodedConfig
    /// The node that has it.
    package let source: String
    /// The node that gets it.
    package let destination: String
    /// Its weight, where busyness decides; else 0.
    package var weight = 0
    /// By how much its node, and the other one, were above the average before, where busyness decides; else 0.
    package var differences = (source: 0, destination: 0)

    /// A move.
    package init(_ config: EncodedConfig, from source: String, to destination: String) {
        self.config = config
        self.source = source
        self.destination = destination
    }

    /// The move as operators are told of it.
    package var answer: RebalanceAnswer.Move {
        RebalanceAnswer.Move(
            digest: config.digestText, checkName: config.checkName, weight: weight, source: source,
            sourceDifference: differences.source, destination: destination,
            destinationDifference: differences.destination)
    }
}

/// What a rebalancing comes to.
package struct RebalancePlan: Sendable {
    /// The moves, in order; none if they are not worth it.
    package let moves: [RebalanceMove]
    /// The utilization of each node after them, sorted by node; empty where busyness decides.
    package let utilizations: [(node: String, utilization: Double)]
}

extension RunnerStats {
    /// What the instance counts for in the busyness of its node: nothing if its last run failed.
    func weight(_ weights: BusynessWeights) -> Int {
        guard !lastExecFailed else { return 0 }
        let sum =
            weights.time * Double(averageExecutionTime) + weights.samples * Double(metricSamples)
            + weights.buckets * Double(histogramBuckets) + weights.events * Double(events)
        return Int(min(sum, 1e12))
    }
}
