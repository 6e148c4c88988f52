import CheckModel
import JSON
import Platform
import Testing

@testable import ClusterChecks

/// The published and derived vectors of the utilization algorithm, by the names of their rows.
@Suite struct UtilizationTests {
    private func plan(
        _ nodes: [MeasuredNode], isSticky: Bool, isForced: Bool = false, pinned: Set<ExactText> = []
    ) -> [UpstreamMove] {
        var options = UpstreamOptions()
        if !isSticky { options.stickiness = nil }
        options.pinnedChecks = pinned
        return UtilizationRebalancing(options).plan(nodes, isForced: isForced).moves
    }

    private func distribution(_ placed: [[(need: Double, instances: Int)]], workers: [Int]) -> Distribution {
        var distribution = Distribution(
            workers.enumerated().map { Distribution.Runner(id: "r\($0.offset + 1)", workers: $0.element) })
        for (runner, configs) in placed.enumerated() {
            for config in configs { distribution.place(need: config.need, instances: config.instances, on: runner) }
        }
        return distribution
    }

    private func u1() throws -> [MeasuredNode] {
        [
            try measuredNode("node1", [Row("d1", [3000]), Row("d2", [2000])], foreign: [Row("other", [1000])]),
            try measuredNode("node2", []),
        ]
    }

    @Test func `row U1: the lighter of two configs goes to the empty node and then nothing moves`() throws {
        let nodes = try u1()
        let moves = plan(nodes, isSticky: false)
        #expect(moves.map(\.text) == ["node1→node2 d2"])
        #expect(plan(apply(moves, to: nodes), isSticky: false).isEmpty)
    }

    @Test func `row D0: with the default stickiness nothing of U1 moves`() throws {
        #expect(plan(try u1(), isSticky: true).isEmpty)
    }

    /// Eight of 0.5 workers, or thirty-two of a thirty-second, on one of two nodes of four workers; the first by digest
    /// comes first.
    @Test(arguments: [
        ("D2", 8, 7500 as Int64, false, 4), ("D2", 8, 7500, true, 0), ("D3", 32, 468_750, false, 16),
        ("D3", 32, 468_750, true, 8),
    ])
    func `the derived vectors give their number of moves`(
        row: String, count: Int, time: Int64, isSticky: Bool, expected: Int
    ) throws {
        // A thirty-second of 15 s is no whole number of milliseconds; of 15,000 s it is.
        let rows = (0..<count).map { Row("c\($0)", [time]) }
        var nodes = [try measuredNode("A", rows), try measuredNode("B", [])]
        if row == "D3" { nodes = try nodes.map { try everyFifteenThousandSeconds($0) } }
        let moves = plan(nodes, isSticky: isSticky)
        #expect(moves.count == expected)
        guard row == "D2", !isSticky else { return }
        let byDigest = nodes[0].configs.sorted { $0.digest < $1.digest }.map(\.key)
        #expect(moves.map(\.config.key) == [1, 3, 5, 7].map { byDigest[$0] })
    }

    private func everyFifteenThousandSeconds(_ node: MeasuredNode) throws -> MeasuredNode {
        var checks: [ExactText: RunnerStats] = [:]
        let configs = try node.configs.map { former in
            let instance = JSONValue.object([
                "url": .string(former.key.source), "min_collection_interval": .number("15000"),
            ])
            let config = try ConfigPatch().encode(
                CheckConfig(key: former.key, checkName: former.checkName, instances: [instance]))
            checks[config.instanceIDs[0]] = node.statistics.checks[former.instanceIDs[0]]
            return config
        }
        return MeasuredNode(id: node.id, statistics: NodeStatistics(workers: 4, checks: checks), configs: configs)
    }

    @Test func `row U3: a config that has not completed a run stays`() throws {
        let nodes = [
            try measuredNode("node1", [Row("z1", [0]), Row("z2", [0]), Row("d", [2000])]),
            try measuredNode("node2", []),
        ]
        #expect(plan(nodes, isSticky: true, isForced: true).isEmpty)
        let busier = [
            try measuredNode("node1", [Row("z1", [0]), Row("d", [2000]), Row("e", [1500])]),
            try measuredNode("node2", []),
        ]
        #expect(plan(busier, isSticky: false, isForced: true).map(\.text) == ["node1→node2 e"])
    }

    @Test func `row U5: two configs of one check count as two`() throws {
        let nodes = [try measuredNode("A", [Row("one", [6000]), Row("two", [6000])]), try measuredNode("B", [])]
        #expect(nodes[0].configs[0].digest != nodes[0].configs[1].digest)
        #expect(plan(nodes, isSticky: false).count == 1)
    }

    @Test(arguments: [
        ("U6", [[1, 1], [], []] as [[Double]], [[1], [1], []] as [[Double]]),
        ("U7", [[1, 1, 1], [], []], [[1], [1], [1]]),
    ])
    func `a proposal is accepted from a gain of 0.1`(row: String, current: [[Double]], proposed: [[Double]]) {
        let (before, after) = (
            distribution(current.map { $0.map { ($0, 1) } }, workers: [3, 3, 3]),
            distribution(proposed.map { $0.map { ($0, 1) } }, workers: [3, 3, 3])
        )
        #expect(UtilizationRebalancing.isWorthIt(before, after, minimumImprovement: 10))
        #expect(!UtilizationRebalancing.isWorthIt(before, before, minimumImprovement: 10))
        #expect(!UtilizationRebalancing.isWorthIt(after, before, minimumImprovement: nil))
    }

