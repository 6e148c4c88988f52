import Platform
import TestKit
import Testing

@testable import ClusterChecks

/// Random nodes and configs, each from a seed: whatever they are, a plan keeps what balancing promises.
@Suite(.serialized) struct BalancingPropertyTests {
    /// A cluster in which anything may be forbidden.
    private func constrained(_ seed: UInt64) -> (world: BalancedWorld, entropy: SeededEntropy) {
        let entropy = SeededEntropy(seed: seed)
        func roll(_ sides: Int) -> Int { entropy.next(below: sides) }
        let nodes = seed % 50 == 0 ? roll(80) : roll(10)
        let capacities = (0..<nodes).map { _ in roll(2) == 0 ? 4 : seed % 5 == 0 ? 1 + roll(10_000) : 1 + roll(8) }
        var world = BalancedWorld(
            Array(repeating: [], count: nodes), capacities: seed % 3 == 0 ? capacities : nil)
        for index in 0..<nodes where roll(8) == 0 { world.nodes[index].receives = false }
        for index in 0..<nodes where roll(8) == 0 { world.nodes[index].gives = false }
        world.eligibility = (0..<roll(4)).map { _ in (0..<nodes).filter { _ in roll(3) > 0 } }
        guard nodes > 0 else { return (world, entropy) }
        let sigma = seed % 2 == 0 ? 0 : 2 * entropy.fraction()
        for index in 0..<roll(8 * nodes + 1) {
            let set = world.eligibility.isEmpty || roll(2) == 0 ? nil : roll(world.eligibility.count)
            world.add(
                "c\(index)", cost: entropy.cost(sigma: sigma), on: min(roll(nodes), roll(nodes)),
                isMovable: roll(10) > 0, eligible: set)
        }
        return (world, entropy)
    }

