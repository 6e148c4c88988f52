import CheckModel
import Platform

/// A config, and what it costs: a structure, since the compiler destroys an array of tuples slowly.
struct WeighedConfig {
    let config: EncodedConfig
    let load: Load
}

// Where configs go when nodes come and go.
extension Dispatcher {
    /// Heaviest first, since a heavy config is easier to place before light ones fill the gaps (Graham's LPT rule).
    /// Equal ones stay in the order given.
    func heaviestFirst(_ configs: some Sequence<EncodedConfig>, areNew: Bool = false) -> [WeighedConfig] {
        var weighed = configs.map { WeighedConfig(config: $0, load: areNew ? newLoad(of: $0) : load(of: $0)) }
        weighed.sort { $0.load > $1.load }
        return weighed
    }

    /// What a config costs, or will cost once it is placed.
    func load(of config: EncodedConfig) -> Load {
        store.cost(of: config.key)?.load ?? newLoad(of: config)
    }

    /// What a config that is not in the store will cost.
    func newLoad(of config: EncodedConfig) -> Load {
        (costs.estimate(config) ?? ConfigCost(of: config)).load
    }

    /// Places the dangling configs. Without nodes it does nothing, however many there are.
    mutating func placeDangling() {
        guard store.nodeCount > 0 else { return }
        // Of one whose bytes are not known here yet its new node could not be told.
        for weighed in heaviestFirst(store.dangling.lazy.map(\.config).filter(\.isConfirmed)) {
            let config = weighed.config
            guard let node = bestNode(for: config, load: weighed.load) else {
                explainDangling(config)
                continue
            }
            let (former, reason) = store.danglingReason(of: config.key)?.move ?? (nil, .dangled)
            apply(.configMoved(config.key, from: former, to: node, reason, mayRun: false))
        }
    }

    /// Moves configs from the relatively most loaded nodes to the joined one until it has the share of its capacity,
    /// rounded down. No other node gets more than it had.
    ///
    /// Only nodes with the best standing share, and a draining one gets nothing.
    ///
    /// - Parameter isBack: whether its agent was restarted: it takes nothing that is sticky, for it gave nothing such
    ///   away.
    mutating func giveShare(to slot: Int, isBack: Bool = false) {
        let standing = store.nodes[slot].standing
        guard standing < .restarting, standing == store.bestStanding else { return }
        // One that is awaited gives, too: it keeps what it has until it is told.
        let awaited = store.slots(standing: .awaited).filter {
            store.nodes[$0].conditions.standing == standing && !store.nodes[$0].isAway
        }
        let peers = (store.slots(standing: standing) + awaited).filter { !isReserved($0) }.sorted()
        guard peers.contains(slot) else { return }
        var donors = peers.filter { $0 != slot }.map { peer in
            (slot: peer, load: store.nodes[peer].load, capacity: store.nodes[peer].abilities.capacity)
        }
        let capacity = store.nodes[slot].abilities.capacity
        let total = donors.reduce(store.nodes[slot].load) { $0 + $1.load }
        let share = total.share(of: capacity, in: donors.reduce(capacity) { $0 + $1.capacity })
        let id = store.nodes[slot].id
        var gifts: [Int: [WeighedConfig]] = [:]
        while let heaviest = donors.indices.max(by: { left, right in
            donors[left].load.isLess(than: donors[right].load, of: donors[left].capacity, donors[right].capacity)
        }) {
            let donor = donors[heaviest]
            let own = store.nodes[slot].load
            // Within one instance of the share is good enough: a closer fit would mean looking at every config.
            guard own + .oneInstance <= share, own.isLess(than: donor.load, of: capacity, donor.capacity) else {
                return
            }
            var left = gifts.removeValue(forKey: donor.slot) ?? self.gifts(from: donor.slot)
            // Both grow nearer to each other: what is too much now will be too much later.
            while let gift = left.last,
                own + gift.load > share
                    || (donor.load - gift.load).isLess(than: own + gift.load, of: donor.capacity, capacity)
                    || !mayGive(gift.config, from: donor.slot, to: slot, isBack: isBack)
            { left.removeLast() }
            if let gift = left.popLast() {
                gifts[donor.slot] = left
                move(gift.config.key, to: id, .joined)
                donors[heaviest].load -= gift.load
            } else {
                donors.remove(at: heaviest)
            }
        }
    }
}