    @Test func `a smaller gain is accepted only by force`() {
        let before = distribution([[(3, 3)], [(1, 1)]], workers: [4, 4])
        let after = distribution([[(2.95, 3)], [(1.05, 1)]], workers: [4, 4])
        #expect(!UtilizationRebalancing.isWorthIt(before, after, minimumImprovement: 10))
        #expect(UtilizationRebalancing.isWorthIt(before, after, minimumImprovement: nil))
    }

    /// No longer empty, but much smaller than the other: what was 0.1 and 0 becomes 0.05 and 0.2.
    @Test(arguments: [10, nil])
    func `a proposal that makes the balance worse is never accepted`(minimumImprovement: Int?) {
        let before = distribution([[(0.2, 1), (0.2, 1)], []], workers: [4, 1])
        let after = distribution([[(0.2, 1)], [(0.2, 1)]], workers: [4, 1])
        #expect(after.emptyCount < before.emptyCount)
        #expect(!UtilizationRebalancing.isWorthIt(before, after, minimumImprovement: minimumImprovement))
    }

    @Test func `row U8: the least utilized node is chosen`() {
        let four = [4, 4, 4]
        let plain = distribution([[(3, 1)], [(1, 1)], [(2, 1)]], workers: four)
        #expect(plain.leastUtilized(present: nil) == 1)
        let tie = distribution([[(3, 1)], [(1, 1)], [(1, 1)]], workers: four)
        #expect(tie.leastUtilized(present: 1) == 1)
        #expect(tie.leastUtilized(present: 2) == 2)
        #expect(tie.leastUtilized(present: nil) == 1)
        let fewer = distribution([[(3, 1)], [(2, 1)], [(1, 1), (1, 1)]], workers: four)
        #expect(fewer.leastUtilized(present: nil) == 1)
        #expect(distribution([[(3, 1)]], workers: [4]).leastUtilized(present: nil) == 0)
        #expect(Distribution([]).leastUtilized(present: nil) == nil)
        #expect(distribution([[]], workers: [0]).leastUtilized(present: nil) == nil, "who has no workers runs nothing")
    }

    @Test(arguments: [
        (
            "U9", [("check1", 3000), ("check2", 1000), ("check3", 9000), ("check4", 2000)] as [(String, Int64)],
            ["check3", "check1", "check4", "check2"]
        )
    ])
    func `the heaviest config is placed first`(row: String, checks: [(String, Int64)], order: [String]) throws {
        // All on a node that may keep nothing more attractive than the others: each is placed on the then emptiest, in
        // order.
        let nodes = [
            try measuredNode("a", checks.map { Row($0.0, [$0.1]) }),
            try measuredNode("b", []), try measuredNode("c", []), try measuredNode("d", []),
        ]
        let moves = plan(nodes, isSticky: false)
        #expect(moves.map { String($0.config.key.source.dropFirst(5)) } == Array(order.dropFirst()))
        #expect(moves.map(\.destination) == ["b", "c", "d"])
    }

    @Test func `row U9: equal configs are ordered by digest`() throws {
        let rows = [Row("A", [1000]), Row("B", [1000]), Row("C", [1000]), Row("Z", [2000])]
        let nodes = [
            try measuredNode("a", rows), try measuredNode("b", []), try measuredNode("c", []),
            try measuredNode("d", []),
        ]
        let equal = nodes[0].configs.dropLast().sorted { $0.digest < $1.digest }.map(\.key)
        #expect(plan(nodes, isSticky: false).map(\.config.key) == equal)
    }

    @Test func `row U10: a runner above 80 percent is busy`() {
        var runners = distribution([[(1, 1)], []], workers: [4, 2])
        #expect(runners.busyCount == 0)
        runners.place(need: 2.5, instances: 1, on: 0)
        #expect(runners.busyCount == 1)
        runners.place(need: 2, instances: 1, on: 1)
        #expect(runners.busyCount == 2)
        #expect(runners.emptyCount == 0)
    }

    @Test func `row U11: the deviation is that of the utilizations`() {
        let three = distribution([[(3, 1)], [(2, 1)], [(4, 1)]], workers: [4, 4, 4])
        #expect((three.deviation * 1000).rounded() == 204)
        let mixed = distribution([[(1, 1)], [], []], workers: [4, 4, 0])
        #expect(mixed.runners.map(\.utilization) == [0.25, 0, 0])
    }

    @Test func `a config that is pinned to a node stays`() throws {
        let nodes = [
            try measuredNode("A", [Row("one", check: "stays", [9000]), Row("two", [8000])]), try measuredNode("B", []),
        ]
        #expect(plan(nodes, isSticky: false, pinned: ["stays"]).map(\.text) == ["A→B two"])
        #expect(plan(nodes, isSticky: false, pinned: ["stays", "http_check"]).isEmpty)
    }

    @Test func `a config that is measured in part stays`() throws {
        let full = try measuredNode("A", [Row("pair", [4000, 4000]), Row("one", [4000])])
        var checks = full.statistics.checks
        let pair = try #require(full.configs.first { $0.instanceIDs.count == 2 })
        checks[pair.instanceIDs[1]] = nil
        let partial = MeasuredNode(
            id: "A", statistics: NodeStatistics(workers: 4, checks: checks), configs: full.configs)
        let empty = try measuredNode("B", [])
        #expect(plan([full, empty], isSticky: false).map(\.text) == ["A→B one"])
        #expect(plan([partial, empty], isSticky: false, isForced: true).allSatisfy { $0.config.key != pair.key })
    }
}
