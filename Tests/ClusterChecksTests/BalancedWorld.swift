import CheckModel
import Glibc
import Platform
import TestKit

@testable import ClusterChecks

/// Nodes and the configs on them, as balancing sees them.
struct BalancedWorld {
    var nodes: [BalancedNode]
    var eligibility: [[Int]] = []
    var configs: [BalancedConfig] = []

    /// Nodes that run configs of these costs. Their IDs are `n0`, `n1` and so on, and the keys of their configs `n0:0`,
    /// `n0:1` and so on.
    init(_ costs: [[Double]], capacities: [Int]? = nil) {
        nodes = costs.indices.map { BalancedNode(id: "n\($0)", capacity: capacities?[$0] ?? 4) }
        for (node, costs) in costs.enumerated() {
            for (index, cost) in costs.enumerated() { add("n\(node):\(index)", cost: cost, on: node) }
        }
    }

    mutating func add(_ name: String, cost: Double, on node: Int, isMovable: Bool = true, eligible: Int? = nil) {
        configs.append(
            BalancedConfig(
                key: ConfigKey(source: name, check: "http_check", index: 0), keyHash: Murmur3.hash(Array(name.utf8)),
                load: Load(cost: cost), node: node, isMovable: isMovable, eligible: eligible))
    }

    func plan(_ limits: BalancingLimits = .none) -> BalancingPlan {
        Balancing(nodes: nodes, eligibility: eligibility, limits: limits).plan(configs)
    }

    /// The world after the moves of a plan.
    func applying(_ plan: BalancingPlan) -> BalancedWorld {
        var world = self
        for move in plan.moves { world.configs[move.config] = moved(move.config, to: move.destination) }
        return world
    }

    private func moved(_ config: Int, to node: Int) -> BalancedConfig {
        let former = configs[config]
        return BalancedConfig(
            key: former.key, keyHash: former.keyHash, load: former.load, node: node, isMovable: former.isMovable,
            eligible: former.eligible)
    }

    /// The same world with its configs in another order.
    func shuffled(_ entropy: SeededEntropy) -> BalancedWorld {
        var world = self
        for index in world.configs.indices.dropFirst() {
            world.configs.swapAt(index, entropy.next(below: index + 1))
        }
        return world
    }

    /// Each move as `source→destination key`.
    func texts(_ plan: BalancingPlan) -> [String] {
        plan.moves.map { "\(nodes[$0.source].id)→\(nodes[$0.destination].id) \(configs[$0.config].key.source)" }
    }

    /// By node, the cost of all its configs.
    var costs: [Double] {
        var costs = Array(repeating: 0.0, count: nodes.count)
        for config in configs { costs[config.node] += config.cost }
        return costs
    }

    /// By node, the cost for each unit of capacity.
    var relative: [Double] { zip(costs, nodes).map { $0 / Double($1.capacity) } }

    /// The relative load that all nodes would have in a perfect balance.
    var mean: Double {
        costs.reduce(0, +) / Double(max(1, nodes.reduce(0) { $0 + $1.capacity }))
    }

    /// The cost of the heaviest config.
    var heaviest: Double { configs.reduce(0) { max($0, $1.cost) } }

    /// By node, how many configs it has.
    var counts: [Int] {
        configs.reduce(into: Array(repeating: 0, count: nodes.count)) { $0[$1.node] += 1 }
    }

    /// The cost of all configs that a plan moves.
    func movedCost(_ plan: BalancingPlan) -> Double { plan.moves.reduce(0) { $0 + configs[$1.config].cost } }

    /// What has to leave nodes above the mean for a perfect balance.
    var leastMovedCost: Double {
        zip(relative, nodes).reduce(0) { $0 + max(0, ($1.0 - mean) * Double($1.1.capacity)) }
    }
}

extension BalancedConfig {
    var cost: Double { Double(load.millionths) / 1e6 }
}

extension SeededEntropy {
    /// A number of the standard normal distribution, by the method of Box and Muller.
    private func normal() -> Double {
        (-2 * log(1 - fraction())).squareRoot() * cos(2 * .pi * fraction())
    }

    /// A cost whose logarithm is normally distributed around 0; 1 if `sigma` is 0.
    func cost(sigma: Double) -> Double { sigma == 0 ? 1 : exp(sigma * normal()) }
}
