import CheckModel
import Platform

/// A node with known statistics, as rebalancing sees it.
struct MeasuredNode: Sendable {
    let id: String
    let statistics: NodeStatistics
    /// What it should run, in no particular order.
    let configs: [EncodedConfig]
    /// Whether configs may be moved to it.
    var receives = true
}

extension ClusterStore.Node {
    /// Whether rebalancing may move configs to it.
    var receives: Bool { isFit && !isAwaited && !isAway }

    /// Whether it may keep what it had: as `receives`, but it need not have been heard in this term.
    var isFit: Bool { conditions.standing == .free && agents.isEmpty }
}

extension Dispatcher.View {
    /// The nodes that take part in rebalancing, sorted by ID: those that have given statistics and are not draining. A
    /// cordoned node may give configs, and gets none.
    var measuredNodes: [MeasuredNode] {
        zip(nodes, statistics).compactMap { node, statistics -> MeasuredNode? in
            guard let statistics, !node.id.isEmpty, node.conditions.standing < .draining else { return nil }
            return MeasuredNode(id: node.id, statistics: statistics, configs: node.configs, receives: node.receives)
        }.sorted { $0.id.isBefore($1.id) }
    }

    /// The node of a check ID; nil if none has it.
    func nodeID(of checkID: String) -> String? {
        nodes.filter { node in node.configs.contains { $0.has(checkID) } }.map(\.id)
            .min { $0.isBefore($1) }
    }
}

/// What a rebalancing is to do.
struct RebalancePlan: Sendable {
    /// The moves, in order; empty if they are not worth it.
    var moves: [RebalanceMove] = []
    /// The utilization of each node after the moves, sorted by node; empty where busyness decides.
    var utilizations: [(node: String, utilization: Double)] = []
}

/// A move of a config to another node.
struct RebalanceMove: Sendable {
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

    /// The move as operators see it.
    var answer: RebalanceAnswer.Move {
        RebalanceAnswer.Move(
            digest: config.digestText, checkName: config.checkName, weight: weight, source: source,
            sourceDifference: differences.source, destination: destination,
            destinationDifference: differences.destination)
    }
}
