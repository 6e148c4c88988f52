import CheckModel
import Platform
import TestKit
import Testing

@testable import ClusterChecks

/// Random histories, each from a seed: after every step the store is what a plain model of it says.
@Suite(.serialized) struct DispatcherPropertyTests {
    struct History {
        let entropy: SeededEntropy
        var dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        var changes: [StoreChange] = []
        var wanted: [ConfigKey: EncodedConfig] = [:]
        var now = 0.0

        init(seed: UInt64) {
            entropy = SeededEntropy(seed: seed)
        }

        func roll(_ sides: Int) -> Int { entropy.next(below: sides) }
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `every config is on exactly one node or dangles, and the sums agree`(seed: UInt64) throws {
        var history = History(seed: seed)
        for _ in 0..<200 {
            try history.step()
            history.checkStore()
        }
        #expect(history.changes.count > 100)
        // A mirror that saw the stream alone says the same.
        var mirror = ClusterStore()
        for change in history.changes { mirror.apply(change) }
        #expect(mirror.description == history.dispatcher.store.description)
    }
}

extension DispatcherPropertyTests.History {
    mutating func step() throws {
        switch roll(10) {
        case 0..<4: try report()
        case 4..<6: change()
        case 6: replaceWholeSet()
        default: passTime()
        }
    }

    private mutating func report() throws {
        let store = dispatcher.store
        let id = "node-\(roll(12))"
        let isNew = store.slot(of: id) == nil
        let made = try dispatcher.report(id, at: now).changes
        changes += made
        guard isNew else {
            #expect(made.isEmpty)
            return
        }
        let total = wanted.values.reduce(Load.zero) { $0 + Load(cost: $1.cost) }
        var taken = Load.zero
        for case .configMoved(let key, _, let target, .joined, _) in made {
            #expect(target == id)
            #expect(store.nodeID(of: key) != nil)
            if let config = wanted[key] { taken += Load(cost: config.cost) }
        }
        // One that comes and goes keeps what it has, and gives nothing.
        let sharing = dispatcher.store.occupiedSlots.count { dispatcher.store.nodes[$0].conditions.cordon == nil }
        #expect(taken <= total.share(of: 1, in: max(1, sharing)))
        // Nobody else gets more by it, but for what dangled.
        for slot in store.occupiedSlots where store.dangling.isEmpty {
            #expect(dispatcher.store.nodes[slot].load <= store.nodes[slot].load)
        }
    }

    private mutating func change() {
        var upserts: [ConfigKey: EncodedConfig] = [:]
        for _ in 0..<roll(8) {
            let config = randomConfig()
            upserts[config.key] = config
        }
        let removals = wanted.keys.sorted().filter { upserts[$0] == nil && roll(10) == 0 }
        let before = dispatcher.store
        let wasDispatching = dispatcher.store.isDispatching
        for key in removals { wanted[key] = nil }
        wanted.merge(upserts) { $1 }
        let sorted = upserts.values.sorted { $0.key < $1.key }
        changes += dispatcher.dispatch(EncodedChanges(upserts: sorted, removals: removals)).changes
        guard wasDispatching else { return }
        // Whatever was there and is still wanted is where it was.
        for key in before.keys where wanted[key] != nil {
            #expect(dispatcher.store.nodeID(of: key) == before.nodeID(of: key))
        }
    }

    private mutating func replaceWholeSet() {
        wanted = wanted.filter { _ in true }
        for key in wanted.keys.sorted() where roll(4) == 0 { wanted[key] = nil }
        let config = randomConfig()
        wanted[config.key] = config
        let sorted = wanted.values.sorted { $0.key < $1.key }
        changes += dispatcher.dispatch(EncodedChanges(upserts: sorted, isWhole: true)).changes
    }

    private mutating func passTime() {
        for _ in 0..<roll(15) {
            now += 1
            let before = dispatcher.store
            let made = dispatcher.expireNodes(now: at(now))
            changes += made
            var orphans: Set<ConfigKey> = []
            for case .nodeExpired(let id, _) in made { orphans.formUnion(before.node(id)?.configs.map(\.key) ?? []) }
            // Exactly the leaving nodes' configs move, each once, if there is anywhere to go.
            let moved = made.compactMap(\.movedKey)
            #expect(moved.count == (dispatcher.store.nodeCount == 0 ? 0 : orphans.count))
            #expect(Set(moved).isSubset(of: orphans))
        }
    }

    private func randomConfig() -> EncodedConfig {
        do {
            return try encodedConfig("c\(roll(40))", instances: 1 + roll(3), edition: roll(3))
        } catch {
            preconditionFailure("\(error)")
        }
    }

    func checkStore() {
        let store = dispatcher.store
        var found: [ConfigKey: UInt64] = [:]
        for slot in store.occupiedSlots {
            let node = store.nodes[slot]
            for config in node.configs {
                #expect(found.updateValue(config.contentHash, forKey: config.key) == nil, "\(config.key) twice")
                #expect(store.nodeID(of: config.key) == node.id)
            }
            #expect(node.revision == Revision(of: node.configs.map(\.contentHash)))
            #expect(node.load == node.costs.reduce(Load.zero) { $0 + $1.load })
        }
        for dangling in store.dangling {
            #expect(found.updateValue(dangling.config.contentHash, forKey: dangling.config.key) == nil)
            #expect(store.danglingReason(of: dangling.config.key) == dangling.reason)
        }
        #expect(store.nodeCount == 0 || store.dangling.isEmpty)
        #expect(found == wanted.mapValues(\.contentHash))
        #expect(store.configCount == wanted.count)
        #expect(store.version == UInt64(changes.count))
    }
}
