import CheckModel

/// Rebalances by how busy nodes are: upstream's older algorithm. Nodes that are busier than the average give their heaviest config to the least busy
/// one, while that leaves it less busy than they were.
package struct BusynessRebalancing: Sendable {
    private let options: RebalancingOptions

    /// What the other node may be above the average at most after it got a config, as a share of what its giver was before.
    private static let tolerance = 0.9

    /// With these options.
    package init(_ options: RebalancingOptions) {
        self.options = options
    }

    /// A node, and what it still has to give.
    private struct Stand {
        let node: MeasuredNode
        var busyness: Int
        /// Heaviest first.
        var candidates: [(config: EncodedConfig, weight: Int)]
    }

    /// What is to be moved between the nodes, which are sorted by id.
    package func plan(_ nodes: [MeasuredNode]) -> RebalancePlan {
        var stands = nodes.map { node in
            Stand(
                node: node, busyness: node.statistics.busyness(options.weights), candidates: candidates(of: node))
        }
        guard let average = Self.average(stands.map(\.busyness)) else {
            return RebalancePlan(moves: [], utilizations: [])
        }
        var moves: [RebalanceMove] = []
        let busiestFirst = stands.indices.sorted { (stands[$1].busyness, $0) < (stands[$0].busyness, $1) }
        for source in busiestFirst {
            while let move = nextMove(from: source, &stands, average) { moves.append(move) }
        }
        return RebalancePlan(moves: moves, utilizations: [])
    }

    /// The whole part of the mean; nil of none.
    package static func average(_ busyness: [Int]) -> Int? {
        busyness.isEmpty ? nil : busyness.reduce(0, +) / busyness.count
    }

    private func nextMove(from source: Int, _ stands: inout [Stand], _ average: Int) -> RebalanceMove? {
        let difference = stands[source].busyness - average
        guard difference > 0, let (config, weight) = stands[source].candidates.first else { return nil }
        // One that cannot be moved ends it, as upstream has it: what is lighter would not do what it should have done.
        guard !options.pinnedChecks.contains(config.checkName) else { return nil }
        let others = stands.indices.filter { $0 != source && stands[$0].node.receives }
        guard let destination = others.min(by: { (stands[$0].busyness, $0) < (stands[$1].busyness, $1) }) else {
            return nil
        }
        let other = stands[destination].busyness - average
        guard other + weight < Int(Double(difference) * Self.tolerance) else { return nil }
        stands[source].candidates.removeFirst()
        stands[source].busyness -= weight
        stands[destination].busyness += weight
        let position = stands[destination].candidates.firstIndex { Self.precedes((config, weight), $0) }
        stands[destination].candidates.insert(
            (config, weight), at: position ?? stands[destination].candidates.count)
        var move = RebalanceMove(config, from: stands[source].node.id, to: stands[destination].node.id)
        move.weight = weight
        move.differences = (difference, other)
        return move
    }

    /// The configs of a node that are measured, heaviest first, of equal ones by digest and key.
    private func candidates(of node: MeasuredNode) -> [(config: EncodedConfig, weight: Int)] {
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
