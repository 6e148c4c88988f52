import CheckModel
import Platform

// Which node may run what.
extension Dispatcher {
    /// Why the node of a slot may not run a config; nil if it may.
    mutating func obstacle(to config: EncodedConfig, _ slot: Int) -> Obstacle? {
        if store.nodes[slot].abilities.checks?.runs(config.checkName) == false { return .check }
        return wantedElsewhere(config, slot) ?? config.rules.flatMap { eligible.obstacle($0, slot) }
    }

    /// Where to place a config; nil without a node that may get it.
    mutating func bestNode(for config: EncodedConfig) -> String? {
        let load = load(of: config)
        guard isConstrained(config) else { return store.leastLoadedNode(for: config, load: load) }
        let isWanted = store.intent.count > 0
        if isWanted, store.intent.paused.contains(config.key) { return nil }
        // Nobody is asked twice where nothing is isolated. A check that could run nowhere else shares the node of one
        // that is to be alone.
        return bestNode(for: config, load, isWanted)
            ?? (isWanted ? bestNode(for: config, load, isWanted, shares: true) : nil)
    }

    private mutating func bestNode(
        for config: EncodedConfig, _ load: Load, _ isWanted: Bool, shares: Bool = false
    ) -> String? {
        let (nodes, decider) = (store.nodes, isWanted ? self : nil)
        // Taken out, so that what it looks up need not be copied.
        var eligible = EligibleNodes()
        swap(&eligible, &self.eligible)
        defer { swap(&eligible, &self.eligible) }
        return store.leastLoadedNode(for: config, load: load) { slot in
            guard nodes[slot].abilities.checks?.runs(config.checkName) != false else { return false }
            if let obstacle = decider?.wantedElsewhere(config, slot), obstacle != .reserved || !shares {
                return false
            }
            return config.rules.flatMap { eligible.obstacle($0, slot) } == nil
        }
    }

    /// Whether there may be nodes that may not run a config.
    private func isConstrained(_ config: EncodedConfig) -> Bool {
        store.restrictedCount > 0 || store.intent.count > 0 || config.rules?.isConstraint == true
    }

    /// Says why a config that dangles has no node, although nodes report.
    mutating func explainDangling(_ config: EncodedConfig) {
        guard store.nodeCount > 0, isConstrained(config) else { return }
        let reason = whyNowhere(config)
        guard store.danglingReason(of: config.key) != reason else { return }
        apply(.configWithdrawn(config.key, reason, mayRun: false))
    }

    /// Why no node may run a config now, in words.
    private mutating func whyNowhere(_ config: EncodedConfig) -> DanglingReason {
        store.intent.paused.contains(config.key) ? .paused : .noEligibleNode(obstacles(to: config))
    }

    private mutating func obstacles(to config: EncodedConfig) -> String {
        var counts: [Obstacle: Int] = [:]
        var waiting: [String] = []
        for slot in store.nodes.indices where !store.nodes[slot].id.isEmpty {
            if let obstacle = obstacle(to: config, slot) {
                counts[obstacle, default: 0] += 1
            } else {
                waiting.append(store.nodes[slot].id)
            }
        }
        if let first = waiting.sortedByBytes().first {
            let others = waiting.count > 1 ? " and \(waiting.count - 1) more nodes" : ""
            return "it waits for the node \(first)\(others), which cannot get checks now"
        }
        guard counts.count > 1 else { return counts.keys.first?.words(config, isAll: true) ?? "no node-agent reports" }
        let parts = counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key.words(config, isAll: false))" }
        return "none of \(store.nodeCount) nodes may run it: " + parts.joined(separator: ", ")
    }

    /// Moves the configs off nodes that may not run them any more; what no other node may run dangles.
    ///
    /// - Parameter slots: the nodes whose Kubernetes nodes or abilities changed.
    mutating func relieveUnfit(_ slots: [Int]) {
        for slot in slots where !store.nodes[slot].id.isEmpty && !store.nodes[slot].configs.isEmpty {
            for config in heaviestFirst(store.nodes[slot].configs) { relieveIfUnfit(config, slot) }
        }
    }

    /// Moves a config off its node, if that may not run it any more.
    mutating func relieveIfUnfit(_ config: EncodedConfig, _ slot: Int) {
        guard isConstrained(config), mayLeave(config, slot), let obstacle = obstacle(to: config, slot),
            obstacle != .unknown, obstacle != .reserved
        else { return }
        if let node = bestNode(for: config) { return move(config.key, to: node, .unfit) }
        apply(.configWithdrawn(config.key, whyNowhere(config), mayRun: mayRun(config.key)))
    }
}

// What a node can run.
extension Dispatcher {
    /// Takes over what is known of a node's abilities: from the agent, its statistics and Kubernetes.
    ///
    /// - Parameter checks: which checks the agent runs, as it says now; nil to leave that as it is.
    /// - Returns: whether which checks it runs changed.
    @discardableResult
    mutating func refreshAbilities(_ slot: Int, checks: CheckCompatibility?? = nil) -> Bool {
        let former = store.nodes[slot].abilities
        let reported = statistics[slot]?.workers ?? (former.basis == .reported ? former.capacity : nil)
        let abilities = NodeAbilities(
            checks: checks ?? former.checks, stated: matching.statedCapacity(slot), reported: reported)
        guard abilities != former else { return false }
        apply(.nodeAbilitiesChanged(id: store.nodes[slot].id, abilities))
        return abilities.checks != former.checks
    }
}
