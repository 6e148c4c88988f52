import Testing

@testable import ClusterChecks

/// What balancing moves, what it leaves, and the reason it gives.
@Suite struct BalancingTests {
    @Test func `half of the configs of one node go to an empty one`() {
        let world = BalancedWorld([[1, 1, 1, 1], []])
        let plan = world.plan()
        #expect(plan.moves.count == 2)
        #expect(world.applying(plan).costs == [2, 2])
        #expect(plan.before == [1, 0] && plan.after == [0.5, 0.5])
        #expect(plan.deviation.before == 0.5 && plan.deviation.after == 0)
        #expect(plan.reason == nil)
    }

    @Test(arguments: [[[1], []], [[1], [1]], [[2, 1], [1, 1]], [[], []], []] as [[[Double]]])
    func `what does not help is not moved`(costs: [[Double]]) {
        let plan = BalancedWorld(costs).plan()
        #expect(plan.moves.isEmpty)
        #expect(plan.reason == (costs.joined().isEmpty ? .nothingMovable : .noMoveHelps))
        #expect(plan.before == plan.after)
    }

    @Test func `the config nearest to what a node has too much moves`() {
        let world = BalancedWorld([[8, 3, 2, 1], [6, 2]])
        #expect(world.texts(world.plan()) == ["n0→n1 n0:1"])
    }

    @Test func `nodes have work in proportion to their capacity`() {
        let world = BalancedWorld([Array(repeating: 1, count: 15), [], [], []], capacities: [1, 2, 4, 8])
        #expect(world.applying(world.plan()).costs == [1, 2, 4, 8])
    }

    /// As many as have to move, and not one more.
    @Test(arguments: [(100, 150), (150, 100), (100, 101), (10, 1000)])
    func `nodes that join get their share and nothing else moves`(before: Int, after: Int) {
        let (count, nodes) = (10_000, max(before, after))
        var world = BalancedWorld(Array(repeating: [], count: nodes))
        for index in 0..<count { world.add("c\(index)", cost: 1, on: index % before) }
        for index in min(before, after)..<nodes where after < before { world.nodes[index].receives = false }
        let plan = world.plan()
        guard after > before else {
            // A node that gives up all its work drains, which is not for balancing to do.
            #expect(plan.moves.allSatisfy { $0.destination < after })
            return
        }
        let share = count / after
        #expect(plan.moves.count <= (after - before) * (share + 1) && plan.moves.count >= (after - before) * share)
        #expect(plan.moves.allSatisfy { $0.source < before && $0.destination >= before })
        let counts = world.applying(plan).counts
        #expect(counts.allSatisfy { $0 >= share && $0 <= share + 1 })
    }

    @Test func `a config moves only where it may run`() {
        var world = BalancedWorld([[], [], [4]])
        world.eligibility = [[0, 1], [0]]
        for index in 0..<4 { world.add("pair\(index)", cost: 1, on: 0, eligible: 0) }
        for index in 0..<4 { world.add("one\(index)", cost: 1, on: 0, eligible: 1) }
        let after = world.applying(world.plan())
        #expect(after.costs == [4, 4, 4])
        #expect(after.configs.filter { $0.eligible == 1 }.allSatisfy { $0.node == 0 })
    }

    @Test func `a config too heavy for the lightest nodes goes to a larger one`() {
        let small = Array(repeating: [Double](), count: 12)
        let world = BalancedWorld([[20, 20]] + small + [[10]], capacities: [10] + small.map { _ in 1 } + [10])
        #expect(world.plan().moves.map { [$0.source, $0.destination] } == [[0, 13]])
    }

    @Test func `an empty node does not get more than its share from the heaviest`() {
        let world = BalancedWorld([[15, 11, 4], []] + Array(repeating: [10], count: 6))
        #expect(world.texts(world.plan()).first == "n0→n1 n0:1")
    }

    @Test func `a node may be closed in either direction`() {
        var world = BalancedWorld([[1, 1, 1, 1, 1, 1], [], [], [1, 1, 1, 1]])
        world.nodes[1].receives = false
        world.nodes[3].gives = false
        let plan = world.plan()
        #expect(plan.moves.count == 3)
        #expect(world.applying(plan).costs == [3, 0, 3, 4])
    }

    @Test func `a config that may not be moved counts as load`() {
        var world = BalancedWorld([[1, 1], [1, 1]])
        world.add("fixed", cost: 2, on: 0, isMovable: false)
        let after = world.applying(world.plan())
        #expect(after.costs == [3, 3])
        #expect(after.configs.last?.node == 0)
    }

    @Test func `where no node gives there is nothing to move`() {
        var world = BalancedWorld([[1, 1, 1], []])
        world.nodes[0].gives = false
        #expect(world.plan().reason == .nothingMovable)
        world.nodes[0].gives = true
        world.nodes[1].receives = false
        #expect(world.plan().moves.isEmpty)
    }

    @Test func `two heavy configs are parted by an exchange`() {
        let world = BalancedWorld([[55, 55], [45, 45]])
        let plan = world.plan()
        #expect(plan.moves.count == 2)
        #expect(world.applying(plan).costs == [100, 100])
    }

    @Test func `a heavy config is exchanged for several light ones`() {
        let world = BalancedWorld([[60, 60], [25, 25, 20, 20]])
        let plan = world.plan()
        #expect(plan.moves.count == 3)
        #expect(world.applying(plan).costs == [105, 105])
    }

