package import CheckModel
import Platform

// Configs.
extension Dispatcher {
    /// Makes the store hold what is desired: removes configs, replaces edited ones where they are, places new ones
    /// where one that they succeed was, else on the least loaded nodes, and assigns endpoints checks to the Kubernetes
    /// nodes that they name.
    ///
    /// - Returns: the new configs that were refused because the limit is reached.
    package mutating func reconcile(_ desired: EncodedChanges) -> [ConfigKey] {
        dispatch(isolatedInstances.split(desired, store.intent))
    }

    /// Splits and joins configs whose instances are isolated now, or no longer are.
    ///
    /// While this replica's own sources have not had them, nothing changes: they will be, once they are read.
    mutating func splitAnew(_ keys: Set<ConfigKey>) {
        guard store.isDispatching else { return }
        let wholes = keys.sorted().compactMap { key -> EncodedConfig? in
            guard let whole = isolatedInstances.whole(key) else {
                return store.config(key).flatMap { $0.isConfirmed ? $0 : nil }
            }
            let isKnown =
                store.config(key)?.isConfirmed != false && isolatedInstances.parts(key).allSatisfy(isConfirmed)
            return isKnown ? whole : nil
        }
        if !wholes.isEmpty { _ = reconcile(EncodedChanges(upserts: wholes)) }
    }

    /// Reconciles with what is left after splitting.
    private mutating func dispatch(_ desired: EncodedChanges) -> [ConfigKey] {
        reconcileNodes()
        let removed = removedKeys(desired)
        var predecessors = Predecessors(removed, in: store)
        for key in removed { remove(key) }
        var new: [EncodedConfig] = []
        for config in desired.upserts where !replace(config) { new.append(config) }
        let room = max(0, options.maximumConfigs - store.totalCount)
        let refused = new.dropFirst(room).map(\.key)
        store.reserveCapacity(more: min(room, new.count))
        let removedExclusives = RemovedExclusives(store)
        // Mostly nobody knows what runs where: then it is not asked for each config.
        let isRunningKnown = !store.isDispatching && (hint != nil || !claims.isEmpty)
        for weighed in heaviestFirst(new.prefix(room), areNew: true) {
            let config = weighed.config
            guard config.nodeName.isEmpty else {
                apply(.endpointsCheckScheduled(config))
                continue
            }
            let running = isRunningKnown ? nodeRunning(config) : nil
            let predecessor = predecessors.takeNode(of: config.key)
            // What leaves the others of its config runs on where it is, and others make room.
            let whole = config.key.shard.isEmpty ? nil : store.nodeID(of: config.key.whole)
            let former = predecessor ?? whole ?? running ?? hint?.node(of: config)
            let kept = former.flatMap { keeper($0, of: config) }
            let node = kept ?? bestNode(for: config, load: weighed.load)
            apply(.configScheduled(config, on: node))
            if let cost = costs.estimate(config) {
                let changed = ChangedCost(key: config.key, cost: cost)
                apply(.costsChanged([changed], workersPerInstance: costs.unit))
            }
            if node == nil { explainDangling(config) }
            if config.handOver == .exclusive {
                withhold(config, on: node, predecessor: predecessor, running: running, removedExclusives)
            }
        }
        // One that is to be alone may have been placed after others.
        if !store.intent.isolated.isEmpty { relieveReserved() }
        if !store.isDispatching { beginDispatching() }
        if hasConfirmed {
            hasConfirmed = false
            placeDangling()
            relieveLeaving()
        }
        return refused
    }

    /// Withholds a new exclusive config while other agents than that of its node may run it, or one that it succeeds.
    private mutating func withhold(
        _ config: EncodedConfig, on node: String?, predecessor: String?, running: String?, _ removed: RemovedExclusives
    ) {
        guard store.handOvers[config.key] == nil else { return }
        if let handOver = removed.other(than: node.flatMap { store.slot(of: $0) }, for: config.key) {
            apply(.handOverStarted(config, from: store.former(of: handOver)))
        } else if let predecessor, node != predecessor {
            // Under its former key it must have been stopped there.
            apply(.handOverStarted(config, from: predecessor))
        } else if !hasAdopted, isUnclear, running == nil || running != node {
            // Any agent may run it until each has said what it runs. Where it runs, it runs nowhere else.
            apply(.handOverStarted(config, from: nil))
        }
    }

    /// The node whose agent runs a config, by what it said in the warm-up: its list, or the revision of a set that the
    /// hint knows.
    private func nodeRunning(_ config: EncodedConfig) -> String? {
        if let slot = claims.slot(of: config) { return store.nodes[slot].id }
        guard let hint, let id = hint.node(running: config), let slot = store.slot(of: id),
            let revision = hint.revision(of: id)
        else { return nil }
        return claims.proves(revision, slot) ? id : nil
    }

