import CheckModel
import Platform

/// What a rebalancing is to do.
struct RebalancePlan: Sendable {
    /// The moves, in order; empty if there are none, or they are not worth it.
    var moves: [RebalanceMove] = []
    /// The share of its workers' time that each node needs after the moves, sorted by node; empty where that is not
    /// measured.
    var utilizations: [(node: String, utilization: Double)] = []
    /// Why nothing moves, and who gave no statistics, for the operator; empty if nothing need be said.
    var note = ""
}

/// A move of a config to another node.
struct RebalanceMove: Sendable {
    let config: EncodedConfig
    let source: String
    let destination: String
    /// How much of the unevenness the move takes away: 1 is all of it.
    var gain = 0.0
    /// What the config costs, in usual instances.
    var cost = 0.0
    /// The config's weight, where busyness decides; else 0.
    var weight = 0
    /// By how much the busyness of both nodes was above the average before all moves, where busyness decides; else 0.
    var differences = (source: 0, destination: 0)

    init(_ config: EncodedConfig, from source: String, to destination: String) {
        self.config = config
        self.source = source
        self.destination = destination
    }

    /// The move as operators see it.
    var answer: RebalanceAnswer.Move {
        RebalanceAnswer.Move(
            checkID: config.checkID, digest: config.digestText, checkName: config.checkName, weight: weight,
            source: source, sourceDifference: differences.source, destination: destination,
            destinationDifference: differences.destination, gain: gain)
    }
}

extension ClusterStore.Node {
    /// Whether rebalancing may move configs to it.
    var receives: Bool { isFit && !isAwaited && !isAway }

    /// Whether it may keep what it had: as `receives`, but it need not have been heard in this term.
    var isFit: Bool { conditions.standing == .free && agents.isEmpty }

    /// Whether rebalancing may move configs off it. A cordoned node may give, and gets none.
    var gives: Bool { conditions.standing < .restarting && !isAway && !keepsRunning }
}
