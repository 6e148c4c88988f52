import CheckModel

// Which config goes where.
extension Dispatcher {
    /// Heaviest first, as a big one is easier placed before the small ones fill the gaps (Graham's LPT rule); equal ones in the order given.
    static func heaviestFirst(_ configs: [EncodedConfig]) -> [EncodedConfig] {
        let loads = configs.map { Load(cost: $0.cost) }
        if zip(loads, loads.dropFirst()).allSatisfy({ $0 >= $1 }) { return configs }
        return configs.indices.sorted { (loads[$1], $0) < (loads[$0], $1) }.map { configs[$0] }
    }

    mutating func placeDangling(_ changes: inout [StoreChange]) {
        guard store.nodeCount > 0 else { return }
        for config in Self.heaviestFirst(store.dangling.map(\.config)) {
            guard let node = store.leastLoadedNode(for: config) else { return }
            apply(.configMoved(config.key, to: node, .dangled), &changes)
        }
    }

    /// Moves the configs of nodes that are about to leave to those that stay, if there are any. Their agents run on meanwhile.
    mutating func handOver(_ changes: inout [StoreChange]) {
        guard let best = store.bestStanding, best < .draining else { return }
        for slot in store.slots(standing: .draining) where !store.nodes[slot].configs.isEmpty {
            records[slot].letsGoAt = listened.total + options.nodeExpirationTimeout
            records[slot].runsOnUntil = nil
            apply(.nodeHandsOver(id: store.nodes[slot].id), &changes)
            for config in Self.heaviestFirst(store.nodes[slot].configs) {
                guard let node = store.leastLoadedNode(for: config) else { return }
                apply(.configMoved(config.key, to: node, .drained), &changes)
            }
        }
    }

    /// Moves configs from the most loaded nodes to the joined one, until it has an equal share, rounded down. No other node gets more than it had.
    ///
    /// Only those that stand best share, and one that is about to leave takes none.
    mutating func giveShare(to slot: Int, _ changes: inout [StoreChange]) {
        let standing = store.nodes[slot].conditions.standing
        guard standing < .draining, standing == store.bestStanding else { return }
        let peers = store.slots(standing: standing)
        var donors = peers.filter { $0 != slot }.map { (slot: $0, load: store.nodes[$0].load) }
        let total = donors.reduce(store.nodes[slot].load) { $0 + $1.load }
        let share = total.shared(by: peers.count)
        let id = store.nodes[slot].id
        while let heaviest = donors.indices.max(by: { donors[$0].load < donors[$1].load }) {
            let donor = donors[heaviest]
            let own = store.nodes[slot].load
            // Less than one instance short of it is enough: to look for something smaller would mean to look at every config.
            guard own + .oneInstance <= share, own < donor.load else { return }
            let movable = store.nodes[donor.slot].configs.last { config in
                let load = Load(cost: config.cost)
                return own + load <= share && own + load <= donor.load - load
            }
            if let movable {
                apply(.configMoved(movable.key, to: id, .joined), &changes)
                donors[heaviest].load -= Load(cost: movable.cost)
            } else {
                donors.remove(at: heaviest)
            }
        }
    }
}