extension Dispatcher {
    /// What a node has for one that joined, the heaviest and newest last: fewer moves make a share of them.
    private func gifts(from donor: Int) -> [WeighedConfig] {
        var gifts = zip(store.nodes[donor].configs, store.nodes[donor].costs).map {
            WeighedConfig(config: $0, load: $1.load)
        }
        gifts.sort { $0.load < $1.load }
        return gifts
    }

    /// Whether a node may give a config to one that joined. This is not asked of all that it has, as most of it stays.
    private mutating func mayGive(_ config: EncodedConfig, from donor: Int, to slot: Int, isBack: Bool) -> Bool {
        mayLeave(config, donor) && !(isBack && config.handOver == .sticky) && obstacle(to: config, slot) == nil
    }

    /// Whether a config may move off a node that stays. Its bytes must be known, or its new node could not be told; and
    /// an exclusive one stays where two agents report under one ID, since neither could confirm for both that it has
    /// stopped it.
    func mayLeave(_ config: EncodedConfig, _ slot: Int) -> Bool {
        config.isConfirmed && (config.handOver != .exclusive || store.nodes[slot].agents.isEmpty)
    }
}

// Rebalancing.
extension Dispatcher {
    /// Records the statistics that a node gave, if it still reports, and returns those that they replace.
    package mutating func record(_ statistics: NodeStatistics, of id: String) -> NodeStatistics? {
        guard let slot = store.slot(of: id) else { return nil }
        let former = self.statistics[slot]
        self.statistics[slot] = statistics
        refreshAbilities(slot)
        return former
    }

    /// Takes over what a model says configs cost. What was removed or edited since it was made keeps its cost.
    mutating func adopt(_ model: CostModel) {
        costs = model
        let known = model.changes.filter { store.cost(of: $0.key) != nil }
        for start in stride(from: 0, to: known.count, by: StoreSnapshot.costsAtOnce) {
            let chunk = known[start..<min(start + StoreSnapshot.costsAtOnce, known.count)]
            apply(.costsChanged(Array(chunk), workersPerInstance: model.unit))
        }
    }

    /// Takes over what the statistics recorded so far say that configs cost.
    package mutating func adoptCosts() { adopt(CostModel(view, options.rebalancing)) }

    /// Rebalances in one step, as the Handler does in several.
    ///
    /// - Returns: how many configs were moved.
    package mutating func rebalance(isForced: Bool) -> Int {
        adoptCosts()
        return move(RebalancePlan(view, options.rebalancing, isForced: isForced).moves, .rebalanced).count
    }

    /// Moves configs together with their statistics. Moves that no longer apply are skipped: the config was edited,
    /// removed or moved since they were planned, or the destination may not get configs any more.
    ///
    /// - Returns: the moves that were made.
    mutating func move(_ moves: [RebalanceMove], _ reason: MoveReason) -> [RebalanceMove] {
        moves.filter { move in
            guard let source = store.slot(of: move.source), let destination = store.slot(of: move.destination),
                store.slot(ofConfig: move.config.key) == source, store.nodes[destination].receives,
                let config = store.config(move.config.key), config.contentHash == move.config.contentHash,
                mayLeave(config, source), !store.nodes[source].isAway,
                obstacle(to: config, destination) == nil
            else { return false }
            self.move(move.config.key, to: move.destination, reason)
            rebalanced[move.config.key] = heartbeats.time + options.rebalancing.coolDown
            for checkID in move.config.instanceIDs {
                guard let stats = statistics[source]?.checks.removeValue(forKey: checkID) else { continue }
                statistics[destination]?.checks[checkID] = stats
            }
            return true
        }
    }
}