    /// What is wrong with a plan; empty if nothing is.
    private func problems(_ world: BalancedWorld, _ plan: BalancingPlan) -> [String] {
        var problems: [String] = []
        func expect(_ isTrue: Bool, _ text: String) { if !isTrue { problems.append(text) } }
        expect(Set(plan.moves.map(\.config)).count == plan.moves.count, "a config moves twice")
        expect(plan.moves.isEmpty == (plan.reason != nil), "a reason is missing, or given without need")
        for move in plan.moves {
            let config = world.configs[move.config]
            expect(move.source == config.node && move.destination != move.source, "a move from elsewhere")
            expect(config.isMovable, "an immovable config")
            expect(world.nodes[move.source].gives, "from a node that does not give")
            expect(world.nodes[move.destination].receives, "to a node that does not receive")
            expect(
                config.eligible.map { world.eligibility[$0].contains(move.destination) } ?? true,
                "to a node that may not run it")
        }
        let after = world.applying(plan)
        expect(zip(plan.before, world.relative).allSatisfy { abs($0 - $1) < 1e-6 }, "the loads before")
        expect(zip(plan.after, after.relative).allSatisfy { abs($0 - $1) < 1e-6 }, "the loads after")
        let (before, now) = (world.deviation, after.deviation)
        expect(abs(plan.deviation.before - before) < 1e-6 && abs(plan.deviation.after - now) < 1e-6, "the deviation")
        expect((plan.after.max() ?? 0) <= (plan.before.max() ?? 0), "the greatest load grows")
        expect(plan.moves.isEmpty || now < before, "the deviation does not fall")
        return problems
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `a plan forbids what it must, makes nothing worse and leaves nothing to do`(batch: UInt64) {
        for seed in batch * 200..<(batch + 1) * 200 {
            let (world, entropy) = constrained(seed)
            let plan = world.plan()
            #expect(problems(world, plan) == [], "seed \(seed)")
            #expect(world.applying(plan).plan().moves.isEmpty, "seed \(seed): a second plan")
            let shuffled = world.shuffled(entropy)
            #expect(shuffled.texts(shuffled.plan()) == world.texts(plan), "seed \(seed): the order of the configs")
        }
    }

    @Test(arguments: 0..<6 as Range<UInt64>)
    func `limits are kept and make nothing worse`(batch: UInt64) {
        for seed in 10_000 + batch * 200..<10_000 + (batch + 1) * 200 {
            let (world, entropy) = constrained(seed)
            var limits = BalancingLimits()
            let budget = entropy.next(below: 12)
            if entropy.next(below: 3) > 0 { limits.budget = budget }
            if entropy.next(below: 2) == 0 { limits.minimumGain = 10 }
            if entropy.next(below: 2) == 0 { (limits.start, limits.stop) = (0.2, 0.1) }
            if entropy.next(below: 2) == 0 { limits.needPerUnit = 0.1 }
            let plan = world.plan(limits)
            #expect(problems(world, plan) == [], "seed \(seed)")
            #expect(plan.moves.count <= limits.budget ?? .max, "seed \(seed)")
            if limits.budget == nil, limits.minimumGain != nil, !plan.moves.isEmpty, limits.needPerUnit == nil {
                #expect(plan.deviation.after <= 0.9 * plan.deviation.before, "seed \(seed)")
            }
        }
    }

    /// A cluster in which everything may move anywhere.
    private func free(
        _ seed: UInt64, nodes: Int, perNode: Int, sigma: Double, capacities: [Int]? = nil
    ) -> BalancedWorld {
        let entropy = SeededEntropy(seed: seed)
        var world = BalancedWorld(Array(repeating: [], count: nodes), capacities: capacities)
        var costs = (0..<nodes * perNode).map { _ in entropy.cost(sigma: sigma) }
        let arrangement = entropy.next(below: 4)
        // All heavy configs on the same nodes: the hardest start.
        if arrangement == 0 { costs.sort() }
        for (index, cost) in costs.enumerated() {
            let random = min(entropy.next(below: nodes), entropy.next(below: nodes))
            world.add("c\(index)", cost: cost, on: [index / perNode, 0, random, index % nodes][arrangement])
        }
        return world
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `with a hundred configs for each node none exceeds what cannot be parted by 1 percent`(seed: UInt64) {
        let sigma = seed % 4 == 0 ? 0 : 1.5 * Double(seed % 16) / 15
        let world = free(seed, nodes: 1 + Int(seed) % 11, perNode: 100, sigma: sigma)
        let after = world.applying(world.plan())
        let bound = max(world.mean, world.heaviest / 4)
        #expect((after.relative.max() ?? 0) <= 1.01 * bound)
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `no node exceeds the mean by more than the heaviest config on the smallest node`(batch: UInt64) {
        for seed in batch * 100..<(batch + 1) * 100 {
            let entropy = SeededEntropy(seed: seed)
            let nodes = 1 + entropy.next(below: 12)
            let capacities = (0..<nodes).map { _ in 1 + entropy.next(below: seed % 4 == 0 ? 10_000 : 8) }
            let isUnequal = seed % 2 == 0
            let world = free(
                seed, nodes: nodes, perNode: 1 + entropy.next(below: 10), sigma: 2 * entropy.fraction(),
                capacities: isUnequal ? capacities : nil)
            let after = world.applying(world.plan())
            let smallest = isUnequal ? capacities.min() ?? 1 : 4
            #expect((after.relative.max() ?? 0) <= world.mean + world.heaviest / Double(smallest) + 1e-6, "\(seed)")
        }
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `no node is left without work as long as there are enough configs of equal cost`(batch: UInt64) {
        for seed in batch * 50..<(batch + 1) * 50 {
            let entropy = SeededEntropy(seed: seed)
            let world = free(seed, nodes: 1 + entropy.next(below: 30), perNode: 1 + Int(seed % 4), sigma: 0)
            #expect(!world.applying(world.plan()).counts.contains(0), "seed \(seed)")
        }
    }

    /// A perfect balance needs what leaves the nodes above the mean; more would be moved by way of others.
    @Test(arguments: 0..<10 as Range<UInt64>)
    func `nodes that join get little more than what has to move`(seed: UInt64) {
        let entropy = SeededEntropy(seed: seed)
        var world = BalancedWorld(Array(repeating: [], count: 15))
        for index in 0..<1000 { world.add("c\(index)", cost: entropy.cost(sigma: Double(seed) / 10), on: index % 10) }
        let plan = world.plan()
        #expect(world.movedCost(plan) <= 1.02 * world.leastMovedCost)
        #expect((plan.after.max() ?? 0) <= 1.01 * world.mean)
    }

    @Test func `two thousand nodes are planned as few are`() {
        let world = free(3, nodes: 2000, perNode: 2, sigma: 1)
        let plan = world.plan()
        #expect(problems(world, plan) == [])
        #expect(world.applying(plan).plan().moves.isEmpty)
    }

    @Test func `an edit that changes no cost moves nothing`() {
        let world = free(5, nodes: 20, perNode: 30, sigma: 1)
        let balanced = world.applying(world.plan())
        let entropy = SeededEntropy(seed: 5)
        for _ in 0..<3 { #expect(balanced.shuffled(entropy).plan().moves.isEmpty) }
    }
}

extension BalancedWorld {
    /// The standard deviation of the relative loads, each node counting as often as it has workers.
    fileprivate var deviation: Double {
        let capacity = nodes.reduce(0) { $0 + $1.capacity }
        let squares = zip(relative, nodes).reduce(0) { sum, pair in
            sum + (pair.0 - mean) * (pair.0 - mean) * Double(pair.1.capacity)
        }
        return capacity > 0 ? (squares / Double(capacity)).squareRoot() : 0
    }
}
