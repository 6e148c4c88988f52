import CheckModel
import Platform

@testable import ClusterChecks

/// A node with known statistics, as upstream's rebalancing sees it.
struct MeasuredNode: Sendable {
    let id: String
    let statistics: NodeStatistics
    /// What it should run, in no particular order.
    let configs: [EncodedConfig]
    /// Whether configs may be moved to it.
    var receives = true
}

/// What upstream's rebalancing is to do.
struct UpstreamPlan: Sendable {
    /// The moves, in order; empty if they are not worth it.
    var moves: [UpstreamMove] = []
    /// The utilization of each node after the moves, sorted by node; empty where busyness decides.
    var utilizations: [(node: String, utilization: Double)] = []
}

/// A move of a config to another node.
struct UpstreamMove: Sendable {
    let config: EncodedConfig
    let source: String
    let destination: String
    /// The config's weight, where busyness decides; else 0.
    var weight = 0
    /// By how much the busyness of both nodes was above the average before the move, where busyness decides; else 0.
    var differences = (source: 0, destination: 0)

    init(_ config: EncodedConfig, from source: String, to destination: String) {
        self.config = config
        self.source = source
        self.destination = destination
    }
}

/// What upstream's options were.
struct UpstreamOptions: Sendable {
    var minimumImprovement = 10
    var pinnedChecks: Set<ExactText> = []
    var stickiness: Stickiness? = Stickiness()
    var weights = BusynessWeights()
}

/// A bias against moves: for a config, the utilization of its own node counts as lower by the workers that the config
/// needs times `factor`, within limits.
struct Stickiness: Hashable, Sendable {
    var factor = 4.0
    var lowerLimit = 0.05
    var upperLimit = 1.0

    func bias(need: Double) -> Double {
        min(max(need * factor, lowerLimit), upperLimit)
    }
}
