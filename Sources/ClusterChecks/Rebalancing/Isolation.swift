import CheckModel

/// Leaves one config alone on its node: the others there go to other nodes.
///
/// Nothing else is moved; upstream places every config anew. It is not sticky: the next rebalancing may undo it.
package struct Isolation: Sendable {
    /// What an isolation comes to.
    package enum Outcome: Sendable {
        /// The check's node, and what has to leave it.
        case isolated(node: String, moves: [RebalanceMove])
        /// Why it is not possible.
        case refused(String)
    }

    private let options: RebalancingOptions

    /// With these options.
    package init(_ options: RebalancingOptions) {
        self.options = options
    }

    /// What is to be moved between the nodes, which are sorted by id, so that the config of `checkID` is alone.
    package func plan(_ checkID: String, _ nodes: [MeasuredNode]) -> Outcome {
        guard nodes.count > 1 else { return .refused("No other runners available") }
        for (index, node) in nodes.enumerated() {
            guard let kept = node.configs.first(where: { $0.instanceIDs.contains(checkID) }) else { continue }
            let others = nodes.indices.filter { $0 != index && nodes[$0].receives }
            guard !others.isEmpty else { return .refused("No other runners available") }
            return .isolated(node: node.id, moves: moves(leaving: kept, on: index, nodes))
        }
        return .refused("Unable to find check")
    }

    private func moves(leaving kept: EncodedConfig, on index: Int, _ nodes: [MeasuredNode]) -> [RebalanceMove] {
        let rebalancing = UtilizationRebalancing(options)
        let items = rebalancing.items(of: nodes)
        // What is not measured takes its room too: about what others take.
        let instances = items.reduce(0) { $0 + $1.instances }
        let usual = instances > 0 ? items.reduce(0) { $0 + $1.need } / Double(instances) : 0
        let others = nodes.enumerated().map { position, node in
            Distribution.Runner(
                id: node.id, workers: node.statistics.workers, receives: node.receives && position != index)
        }
        var distribution = Distribution(others)
        for item in items where item.runner != index {
            distribution.place(need: item.need, instances: item.instances, on: item.runner)
        }
        let measured = Dictionary(
            items.lazy.filter { $0.runner == index }.map { ($0.config.key, $0) },
            uniquingKeysWith: { first, _ in first })
        let leaving = nodes[index].configs.filter { $0.key != kept.key }.map { config in
            let count = max(1, config.instanceIDs.count)
            return (config: config, need: measured[config.key]?.need ?? usual * Double(count), instances: count)
        }
        let heaviestFirst = leaving.sorted { left, right in
            guard left.need == right.need else { return left.need > right.need }
            return (left.config.digest, left.config.key) < (right.config.digest, right.config.key)
        }
        return heaviestFirst.compactMap { config, need, instances in
            guard let place = distribution.leastUtilized(present: nil) else { return nil }
            distribution.place(need: need, instances: instances, on: place)
            return RebalanceMove(config, from: nodes[index].id, to: nodes[place].id)
        }
    }
}
