package import CheckModel
package import Platform

/// The statistics that a node gave of the checks that it runs.
package struct NodeStatistics: Hashable, Sendable {
    /// How many checks it runs at a time.
    package var workers: Int
    /// The statistics of each check ID, including checks that were not dispatched to it.
    package var checks: [ExactText: RunnerStats]

    /// Statistics.
    package init(workers: Int, checks: [ExactText: RunnerStats]) {
        self.workers = workers
        self.checks = checks
    }

    /// The node's busyness: the sum of the weights of all its checks.
    func busyness(_ weights: BusynessWeights) -> Int {
        checks.values.reduce(0) { $0 + $1.weight(weights) }
    }
}

extension RunnerStats {
    /// The instance's share of its node's busyness; 0 if its last run failed.
    func weight(_ weights: BusynessWeights) -> Int {
        guard !lastExecFailed else { return 0 }
        let sum =
            weights.time * Double(averageExecutionTime) + weights.samples * Double(metricSamples)
            + weights.buckets * Double(histogramBuckets) + weights.events * Double(events)
        return Int(min(sum, 1e12))
    }
}

/// A node to ask for its statistics.
package struct StatisticsTarget: Hashable, Sendable {
    /// The node ID.
    @ExactText package private(set) var id: String
    /// Its IP address.
    @ExactText package private(set) var address: String
    /// Whether the address is that of a node-agent's pod. Anything else is a claim of whoever has the agents' token.
    package let isKnown: Bool
}

extension StatisticsTarget {
    /// Nil for a node without a known address, one that is draining, and a Prometheus.
    init?(_ node: ClusterStore.Node, _ pods: AgentPods) {
        guard !node.id.isEmpty, let address = node.address, node.conditions.standing < .draining,
            node.abilities.refreshInterval == nil
        else { return nil }
        self.init(id: node.id, address: address, isKnown: pods.isKnown && pods.have(address: address))
    }
}

extension Dispatcher.View {
    /// The nodes to ask for their statistics, sorted by ID: those with a known address that are not draining.
    var statisticsTargets: [StatisticsTarget] {
        nodes.compactMap { StatisticsTarget($0, pods) }.sorted { $0.id.isBefore($1.id) }
    }
}

/// The outcome of asking a node for its statistics.
package struct StatisticsReading: Sendable {
    let id: String
    let result: Result<NodeStatistics, StatisticsProblem>

    /// The node `id` gave this.
    package init(id: String, _ result: Result<NodeStatistics, StatisticsProblem>) {
        self.id = id
        self.result = result
    }

    var statistics: NodeStatistics? { try? result.get() }

    var problem: StatisticsProblem? {
        if case .failure(let problem) = result { problem } else { nil }
    }
}

/// Why a node gave no statistics.
package struct StatisticsProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// The reason, in one line.
    package let description: String

    /// A reason.
    package init(_ description: String) {
        self.description = description
    }
}
