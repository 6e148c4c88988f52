import CheckModel
import JSON
import Platform
import Testing

@testable import ClusterChecks

/// The published and derived vectors of upstream's two algorithms: balancing leaves no greater deviation and no busier
/// node than they do, and moves no more work, all in upstream's own terms.
///
/// Rows without anything to balance are left out: B13 is an average, B15 has no execution times, U8 is about a single
/// choice, and I1 and I2 isolate.
@Suite struct BalancingVectorTests {
    /// Upstream's algorithm, with or without its bias against moves.
    enum Upstream: Sendable { case busyness, utilization, stickyUtilization }

    /// One row.
    struct Vector: Sendable, CustomTestStringConvertible {
        let row: String
        let upstream: Upstream
        let limits: BalancingLimits
        let nodes: @Sendable () throws -> [MeasuredNode]
        /// Why balancing has to move more than upstream does. Then its deviation must be smaller.
        let reason: String?

        var testDescription: String { row }

        init(
            _ row: String, _ upstream: Upstream, _ limits: BalancingLimits, reason: String? = nil,
            _ nodes: @escaping @Sendable () throws -> [MeasuredNode]
        ) {
            (self.row, self.upstream, self.limits, self.reason, self.nodes) = (row, upstream, limits, reason, nodes)
        }
    }

    /// Costs are given in thousandths of a worker.
    private static let needPerUnit = 0.001

    /// A round that an operator asks for.
    static let forced = BalancingLimits.none
    /// A periodic round where costs are measured.
    static let measured = BalancingLimits(minimumGain: 10, needPerUnit: needPerUnit)
    /// A periodic round where nothing is measured.
    static let unmeasured = BalancingLimits(minimumGain: 10, start: 0.2, stop: 0.1)
    /// A forced round of no more moves than upstream makes in row D3.
    static let eightMoves = BalancingLimits(budget: 8)

    /// Nodes of 4 workers with the execution times of their checks in milliseconds, each check a config.
    private static func nodes(_ times: [(id: String, times: [Int64])], foreignFrom: Int = .max) throws -> [MeasuredNode]
    {
        try times.map { id, times in
            let rows = times.enumerated().map { Row("\(id)\($0.offset)", [$0.element]) }
            return try measuredNode(id, Array(rows.prefix(foreignFrom)), foreign: Array(rows.dropFirst(foreignFrom)))
        }
    }

    private static let leavesUneven = "upstream moves nothing, and leaves a node with more than twice the other's work"

    static let vectors: [Vector] = [
        Vector("B0", .busyness, forced, reason: leavesUneven) {
            try nodes([("A", [50, 20, 100, 300]), ("B", [50, 20, 100])])
        },
        Vector("B1", .busyness, forced) { try nodes([("A", [50, 20, 100, 200]), ("B", [20, 10, 100])]) },
        Vector("B2", .busyness, forced) {
            try nodes([("A", [50, 20, 100, 300]), ("B", [20, 10, 100]), ("C", [5, 90, 110]), ("D", [10])])
        },
        Vector("B4", .busyness, unmeasured) {
            try nodes([("A", [50, 20, 100, 300]), ("B", [20, 100, 300, 500, 40, 60]), ("C", [20])])
        },
        Vector("B5", .busyness, forced) { try nodes([("A", [50]), ("B", [])]) },
        Vector("B6", .busyness, forced) { try nodes([("A", [50]), ("B", [50])]) },
        Vector("B7", .busyness, forced, reason: "upstream moves nothing, and leaves two of three nodes without work") {
            try nodes([("A", []), ("B", []), ("C", [20, 500])])
        },
        Vector("B10", .busyness, forced) {
            try nodes([("A", [50, 20, 100, 300]), ("B", [50, 20, 100])], foreignFrom: 1)
        },
        Vector("B11", .busyness, forced) {
            try nodes([("A", [50, 20, 100, 300]), ("B", [50, 20, 100])], foreignFrom: 0)
        },
        Vector("B12", .busyness, forced) { try nodes([("A", [1000, 10]), ("B", [])], foreignFrom: 0) },
        Vector("B14", .busyness, forced) {
            [
                try measuredNode("A", [Row("H", [250], samples: 0), Row("M", [125, 125, 125], samples: 0)]),
                try measuredNode("B", []),
            ]
        },
        Vector("U1", .utilization, measured) { try u1() },
        Vector("U3", .stickyUtilization, forced) {
            [
                try measuredNode("node1", [Row("z1", [0]), Row("z2", [0]), Row("d", [2000])]),
                try measuredNode("node2", []),
            ]
        },
        Vector("U5", .utilization, measured) { try nodes([("A", [6000, 6000]), ("B", [])]) },
        Vector("U6", .utilization, measured) { try threeWorkers(2) },
        Vector("U7", .utilization, measured) { try threeWorkers(3) },
        Vector("U9, four costs", .utilization, measured) {
            try nodes([("a", [3000, 1000, 9000, 2000]), ("b", []), ("c", []), ("d", [])])
        },
        Vector("U9, equal costs", .utilization, measured) {
            try nodes([("a", [1000, 1000, 1000, 2000]), ("b", []), ("c", []), ("d", [])])
        },
        Vector("U10", .utilization, measured) {
            [
                try measuredNode("r1", [Row("one", [15_000]), Row("three", [12_500, 12_500, 12_500])]),
                try measuredNode("r2", [Row("two", [15_000, 15_000])], workers: 2),
            ]
        },
        Vector("U11", .utilization, forced) {
            try nodes([3, 2, 4].enumerated().map { ("r\($0.offset)", Array(repeating: 15_000, count: $0.element)) })
        },
        Vector("D0", .stickyUtilization, measured, reason: "upstream moves nothing, and leaves a node without work") {
            try u1()
        },
        Vector("D2", .utilization, measured) { try eightOnOne() },
        Vector("D2, sticky", .stickyUtilization, measured, reason: "upstream moves nothing off a node without any rest")
        {
            try eightOnOne()
        },
        Vector("D3", .utilization, measured) { try thirtyTwoOnOne() },
        Vector("D3, sticky", .stickyUtilization, eightMoves) { try thirtyTwoOnOne() },
    ]

