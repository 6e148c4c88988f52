import CheckModel
import Platform
import Testing

@testable import ClusterChecks

/// The published vectors of the busyness algorithm, by the names of their rows.
@Suite struct BusynessTests {
    /// One row: nodes with the times of their checks; the moves as `source→destination name weight source
    /// difference/destination difference`.
    struct Vector: Sendable, CustomTestStringConvertible {
        let row: String
        let nodes: [(id: String, rows: [Row], foreign: [Row])]
        let moves: [String]

        var testDescription: String { row }

        /// A node's checks are named by the node and their index.
        init(_ row: String, _ times: [(id: String, times: [Int64])], clusterChecks: Int = .max, _ moves: [String]) {
            self.row = row
            self.moves = moves
            nodes = times.map { id, times in
                let rows = times.enumerated().map { Row("\(id)\($0.offset)", [$0.element]) }
                return (id, Array(rows.prefix(clusterChecks)), Array(rows.dropFirst(clusterChecks)))
            }
        }

        init(_ row: String, nodes: [(id: String, rows: [Row], foreign: [Row])], _ moves: [String]) {
            (self.row, self.nodes, self.moves) = (row, nodes, moves)
        }
    }

    static let weights: BusynessWeights = {
        var weights = BusynessWeights()
        (weights.time, weights.samples, weights.buckets, weights.events) = (0.8, 0.2, 0, 0)
        return weights
    }()

    static let vectors: [Vector] = [
        Vector("B0", [("A", [50, 20, 100, 300]), ("B", [50, 20, 100])], []),
        Vector("B1", [("A", [50, 20, 100, 200]), ("B", [20, 10, 100])], ["A→B A3 162 97/-97"]),
        Vector(
            "B2", [("A", [50, 20, 100, 300]), ("B", [20, 10, 100]), ("C", [5, 90, 110]), ("D", [10])],
            ["A→D A3 242 216/-158"]),
        Vector(
            "B4", [("A", [50, 20, 100, 300]), ("B", [20, 100, 300, 500, 40, 60]), ("C", [20])],
            ["B→C B3 402 418/-392"]),
        Vector("B5", [("A", [50]), ("B", [])], []),
        Vector("B6", [("A", [50]), ("B", [50])], []),
        Vector("B7", [("A", []), ("B", []), ("C", [20, 500])], []),
        Vector(
            "B10", [("A", [50, 20, 100, 300]), ("B", [50, 20, 100])], clusterChecks: 1, ["A→B A0 42 121/-121"]),
        Vector("B11", [("A", [50, 20, 100, 300]), ("B", [50, 20, 100])], clusterChecks: 0, []),
        Vector(
            "B12",
            nodes: [
                ("A", [], [Row("A0", [1000], samples: 1000, hasFailed: true), Row("A1", [10])]), ("B", [], []),
            ], []),
        Vector(
            "B14",
            nodes: [
                ("A", [Row("H", [250], samples: 0), Row("M", [125, 125, 125], samples: 0)], []), ("B", [], []),
            ], ["A→B M 300 250/-250"]),
    ]

    @Test(arguments: vectors) func `the rebalancing vectors give their moves, weights and differences`(_ vector: Vector)
        throws
    {
        var options = UpstreamOptions()
        options.weights = Self.weights
        let nodes = try vector.nodes.map { try measuredNode($0.id, $0.rows, foreign: $0.foreign) }
        let moves = BusynessRebalancing(options).plan(nodes).moves
        let texts = moves.map { move in
            "\(move.text) \(move.weight) \(move.differences.source)/\(move.differences.destination)"
        }
        #expect(texts == vector.moves)
    }

    @Test(arguments: [
        ("B0", "A", 384), ("B0", "B", 142), ("B1", "A", 304), ("B1", "B", 110), ("B12", "A", 10), ("B12", "B", 0),
    ])
    func `the vectors give the busyness of their nodes`(row: String, node: String, busyness: Int) throws {
        let vector = try #require(Self.vectors.first { $0.row == row })
        let found = try #require(vector.nodes.first { $0.id == node })
        let measured = try measuredNode(found.id, found.rows, foreign: found.foreign)
        #expect(measured.statistics.busyness(Self.weights) == busyness)
    }

    @Test func `row B13: the average is over the nodes' sums`() throws {
        let nodes = try [("node1", [1, 2] as [Int64]), ("node2", [3, 4])].map { id, samples in
            try measuredNode(id, samples.enumerated().map { Row("\(id)\($0.offset)", [7], samples: $0.element) })
        }
        let busyness = nodes.map { $0.statistics.busyness(BusynessWeights()) }
        #expect(busyness == [3, 7])
        #expect(BusynessRebalancing.average(busyness) == 5)
        #expect(BusynessRebalancing.average([]) == nil)
    }

    @Test func `row B15: a config that cannot be moved ends its node's turn`() throws {
        var options = UpstreamOptions()
        options.pinnedChecks = ["stays"]
        let nodes = [
            try measuredNode("A", [Row("a0", [0], samples: 30), Row("a1", check: "stays", [0], samples: 70)]),
            try measuredNode("B", []),
        ]
        #expect(BusynessRebalancing(options).plan(nodes).moves.isEmpty)
        options.pinnedChecks = []
        #expect(BusynessRebalancing(options).plan(nodes).moves.map(\.text) == ["A→B a1"])
    }

    @Test func `a node without room gets nothing`() throws {
        let nodes = [
            try measuredNode("A", (0..<6).map { Row("A\($0)", [100]) }), try measuredNode("B", [], receives: false),
            try measuredNode("C", [Row("C0", [100])]),
        ]
        let moves = BusynessRebalancing(UpstreamOptions()).plan(nodes).moves
        #expect(!moves.isEmpty)
        #expect(moves.allSatisfy { $0.destination == "C" })
    }
}
