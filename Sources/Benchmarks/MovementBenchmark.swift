import CheckModel
import ClusterChecks
import Glibc
import Platform

/// What moves, and how long that takes, when nodes and configs come and go, beside the figures of others: of the
/// OpenTelemetry target allocator, least-weighted (LW) and consistent hashing (CH), and of its weighted loads without a
/// cost model.
enum MovementBenchmark {
    private struct Size {
        let configs: Int
        let nodes: Int
        /// How long the others take to place all, to remove a node and to add one, in milliseconds.
        let peers: (place: String, remove: String, add: String)
        /// What the others move when a node leaves and one joins.
        let peersMoves: (leave: String, join: String)
    }

    private static let sizes = [
        Size(
            configs: 10_000, nodes: 100, peers: ("LW 40, CH 17", "LW 17, CH 19", "LW 13, CH 19"),
            peersMoves: ("LW 100, CH 268", "LW 0, CH 187")),
        Size(
            configs: 10_000, nodes: 1_000, peers: ("LW 232, CH 53", "LW 23, CH 61", "LW 17, CH 54"),
            peersMoves: ("LW 10, CH 54", "LW 0, CH 38")),
        Size(
            configs: 100_000, nodes: 100, peers: ("LW 480, CH 211", "LW 215, CH 237", "LW 207, CH 251"),
            peersMoves: ("LW 1000, CH 2655", "LW 0, CH 1697")),
        Size(
            configs: 100_000, nodes: 1_000, peers: ("LW 5462, CH 294", "LW 386, CH 317", "LW 287, CH 324"),
            peersMoves: ("LW 100, CH 551", "LW 0, CH 394")),
    ]

    static func rows() -> [Row] {
        sizes.flatMap(rows) + [1.0, 1.5, 2.0].flatMap(skewed) + runners()
    }

    private static func row(_ work: String, peers: String, _ measured: String) -> Row {
        Row(work: work, budget: peers, measured: measured, isWithin: true)
    }

    private static func rows(of size: Size) -> [Row] {
        let configs = SampleConfigs.encoded(size.configs)
        let title = "\(size.configs / 1000)k configs, \(size.nodes) nodes"
        var cluster = SampleDispatcher(nodes: size.nodes)
        let placing = time { cluster.dispatch(configs) }
        let even = cluster.imbalance
        var (had, moved) = (0, 0)
        let leaving = time { (had, moved) = cluster.remove(node: 0) }
        let share = size.configs / size.nodes
        var taken = 0
        let joining = time { taken = cluster.join(size.nodes) }
        let one = SampleConfigs.encoded(at: size.configs)
        let adding = time { cluster.add(one) }
        let empty = cluster.emptyNodes
        cluster.measure { $0 % 7 == 0 ? 900 : 100 }
        var rebalanced = 0
        let rebalancing = time { rebalanced = cluster.dispatcher.rebalance(isForced: true) }
        return [
            row("\(title): place all", peers: size.peers.place + " ms", placing.milliseconds),
            row(
                "  heaviest node against the mean, empty nodes", peers: "LW 1.00, CH 1.2 to 3.3",
                "\(digits(even)), \(empty)"),
            row("  remove a node", peers: size.peers.remove + " ms", leaving.milliseconds),
            row("  moves for it (its own: \(had))", peers: size.peersMoves.leave, "\(moved)"),
            row("  add a node", peers: size.peers.add + " ms", joining.milliseconds),
            row("  moves for it (its share: \(share))", peers: size.peersMoves.join, "\(taken)"),
            row("  add a config", peers: "34 to 57 ms of 100k", adding.microseconds),
            row(
                "  rebalance, a seventh being nine times as slow", peers: "none",
                "\(rebalancing.milliseconds), \(rebalanced) moves, \(digits(cluster.weightedImbalance))"),
        ]
    }

    /// 10,000 configs of lognormal cost on 100 nodes, then on 150, then on 100 again.
    private static func skewed(sigma: Double) -> [Row] {
        let peers = [1.0: "LW 1.44, CH 1.66", 1.5: "LW 2.19, CH 2.75", 2.0: "LW 5.20, CH 5.83"]
        var cluster = SampleDispatcher(nodes: 100)
        cluster.dispatch(SampleConfigs.encoded(10_000))
        var random = LognormalCosts(sigma: sigma)
        let costs = (0..<10_000).map { _ in random.next() }
        cluster.measure { costs[$0] }
        cluster.dispatcher.adoptCosts()
        let before = cluster.weightedImbalance
        let moves = cluster.dispatcher.rebalance(isForced: true)
        let after = cluster.weightedImbalance
        let floor = cluster.heaviestConfig
        let joined = (100..<150).reduce(0) { $0 + cluster.join($1) }
        let grown = cluster.weightedImbalance
        let left = (100..<150).reduce(0) { $0 + cluster.remove(node: $1).moves }
        let title = "10k configs, 100 nodes, σ = \(sigma)"
        return [
            row(
                "\(title): max/mean by count, then rebalanced (heaviest config: \(digits(floor)))",
                peers: peers[sigma] ?? "", "\(digits(before)), \(digits(after)) with \(moves) moves"),
            row(
                "  100 to 150 nodes: moves, max/mean", peers: "CH 4216; LW 0, and 51 nodes idle",
                "\(joined), \(digits(grown))"),
            row("  150 to 100 nodes: moves, max/mean", peers: "", "\(left), \(digits(cluster.weightedImbalance))"),
        ]
    }

    /// The shape that upstream measures: 300 runners of 4 workers, 5,000 configs of 100 checks, each taking 50 to
    /// 1,999 ms every 15 s.
    private static func runners() -> [Row] {
        var cluster = SampleDispatcher(nodes: 300)
        cluster.dispatch((0..<5_000).map { SampleConfigs.encoded(at: $0, check: "check_\($0 % 100)") })
        var random = LognormalCosts(sigma: 1)
        cluster.measure { _ in 50 + random.uniform(1_950) }
        cluster.dispatcher.adoptCosts()
        let before = cluster.weightedImbalance
        var moves = 0
        let duration = time { moves = cluster.dispatcher.rebalance(isForced: true) }
        return [
            row(
                "300 runners, 5,000 configs of 100 checks: rebalance", peers: "no figures published",
                "\(duration.milliseconds), \(moves) moves"),
            row("  max/mean before and after", peers: "", "\(digits(before)), \(digits(cluster.weightedImbalance))"),
        ]
    }

    private static func digits(_ value: Double) -> String { "\((value * 1000).rounded() / 1000)" }

    private static func time(_ body: () -> Void) -> Duration {
        let start = threadTime()
        body()
        return threadTime() - start
    }
}

/// Costs by a fixed seed.
struct LognormalCosts {
    private let sigma: Double
    private var state: UInt64 = 42

    init(sigma: Double) { self.sigma = sigma }

    /// A number from 0 to below a bound, by Knuth's linear congruential generator for 64 bits (MMIX).
    mutating func uniform(_ bound: Int64) -> Int64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int64(state >> 33) % bound
    }

    /// Milliseconds: 20 for the median check, and at most the 15 s after which it runs again.
    mutating func next() -> Int64 {
        // The sum of twelve uniform numbers is nearly normal, with a deviation of one.
        let normal = (0..<12).reduce(-6.0) { sum, _ in sum + Double(uniform(1_000_000)) / 1e6 }
        return max(1, min(15_000, Int64(20 * exp(sigma * normal))))
    }
}