    private static func u1() throws -> [MeasuredNode] {
        [
            try measuredNode("node1", [Row("d1", [3000]), Row("d2", [2000])], foreign: [Row("other", [1000])]),
            try measuredNode("node2", []),
        ]
    }

    /// Three nodes of three workers; the first one has `count` configs of one worker each.
    private static func threeWorkers(_ count: Int) throws -> [MeasuredNode] {
        let rows = (0..<count).map { Row("c\($0)", [15_000]) }
        return try [rows, [], []].enumerated().map { try measuredNode("r\($0.offset)", $0.element, workers: 3) }
    }

    private static func eightOnOne() throws -> [MeasuredNode] {
        try nodes([("A", Array(repeating: 7500, count: 8)), ("B", [])])
    }

    /// Thirty-two configs of a thirty-second of a worker. Of 15,000 s that is a whole number of milliseconds.
    private static func thirtyTwoOnOne() throws -> [MeasuredNode] {
        var checks: [ExactText: RunnerStats] = [:]
        let configs = try (0..<32).map { index in
            let instance = JSONValue.object([
                "url": .string("http://c\(index)"), "min_collection_interval": .number("15000"),
            ])
            let key = ConfigKey(source: "test:c\(index)", check: "http_check", index: 0)
            let config = try ConfigPatch().encode(CheckConfig(key: key, checkName: "http_check", instances: [instance]))
            var stats = RunnerStats()
            stats.averageExecutionTime = 468_750
            checks[config.instanceIDs[0]] = stats
            return config
        }
        return [
            MeasuredNode(id: "A", statistics: NodeStatistics(workers: 4, checks: checks), configs: configs),
            try measuredNode("B", []),
        ]
    }

    /// What a vector's configs need, in workers.
    private struct Needs {
        var world: BalancedWorld
        /// By index of the world's configs.
        var needs: [Double] = []

        /// - Parameter countsForeign: whether checks that are none of the cluster's count, as load that stays.
        init(_ nodes: [MeasuredNode], countsForeign: Bool) {
            world = BalancedWorld(nodes.map { _ in [] }, capacities: nodes.map(\.statistics.workers))
            let items = UtilizationRebalancing(UpstreamOptions()).items(of: nodes)
            for item in items {
                add(item.config.key, item.config.digest, need: item.need, on: item.runner, isMovable: !item.isPinned)
            }
            guard countsForeign else { return }
            for (index, node) in nodes.enumerated() {
                let own = Set(texts: node.configs.flatMap(\.instanceIDs))
                let foreign = node.statistics.checks.filter { !own.contains($0.key) }.map(\.value.averageExecutionTime)
                for (offset, time) in foreign.sorted().enumerated() {
                    let key = ConfigKey(source: "foreign:\(index):\(offset)", check: "", index: 0)
                    add(key, 0, need: Double(time) / 15_000, on: index, isMovable: false)
                }
            }
        }

