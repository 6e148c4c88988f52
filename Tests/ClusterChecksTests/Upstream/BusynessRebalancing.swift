import CheckModel
import Platform

@testable import ClusterChecks

/// Rebalances by busyness: upstream's older algorithm. Nodes that are busier than the average give their heaviest
/// configs to the least busy node, as long as that leaves it less busy than they were.
struct BusynessRebalancing: Sendable {
    private let options: UpstreamOptions

    /// How far above the average a config may lift its new node, as a share of how far its former node was above it.
    private static let tolerance = 0.9

    init(_ options: UpstreamOptions) {
        self.options = options
    }

    /// A node, and the configs that it may still give.
    private struct Candidate {
        let node: MeasuredNode
        var busyness: Int
        /// Heaviest first.
        var configs: [(config: EncodedConfig, weight: Int)]
    }

    /// The moves between these nodes, which are sorted by ID.
    func plan(_ nodes: [MeasuredNode]) -> UpstreamPlan {
        var nodes = nodes.map { node in
            Candidate(
                node: node, busyness: node.statistics.busyness(options.weights), configs: measuredConfigs(of: node))
        }
        guard let average = Self.average(nodes.map(\.busyness)) else {
            return UpstreamPlan()
        }
        var moves: [UpstreamMove] = []
        let busiestFirst = nodes.indices.sorted { (nodes[$1].busyness, $0) < (nodes[$0].busyness, $1) }
        for source in busiestFirst {
            while let move = nextMove(from: source, &nodes, average) { moves.append(move) }
        }
        return UpstreamPlan(moves: moves)
    }

    /// The mean, rounded down; nil without nodes.
    static func average(_ busyness: [Int]) -> Int? {
        busyness.isEmpty ? nil : busyness.reduce(0, +) / busyness.count
    }

    private func nextMove(from source: Int, _ nodes: inout [Candidate], _ average: Int) -> UpstreamMove? {
        let difference = nodes[source].busyness - average
        guard difference > 0, let (config, weight) = nodes[source].configs.first else { return nil }
        // As upstream does, stop at a config that cannot be moved: lighter ones would not make up for it.
        guard !options.pinnedChecks.contains(config.checkName) else { return nil }
        let others = nodes.indices.filter { $0 != source && nodes[$0].node.receives }
        guard let destination = others.min(by: { (nodes[$0].busyness, $0) < (nodes[$1].busyness, $1) }) else {
            return nil
        }
        let other = nodes[destination].busyness - average
        guard other + weight < Int(Double(difference) * Self.tolerance) else { return nil }
        nodes[source].configs.removeFirst()
        nodes[source].busyness -= weight
        nodes[destination].busyness += weight
        let position = nodes[destination].configs.firstIndex { Self.precedes((config, weight), $0) }
        nodes[destination].configs.insert(
            (config, weight), at: position ?? nodes[destination].configs.count)
        var move = UpstreamMove(config, from: nodes[source].node.id, to: nodes[destination].node.id)
        move.weight = weight
        move.differences = (difference, other)
        return move
    }

    /// The configs of a node that have statistics, heaviest first, then by digest and key.
    private func measuredConfigs(of node: MeasuredNode) -> [(config: EncodedConfig, weight: Int)] {
        let measured = node.configs.compactMap { config -> (config: EncodedConfig, weight: Int)? in
            let stats = config.instanceIDs.compactMap { node.statistics.checks[$0] }
            return stats.isEmpty ? nil : (config, stats.reduce(0) { $0 + $1.weight(options.weights) })
        }
        return measured.sorted(by: Self.precedes)
    }

    private static func precedes(
        _ left: (config: EncodedConfig, weight: Int), _ right: (config: EncodedConfig, weight: Int)
    ) -> Bool {
        guard left.weight == right.weight else { return left.weight > right.weight }
        return (left.config.digest, left.config.key) < (right.config.digest, right.config.key)
    }
}
