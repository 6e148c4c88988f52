import CheckModel
import Platform

// Which node may run what.
extension Dispatcher {
    /// Why the node of a slot may not run a config; nil if it may.
    mutating func obstacle(to config: EncodedConfig, _ slot: Int) -> Obstacle? {
        store.nodes[slot].abilities.obstacle(to: config) ?? wantedElsewhere(config, slot)
            ?? config.rules.flatMap { eligible.obstacle($0, slot) }
    }

    /// Where to place a config; nil without a node that may get it.
    ///
    /// - Parameters:
    ///   - load: that of the config; nil to look it up.
    ///   - mayShare: whether it may share the node of a check that is to be alone, if no other may run it.
    mutating func bestNode(for config: EncodedConfig, load known: Load? = nil, mayShare: Bool = true) -> String? {
        let load = known ?? load(of: config)
        guard isConstrained(config) else { return store.leastLoadedNode(for: config, load: load) }
        let isWanted = store.intent.count > 0
        if isWanted, store.intent.paused.contains(config.key) { return nil }
        // Nobody is asked twice where nothing is isolated. A check that could run nowhere else shares the node of one
        // that is to be alone.
        return bestNode(for: config, load, isWanted)
            ?? (mayShare && !store.intent.isolated.isEmpty ? bestNode(for: config, load, isWanted, shares: true) : nil)
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
            guard nodes[slot].abilities.obstacle(to: config) == nil else { return false }
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

    /// Says why a config that dangles has no node: although nodes report, or because it is paused, or no longer is.
    mutating func explainDangling(_ config: EncodedConfig) {
        let former = store.danglingReason(of: config.key)
        let isPaused = store.intent.paused.contains(config.key)
        guard store.nodeCount > 0 && isConstrained(config) || isPaused != (former == .paused) else { return }
        let reason = store.nodeCount == 0 && !isPaused ? .noNode : whyNowhere(config)
        guard former != reason else { return }
        apply(.configWithdrawn(config.key, reason, mayRun: false))
    }

    /// Why no node may run a config now, in words.
    private mutating func whyNowhere(_ config: EncodedConfig) -> DanglingReason {
        store.intent.paused.contains(config.key) ? .paused : .noEligibleNode(obstacles(to: config))
    }

    /// Without numbers and names of nodes: those change with each node that comes or goes, and would be told each time.
    private mutating func obstacles(to config: EncodedConfig) -> String {
        var found: Set<Obstacle> = []
        for slot in store.nodes.indices where !store.nodes[slot].id.isEmpty {
            guard let obstacle = obstacle(to: config, slot) else {
                return "it waits for nodes that may run it, and cannot get checks now"
            }
            found.insert(obstacle)
        }
        let kinds = found.sorted()
        guard kinds.count > 1 else { return kinds.first?.words(config, isAll: true) ?? "no node-agent reports" }
        return "no node may run it: " + kinds.map { "some \($0.words(config, isAll: false))" }.joined(separator: ", ")
    }

    /// Moves the configs off nodes that may not run them any more; what no other node may run dangles.
    ///
    /// - Parameter slots: the nodes whose Kubernetes nodes or abilities changed.
    mutating func relieveUnfit(_ slots: [Int]) {
        for slot in slots where !store.nodes[slot].id.isEmpty && !store.nodes[slot].configs.isEmpty {
            for weighed in heaviestFirst(store.nodes[slot].configs) { relieveIfUnfit(weighed.config, slot) }
        }
    }

    /// Moves a config off its node, if that may not run it any more.
    mutating func relieveIfUnfit(_ config: EncodedConfig, _ slot: Int) {
        guard isConstrained(config), let obstacle = obstacle(to: config, slot), obstacle != .unknown,
            obstacle != .reserved, mayLeave(config, slot) || obstacle == .paused
        else { return }
        if let node = bestNode(for: config) {
            return move(config.key, to: node, obstacle == .operatorsPin ? .pinned : .unfit)
        }
        apply(.configWithdrawn(config.key, whyNowhere(config), mayRun: mayRun(config.key)))
    }
}

// What a node can run.
extension Dispatcher {
    /// Takes over what is known of a node's abilities: from the agent, its statistics and Kubernetes.
    ///
    /// - Parameters:
    ///   - checks: which checks the agent runs, as it says now; nil to leave that as it is.
    ///   - refreshInterval: how often it fetches its targets, if it is a Prometheus; nil to leave that as it is.
    /// - Returns: whether which checks it runs changed.
    @discardableResult
    mutating func refreshAbilities(
        _ slot: Int, checks: CheckCompatibility? = nil, refreshInterval: Duration? = nil
    ) -> Bool {
        let former = store.nodes[slot].abilities
        let reported = statistics[slot]?.workers ?? (former.basis == .reported ? former.capacity : nil)
        let abilities = NodeAbilities(
            checks: checks ?? former.checks, stated: matching.statedCapacity(slot), reported: reported,
            refreshInterval: refreshInterval ?? former.refreshInterval)
        guard abilities != former else { return false }
        apply(.nodeAbilitiesChanged(id: store.nodes[slot].id, abilities))
        return abilities.checks != former.checks
    }
}