        private mutating func add(_ key: ConfigKey, _ hash: UInt64, need: Double, on node: Int, isMovable: Bool) {
            // What is not known yet stays, and counts as nothing, as with upstream.
            let load = need > 0 ? Load(cost: need / BalancingVectorTests.needPerUnit) : .zero
            world.configs.append(
                BalancedConfig(key: key, keyHash: hash, load: load, node: node, isMovable: isMovable && need > 0))
            needs.append(need)
        }

        /// The figures once configs are on these nodes.
        func figures(_ moves: [(config: Int, node: Int)]) -> Figures {
            var places = world.configs.map(\.node)
            for (config, node) in moves { places[config] = node }
            var distribution = Distribution(world.nodes.map { Distribution.Runner(id: $0.id, workers: $0.capacity) })
            for (config, place) in places.enumerated() {
                distribution.place(need: needs[config], instances: 1, on: place)
            }
            return Figures(
                deviation: distribution.deviation, greatest: distribution.runners.map(\.utilization).max() ?? 0,
                moved: moves.reduce(0) { $0 + needs[$1.config] })
        }
    }

    /// In upstream's terms: the deviation of utilizations, the utilization of the busiest node, the workers that what
    /// moved keeps busy.
    private struct Figures {
        let deviation: Double
        let greatest: Double
        let moved: Double
    }

    private func figures(of vector: Vector) throws -> (upstream: Figures, ours: Figures) {
        let nodes = try vector.nodes()
        let needs = Needs(nodes, countsForeign: vector.upstream == .busyness)
        var options = UpstreamOptions()
        options.weights = BusynessTests.weights
        if vector.upstream == .utilization { options.stickiness = nil }
        let moves =
            vector.upstream == .busyness
            ? BusynessRebalancing(options).plan(nodes).moves
            : UtilizationRebalancing(options).plan(nodes, isForced: vector.limits.minimumGain == nil).moves
        let upstream = try moves.map { move in
            (
                config: try #require(needs.world.configs.firstIndex { $0.key == move.config.key }),
                node: try #require(nodes.firstIndex { $0.id == move.destination })
            )
        }
        let ours = needs.world.plan(vector.limits).moves.map { (config: $0.config, node: $0.destination) }
        return (needs.figures(upstream), needs.figures(ours))
    }

    @Test(arguments: vectors)
    func `balancing leaves no greater deviation and no busier node than upstream, and moves no more`(
        _ vector: Vector
    ) throws {
        let (upstream, ours) = try figures(of: vector)
        let rounding = 1e-9
        #expect(ours.greatest <= upstream.greatest + rounding)
        guard vector.reason == nil else {
            #expect(ours.deviation < upstream.deviation - rounding)
            #expect(upstream.moved == 0)
            return
        }
        #expect(ours.deviation <= upstream.deviation + rounding)
        #expect(ours.moved <= upstream.moved + rounding)
    }

    /// Upstream balances the nodes that may run the same checks apart from others.
    @Test func `row U12: each kind of check is balanced over the nodes that may run it`() throws {
        let kinds = ["kube_check", "http_check"]
        let nodes = try kinds.flatMap { check in
            [
                try measuredNode("\(check)1", ["a", "b"].map { Row("\(check)_\($0)", check: check, [3000]) }),
                try measuredNode("\(check)2", []),
            ]
        }
        var options = UpstreamOptions()
        options.stickiness = nil
        let upstream = [nodes[..<2], nodes[2...]].flatMap {
            UtilizationRebalancing(options).plan(Array($0), isForced: false).moves
        }
        var needs = Needs(nodes, countsForeign: false)
        needs.world.eligibility = [[0, 1], [2, 3]]
        needs.world.configs = needs.world.configs.map { config in
            BalancedConfig(
                key: config.key, keyHash: config.keyHash, load: config.load, node: config.node,
                eligible: kinds.firstIndex(of: config.key.check))
        }
        let moves = needs.world.plan(Self.measured).moves
        #expect(Set(moves.map { [$0.source, $0.destination] }) == [[0, 1], [2, 3]])
        #expect(moves.count == upstream.count)
        #expect(Set(upstream.map { "\($0.source)→\($0.destination)" }).count == 2)
    }
}