    @Test func `the gains are what the deviation loses`() {
        let plan = BalancedWorld([[7, 5, 5, 2], [4], [4, 3]], capacities: [4, 2, 3]).plan()
        let ratio = plan.deviation.after / plan.deviation.before
        #expect(!plan.moves.isEmpty && ratio > 0.01)
        #expect(abs(plan.moves.reduce(0) { $0 + $1.gain } - (1 - ratio * ratio)) < 1e-9)
    }
}

/// When a round begins, when it ends, and when it is worth it.
@Suite struct BalancingLimitsTests {
    private func equal(_ counts: Int..., capacity: Int = 4) -> BalancedWorld {
        BalancedWorld(
            counts.map { Array(repeating: 1, count: $0) }, capacities: Array(repeating: capacity, count: counts.count))
    }

    @Test func `a round makes no more moves than its budget, and those first that help most`() {
        let world = equal(20, 12, 4)
        #expect(world.plan().moves.count == 8)
        let plan = world.plan(BalancingLimits(budget: 3))
        #expect(plan.moves.map { [$0.source, $0.destination] } == [[0, 2], [0, 2], [0, 2]])
        #expect(world.plan(BalancingLimits(budget: 0)).reason == .noBudget)
    }

    /// One of these is moved on by a later step.
    @Test func `the budget counts configs, not the steps that led to their place`() {
        let world = BalancedWorld([[12, 6, 1, 8], [], [7, 4, 10], [3, 1, 2, 3]])
        let plan = world.plan()
        #expect(plan.moves.count == 3)
        #expect(world.plan(BalancingLimits(budget: 3)).moves == plan.moves)
    }

    @Test func `what is worth it is done in as many rounds as the budget asks for`() {
        var world = equal(100, 100, 100, 0)
        var rounds = 0
        while true {
            let plan = world.plan(BalancingLimits(minimumGain: 10, budget: 5, start: 0.1, stop: 0.02))
            guard !plan.moves.isEmpty else { break }
            #expect(plan.moves.count <= 5)
            world = world.applying(plan)
            rounds += 1
        }
        #expect(rounds >= 13 && rounds <= 15)
        #expect(world.counts.allSatisfy { $0 >= 66 })
    }

    @Test(arguments: [
        (0.1, [105, 100, 95], 0), (0.04, [105, 100, 95], 5), (0.1, [130, 100, 70], 30), (0.1, [101, 101, 98], 0),
    ])
    func `nothing moves while every node is near its share`(start: Double, counts: [Int], moves: Int) {
        let world = BalancedWorld(counts.map { Array(repeating: 1, count: $0) })
        let plan = world.plan(BalancingLimits(start: start))
        #expect(plan.moves.count == moves)
        #expect(plan.reason == (moves == 0 ? .even : nil))
    }

    @Test func `an empty node begins a round though no other has much too much`() {
        let counts = Array(repeating: 100, count: 50) + [0]
        let plan = BalancedWorld(counts.map { Array(repeating: 1, count: $0) }).plan(
            BalancingLimits(minimumGain: 10, start: 0.1, stop: 0.05))
        #expect(plan.moves.count >= 93 && plan.moves.count <= 98)
    }

    @Test func `a round ends once every node is near its share`() {
        let world = equal(140, 100, 60)
        #expect(world.plan().moves.count == 40)
        #expect(world.plan(BalancingLimits(start: 0.1, stop: 0.05)).moves.count == 35)
    }

    @Test func `a node that cannot give its heaviest config begins no round`() {
        let world = BalancedWorld([[100], Array(repeating: 1, count: 10), Array(repeating: 1, count: 10)])
        #expect(world.plan(BalancingLimits(start: 0.1)).reason == .even)
    }

    @Test func `a heavy config on a small node begins a round, for a larger node is there`() {
        let world = BalancedWorld([[10], Array(repeating: 1, count: 10)], capacities: [1, 10])
        let plan = world.plan(BalancingLimits(start: 0.1))
        #expect(world.applying(plan).costs == [1, 19])
    }

    @Test func `moves that gain too little are not made`() {
        let world = BalancedWorld([[100, 1, 1], [50]])
        #expect(world.plan(BalancingLimits(minimumGain: 10)).reason == .gainTooSmall)
        #expect(world.plan(BalancingLimits(minimumGain: 2)).moves.count == 2)
    }

    /// Utilizations of 0.05 and 0.01, of 0.05 and 0, of 0.85 and 0.7, of 0.9 and 0.6.
    @Test(arguments: [
        (5, 1, BalancingPlan.Reason.gainTooSmall as BalancingPlan.Reason?), (5, 0, nil), (85, 70, nil), (90, 60, nil),
        (85, 83, .gainTooSmall),
    ])
    func `where costs are measured only busy and empty nodes are a reason if the deviation is small`(
        first: Int, second: Int, reason: BalancingPlan.Reason?
    ) {
        let world = equal(first, second, capacity: 1)
        let plan = world.plan(BalancingLimits(minimumGain: 10, needPerUnit: 0.01))
        #expect(plan.reason == reason)
        #expect(plan.moves.isEmpty == (reason != nil))
    }

    @Test func `every reason has words of its own`() {
        let reasons: [BalancingPlan.Reason] = [.nothingMovable, .even, .noMoveHelps, .gainTooSmall, .noBudget]
        #expect(Set(reasons.map(\.description)).count == reasons.count)
    }
}