    /// The node of this ID, if it may keep a config that it had.
    private mutating func keeper(_ id: String, of config: EncodedConfig) -> String? {
        guard let slot = store.slot(of: id), obstacle(to: config, slot) == nil else { return nil }
        let node = store.nodes[slot]
        let isRestart = node.isAway || node.conditions.isRestarting
        return isRestart ? (config.handOver == .sticky ? id : nil) : node.isFit ? id : nil
    }

    private mutating func beginDispatching() {
        apply(.dispatchingBegan(unclearFor: unclearFor))
        claims = Claims()
        for slot in store.leavingSlots where store.nodes[slot].configs.isEmpty && !store.nodes[slot].isAway {
            keepRunning(slot)
        }
        guard let hint else { return }
        self.hint = nil
        // The others have what they had.
        for slot in store.slots(standing: .free) where !hint.knows(store.nodes[slot].id) { giveShare(to: slot) }
    }

    /// Makes the store hold what is desired, as far as that counts by now: for the time after an adoption.
    ///
    /// - Returns: whether nothing was held back.
    mutating func reconcile(_ desired: EncodedChanges, _ settlement: Settlement) -> Bool {
        precondition(desired.isWhole, "a part of the set says nothing of what is absent")
        var isSettled = true
        let desired = isolatedInstances.split(desired, store.intent)
        let upserts = desired.upserts.filter { config in
            guard !isConfirmed(config.key), !settlement.counts(config.key, isPresent: true) else { return true }
            let isSame = adopted(config.key)?.contentHash == config.contentHash
            isSettled = isSettled && isSame
            return isSame
        }
        let sources = Set(desired.upserts.map { ExactText($0.key.source) })
        let removals = removedKeys(desired).filter { key in
            // A file that is there says all that it has.
            let isSourceRead = sources.contains(ExactText(key.source))
            guard !isConfirmed(key), !settlement.counts(key, isPresent: isSourceRead) else { return true }
            isSettled = false
            return false
        }
        _ = dispatch(EncodedChanges(upserts: upserts, removals: removals))
        if isSettled, settlement.isComplete { endUntellable() }
        return isSettled
    }

    /// What the store has under a key, be it a cluster check or an endpoints check.
    private func adopted(_ key: ConfigKey) -> EncodedConfig? {
        store.config(key) ?? store.endpointsChecks.config(key)
    }

    /// Whether this replica's own sources have had what was adopted: what they say since is news.
    private func isConfirmed(_ key: ConfigKey) -> Bool {
        adopted(key)?.isConfirmed ?? false
    }

    private func removedKeys(_ desired: EncodedChanges) -> [ConfigKey] {
        guard desired.isWhole else { return desired.removals }
        guard store.totalCount > 0 else { return [] }
        let kept = Set(desired.upserts.map(\.key))
        return (store.keys.filter { !kept.contains($0) } + store.endpointsChecks.keys.filter { !kept.contains($0) })
            .sorted()
    }

    private mutating func remove(_ key: ConfigKey) {
        if store.config(key) != nil { apply(.configRemoved(key)) }
        if store.endpointsChecks.config(key) != nil { apply(.endpointsCheckRemoved(key)) }
    }

    /// Replaces a config if it exists, and returns whether it does. A config that becomes an endpoints check, or the
    /// reverse, is removed and counts as new.
    private mutating func replace(_ config: EncodedConfig) -> Bool {
        if let present = store.config(config.key) {
            guard config.nodeName.isEmpty else {
                apply(.configRemoved(config.key))
                return false
            }
            let isSame =
                present.contentHash == config.contentHash && present.cost == config.cost && present.isConfirmed
                && present.handOver == config.handOver && present.rules == config.rules
            if !isSame {
                apply(.configReplaced(config))
                if let slot = store.slot(ofConfig: config.key) {
                    relieveIfUnfit(config, slot)
                } else {
                    hasConfirmed = true
                }
            }
            if !present.isConfirmed { hasConfirmed = true }
            return true
        }
        guard let present = store.endpointsChecks.config(config.key) else { return false }
        guard !config.nodeName.isEmpty else {
            apply(.endpointsCheckRemoved(config.key))
            return false
        }
        let isSame =
            present.contentHash == config.contentHash && present.nodeName == config.nodeName && present.isConfirmed
        if !isSame { apply(.endpointsCheckScheduled(config)) }
        return true
    }
}
