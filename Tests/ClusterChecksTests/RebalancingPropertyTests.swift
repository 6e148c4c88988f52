import CheckModel
import Platform
import TestKit
import Testing

@testable import ClusterChecks

/// Random clusters, each from a seed: whatever is rebalanced, nothing is lost, nothing gets worse, and nobody gets what
/// he may not.
@Suite struct RebalancingPropertyTests {
    struct Cluster {
        let entropy: SeededEntropy
        var dispatcher: Dispatcher
        var configs: [EncodedConfig] = []

        func roll(_ sides: Int) -> Int { entropy.next(below: sides) }

        init(seed: UInt64) throws {
            entropy = SeededEntropy(seed: seed)
            dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
            let nodes = 1 + roll(8)
            dispatcher.handle(.replaced((0..<nodes).map { agentPod("n\($0)", on: "w\($0)") }))
            dispatcher.handle(.replaced((0..<nodes).map { worker("w\($0)") }))
            for index in 0..<nodes { _ = try dispatcher.report("n\(index)", at: 0) }
            let check = ["http_check", "stays"]
            configs = try (0..<roll(60)).map { index in
                try Row("c\(index)", check: check[roll(5) / 4], Array(repeating: 1, count: 1 + roll(3))).config()
            }
            _ = dispatcher.dispatch(EncodedChanges(upserts: configs, isWhole: true))
            // A node's work is measured, in part or not at all; some nodes are cordoned or about to leave only after
            // they got theirs.
            for node in dispatcher.store.occupiedSlots.map({ dispatcher.store.nodes[$0] }) where roll(6) > 0 {
                var checks: [ExactText: RunnerStats] = [:]
                for checkID in node.configs.flatMap(\.instanceIDs) where roll(10) > 0 {
                    var stats = RunnerStats()
                    stats.averageExecutionTime = roll(8) == 0 ? 0 : Int64(roll(20_000))
                    stats.metricSamples = Int64(roll(500))
                    checks[checkID] = stats
                }
                _ = dispatcher.record(NodeStatistics(workers: roll(6), checks: checks), of: node.id)
            }
            for index in 0..<nodes where roll(6) == 0 {
                let workerNode = worker("w\(index)", isSchedulable: false)
                _ = dispatcher.handle(.applied(workerNode), at: 1)
            }
            for index in 0..<nodes where roll(8) == 0 {
                _ = dispatcher.handle(.applied(agentPod("n\(index)", on: "w\(index)", isTerminating: true)), at: 1)
            }
        }

        func placed() -> [ConfigKey: String] {
            Dictionary(
                configs.map { ($0.key, dispatcher.store.nodeID(of: $0.key) ?? "") },
                uniquingKeysWith: { first, _ in first })
        }
    }

    private func options(_ cluster: Cluster) -> RebalancingOptions {
        var options = RebalancingOptions()
        options.pinnedChecks = ["stays"]
        options.usesUtilization = cluster.roll(3) > 0
        if cluster.roll(2) == 0 { options.stickiness = nil }
        return options
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `rebalancing loses no config and makes no balance worse`(seed: UInt64) throws {
        var cluster = try Cluster(seed: seed)
        let options = options(cluster)
        let before = cluster.dispatcher.view.measuredNodes
        let former = cluster.placed()
        let plan =
            options.usesUtilization
            ? UtilizationRebalancing(options).plan(before, isForced: seed % 2 == 0)
            : BusynessRebalancing(options).plan(before)
        var mirror = cluster.dispatcher.store
        var made: [RebalanceMove] = []
        let changes = cluster.dispatcher.changes { made = $0.move(plan.moves, .rebalanced) }
        #expect(made.map(\.text) == plan.moves.map(\.text))
        for change in changes { mirror.apply(change) }
        #expect(mirror.description == cluster.dispatcher.store.description)
        #expect(Set(plan.moves.map(\.config.key)).count <= cluster.configs.count)

        let now = cluster.placed()
        #expect(now.keys.sorted() == former.keys.sorted())
        let receiving = Set(before.filter { $0.receives && $0.statistics.workers > 0 }.map(\.id))
        let measured = Set(before.map(\.id))
        for config in cluster.configs where now[config.key] != former[config.key] {
            #expect(config.checkName != "stays")
            #expect(!options.usesUtilization || receiving.contains(now[config.key] ?? ""))
            #expect(measured.contains(former[config.key] ?? ""))
            let slot = try #require(cluster.dispatcher.store.slot(of: now[config.key] ?? ""))
            #expect(cluster.dispatcher.store.nodes[slot].conditions.standing == .free)
        }
        let after = cluster.dispatcher.view.measuredNodes
        if options.usesUtilization {
            #expect(deviation(after) <= deviation(before) + 1e-9)
            let predicted = Dictionary(uniqueKeysWithValues: plan.utilizations.map { ($0.node, $0.utilization) })
            #expect(predicted.count == before.count)
        }
        // What was measured of a config went with it.
        #expect(
            after.flatMap(\.statistics.checks.keys).sorted() == before.flatMap(\.statistics.checks.keys).sorted())
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `the plan depends on the state alone`(seed: UInt64) throws {
        let cluster = try Cluster(seed: seed)
        let nodes = cluster.dispatcher.view.measuredNodes
        var options = RebalancingOptions()
        options.stickiness = nil
        let shuffled = nodes.map {
            MeasuredNode(id: $0.id, statistics: $0.statistics, configs: $0.configs.reversed(), receives: $0.receives)
        }
        let first = UtilizationRebalancing(options).plan(nodes, isForced: true).moves.map(\.text)
        #expect(UtilizationRebalancing(options).plan(shuffled, isForced: true).moves.map(\.text) == first)
        let second = BusynessRebalancing(options).plan(nodes).moves.map(\.text)
        #expect(BusynessRebalancing(options).plan(shuffled).moves.map(\.text) == second)
    }

    /// Over the seeds above moves are made, and by both algorithms; else nothing above would say anything.
    @Test func `the random clusters cover every case`() throws {
        var moves = [0, 0]
        for seed in 0..<100 as Range<UInt64> {
            let nodes = try Cluster(seed: seed).dispatcher.view.measuredNodes
            moves[0] += UtilizationRebalancing(RebalancingOptions()).plan(nodes, isForced: false).moves.count
            moves[1] += BusynessRebalancing(RebalancingOptions()).plan(nodes).moves.count
        }
        #expect(moves.allSatisfy { $0 > 20 }, "\(moves)")
    }
}
