import CheckModel

/// Isolates one config: moves all others off its node.
///
/// Nothing else is moved, whereas upstream places every config again. The next rebalancing may undo it.
struct Isolation: Sendable {
    enum Outcome: Sendable {
        /// The check's node, and the moves off it.
        case isolated(node: String, moves: [RebalanceMove])
        /// Why it is not possible.
        case refused(String)
    }

    private let options: RebalancingOptions

    init(_ options: RebalancingOptions) {
        self.options = options
    }

    /// The moves between these nodes, which are sorted by ID, that isolate the config of `checkID`.
    func plan(_ checkID: String, _ nodes: [MeasuredNode]) -> Outcome {
        guard nodes.count > 1 else { return .refused("No other runners available") }
        for (index, node) in nodes.enumerated() {
            guard let kept = node.configs.first(where: { $0.has(checkID) }) else { continue }
            let others = nodes.indices.filter { $0 != index && nodes[$0].receives }
            guard !others.isEmpty else { return .refused("No other runners available") }
            return .isolated(node: node.id, moves: moves(leaving: kept, on: index, nodes))
        }
        return .refused("Unable to find check")
    }

    private func moves(leaving kept: EncodedConfig, on index: Int, _ nodes: [MeasuredNode]) -> [RebalanceMove] {
        let rebalancing = UtilizationRebalancing(options)
        let items = rebalancing.items(of: nodes)
        // Configs without statistics count as average ones.
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
