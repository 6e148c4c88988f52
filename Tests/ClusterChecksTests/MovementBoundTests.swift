import CheckModel
import Glibc
import JSON
import Platform
import TestKit
import Testing

@testable import ClusterChecks

/// What is placed and moved, over thousands of random worlds: nodes of one capacity, and configs of equal or lognormal
/// cost that any node may run.
@Suite(.serialized) struct MovementBoundTests {
    private struct World {
        let entropy: SeededEntropy
        var dispatcher: Dispatcher
        let nodes: [String]
        let configs: [EncodedConfig]

        func roll(_ sides: Int) -> Int { entropy.next(below: sides) }

        init(seed: UInt64, nodes count: Int, configs most: Int) throws {
            entropy = SeededEntropy(seed: seed)
            nodes = (0..<count).map { "n\($0)" }
            let sigma = [0, 0, 1, 1.5, 2][entropy.next(below: 5)]
            let random = entropy
            configs = try (0..<random.next(below: most + 1)).map { index in
                let normal = (0..<12).reduce(-6.0) { sum, _ in sum + Double(random.next(below: 1000)) / 1000 }
                let weight = sigma == 0 ? nil : max(0.001, exp(sigma * normal))
                return try ConfigPatch().encode(
                    CheckConfig(
                        key: key("c\(index)"), checkName: "http_check",
                        instances: [.object(["a": .integer(Int64(index))])],
                        rules: PlacementRules(weight: weight)))
            }
            dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
            for id in nodes.shuffled(by: entropy) { _ = try dispatcher.report(id, at: 0) }
            dispatcher.dispatch(EncodedChanges(upserts: configs, isWhole: true))
        }

        var loads: [Load] { dispatcher.store.occupiedSlots.map { dispatcher.store.nodes[$0].load } }
        var heaviest: Load { configs.map { Load(cost: $0.cost) }.max() ?? .zero }
        var hasEqualCosts: Bool { configs.allSatisfy { $0.rules == nil } }

        func places() -> [ConfigKey: String] {
            var places: [ConfigKey: String] = [:]
            for config in configs { places[config.key] = dispatcher.store.nodeID(of: config.key) }
            return places
        }

        /// No node has more than the mean and the heaviest config; where all cost the same, none is empty as long as
        /// there are as many configs as nodes.
        func checkBalance() {
            let total = loads.reduce(Load.zero, +)
            guard let greatest = loads.max() else { return }
            let mean = Double(total.millionths) / Double(loads.count)
            #expect(Double(greatest.millionths) <= mean + Double(heaviest.millionths) + 1)
            if hasEqualCosts, configs.count >= loads.count { #expect(loads.allSatisfy { $0 > .zero }) }
        }
    }

    /// Small worlds by the thousand, and a few of up to 2,000 nodes.
    static let worlds: [(seed: UInt64, nodes: Int, configs: Int)] =
        (0..<2_000).map { (UInt64($0), Int($0 % 13), 60) }
        + [(1, 100, 3_000), (2, 300, 2_000), (3, 1_061, 2_000), (4, 2_000, 4_000)]

    @Test(arguments: 0..<worlds.count / 100 + 1) func `what must move moves, and nothing else`(batch: Int) throws {
        for (seed, count, most) in Self.worlds.dropFirst(batch * 100).prefix(100) {
            var world = try World(seed: seed, nodes: count, configs: most)
            world.checkBalance()
            try leave(&world)
            try join(&world)
            repeatNothing(&world)
        }
    }

    private func leave(_ world: inout World) throws {
        guard world.nodes.count > 1 else { return }
        let id = world.nodes[world.roll(world.nodes.count)]
        let before = world.places()
        let slot = try #require(world.dispatcher.store.slot(of: id))
        let changes = world.dispatcher.changes { dispatcher in
            dispatcher.agentLeft(slot, .left, isRestart: false)
            dispatcher.reconcileNodes(hasLost: true)
        }
        #expect(Set(changes.compactMap(\.movedKey)) == Set(before.filter { $0.value == id }.keys))
        world.checkBalance()
    }

    private func join(_ world: inout World) throws {
        let before = world.places()
        let total = world.loads.reduce(Load.zero, +)
        let changes = try world.dispatcher.report("new", at: 1).changes
        let moved = Set(changes.compactMap(\.movedKey))
        let after = world.places()
        for config in world.configs where before[config.key] != after[config.key] {
            #expect(after[config.key] == "new" && moved.contains(config.key))
        }
        // Without any other it gets what dangled.
        guard world.loads.count > 1 else { return }
        let own = try #require(world.dispatcher.store.node("new")).load
        #expect(own <= total.share(of: 1, in: world.loads.count))
        if world.hasEqualCosts, world.configs.count >= world.loads.count { #expect(own > .zero) }
    }

    private func repeatNothing(_ world: inout World) {
        let configs = world.configs
        let again = world.dispatcher.changes { _ = $0.reconcile(EncodedChanges(upserts: configs, isWhole: true)) }
        #expect(again.isEmpty)
        #expect(world.dispatcher.expireNodes(now: at(2)).isEmpty)
    }

    @Test(arguments: 0..<40 as Range<UInt64>) func `the order in which nodes and configs come changes nothing`(
        seed: UInt64
    ) throws {
        let world = try World(seed: seed, nodes: 1 + Int(seed % 9), configs: 60)
        var other = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        for id in world.nodes.reversed() { _ = try other.report(id, at: 0) }
        // The desired set is sorted by key, in whatever order sources find it.
        let sorted = world.configs.shuffled(by: world.entropy).sorted { $0.key < $1.key }
        other.dispatch(EncodedChanges(upserts: sorted, isWhole: true))
        var first = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        for id in world.nodes { _ = try first.report(id, at: 0) }
        first.dispatch(EncodedChanges(upserts: world.configs.sorted { $0.key < $1.key }, isWhole: true))
        for config in world.configs {
            #expect(first.store.nodeID(of: config.key) == other.store.nodeID(of: config.key))
        }
    }
}

extension Array {
    /// In an order that a seed decides (Fisher and Yates).
    fileprivate func shuffled(by entropy: SeededEntropy) -> [Element] {
        var copy = self
        for index in copy.indices.reversed() where index > 0 { copy.swapAt(index, entropy.next(below: index + 1)) }
        return copy
    }
}
