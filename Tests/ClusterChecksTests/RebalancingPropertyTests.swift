import CheckModel
import Platform
import TestKit
import Testing

@testable import ClusterChecks

/// Random clusters, each from a seed: whatever is rebalanced, nothing is lost, nothing gets worse, and nobody gets what
/// he may not.
@Suite(.serialized) struct RebalancingPropertyTests {
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
        if cluster.roll(2) == 0 { options.budget = 100 }
        return options
    }

    /// The variance of the relative loads of the nodes that take part, each counting as often as it has workers.
    private func variance(_ store: ClusterStore) -> Double {
        let nodes = store.occupiedSlots.map { store.nodes[$0] }
        let capacity = nodes.reduce(0.0) { $0 + Double($1.abilities.capacity) }
        let mean = nodes.reduce(0.0) { $0 + Double($1.load.millionths) } / capacity
        return nodes.reduce(0.0) { sum, node in
            let difference = Double(node.load.millionths) / Double(node.abilities.capacity) - mean
            return sum + difference * difference * Double(node.abilities.capacity)
        } / capacity
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `rebalancing loses no config and makes no balance worse`(seed: UInt64) throws {
        var cluster = try Cluster(seed: seed)
        let options = options(cluster)
        cluster.dispatcher.adopt(CostModel(cluster.dispatcher.view, options))
        let (former, before) = (cluster.placed(), cluster.dispatcher.store)
        let plan = RebalancePlan(cluster.dispatcher.view, options, isForced: seed % 2 == 0)
        var mirror = cluster.dispatcher.store
        var made: [RebalanceMove] = []
        let changes = cluster.dispatcher.changes { made = $0.move(plan.moves, .rebalanced) }
        #expect(made.map(\.text) == plan.moves.map(\.text))
        for change in changes { mirror.apply(change) }
        #expect(mirror.description == cluster.dispatcher.store.description)
        if seed % 2 == 1 { #expect(plan.moves.count <= max(10, cluster.configs.count * options.budget / 100)) }

        let now = cluster.placed()
        #expect(now.keys.sorted() == former.keys.sorted())
        for config in cluster.configs where now[config.key] != former[config.key] {
            #expect(config.checkName != "stays")
            let (source, target) = (
                try #require(before.node(former[config.key] ?? "")), try #require(before.node(now[config.key] ?? ""))
            )
            #expect(target.conditions.standing == .free && source.conditions.standing < .draining)
        }
        let after = cluster.dispatcher.store
        #expect(variance(after) <= variance(before) * (1 + 1e-9))
        // What was moved a moment ago stays.
        let again = RebalancePlan(cluster.dispatcher.view, options, isForced: true)
        #expect(Set(again.moves.map(\.config.key)).isDisjoint(with: made.map(\.config.key)))
        // What was measured of a config went with it.
        for move in made {
            let statistics = after.slot(of: move.destination).flatMap { cluster.dispatcher.statistics[$0] }
            let former = before.slot(of: move.source).flatMap { cluster.dispatcher.statistics[$0] }
            for id in move.config.instanceIDs where statistics != nil { #expect(former?.checks[id] == nil) }
        }
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `the plan depends on the state alone`(seed: UInt64) throws {
        let cluster = try Cluster(seed: seed)
        let first = RebalancePlan(cluster.dispatcher.view, RebalancingOptions(), isForced: true)
        let second = RebalancePlan(try Cluster(seed: seed).dispatcher.view, RebalancingOptions(), isForced: true)
        #expect(first.moves.map(\.text) == second.moves.map(\.text) && first.note == second.note)
    }

    /// Over the seeds above moves are made, by both measures; else nothing above would say anything.
    @Test func `the random clusters cover every case`() throws {
        var moves = [0, 0]
        for seed in 0..<100 as Range<UInt64> {
            for (index, usesUtilization) in [true, false].enumerated() {
                var cluster = try Cluster(seed: seed)
                var options = RebalancingOptions()
                options.usesUtilization = usesUtilization
                cluster.dispatcher.adopt(CostModel(cluster.dispatcher.view, options))
                moves[index] += RebalancePlan(cluster.dispatcher.view, options, isForced: false).moves.count
            }
        }
        #expect(moves.allSatisfy { $0 > 20 }, "\(moves)")
    }
}
