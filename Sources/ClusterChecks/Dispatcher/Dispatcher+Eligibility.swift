import CheckModel
import Platform

/// Why a node may not run a config.
enum Obstacle: Hashable, Comparable, Sendable {
    /// Its agent does not run this check.
    case check
    /// The config is pinned to another one.
    case pin
    /// Its Kubernetes node lacks a label that the config selects by.
    case labels
    /// Its Kubernetes node is in another zone.
    case zone
    /// Nobody here knows its Kubernetes node, which the config selects by.
    case unknown
    /// An operator pinned the config to another one.
    case operatorsPin
    /// It has a check that an operator wants to be alone there.
    case reserved
    /// An operator paused the config.
    case paused
}

/// Which nodes may run what, as far as Kubernetes nodes decide it: looked up once for all configs with equal rules.
struct EligibleNodes: Sendable {
    /// How many rules are remembered.
    private static let limit = 256

    /// By slot: the Kubernetes node, as far as is known.
    private var workers: [WorkerNode?] = []
    /// By slot: the node's ID, under which a config may be pinned to it.
    private var ids: [String] = []
    private var obstacles: [PlacementRules: [Obstacle?]] = [:]

    /// The Kubernetes node of a node became known, or changed.
    ///
    /// - Returns: whether that is news.
    mutating func set(_ worker: WorkerNode?, id: String, slot: Int) -> Bool {
        while workers.count <= slot {
            workers.append(nil)
            ids.append("")
        }
        guard
            !ids[slot].hasSameBytes(as: id) || workers[slot]?.name != worker?.name
                || workers[slot]?.labels != worker?.labels
        else { return false }
        (workers[slot], ids[slot]) = (worker, id)
        obstacles = [:]
        return true
    }

    /// Whether the node of a slot has this ID, or runs on the Kubernetes node of this name.
    func isNode(_ slot: Int, named name: ExactText) -> Bool {
        guard slot < ids.count else { return false }
        return ids[slot].hasSameBytes(as: name.text) || workers[slot]?.name.hasSameBytes(as: name.text) == true
    }

    /// Why the rules keep a config from the node of a slot; nil if they do not.
    mutating func obstacle(_ rules: PlacementRules, _ slot: Int) -> Obstacle? {
        guard rules.isConstraint, slot < ids.count else { return rules.isConstraint ? .unknown : nil }
        if let known = obstacles[rules] { return known[slot] }
        if obstacles.count >= Self.limit { obstacles = [:] }
        let found = ids.indices.map { find(rules, $0) }
        obstacles[rules] = found
        return found[slot]
    }

    private func find(_ rules: PlacementRules, _ slot: Int) -> Obstacle? {
        if !rules.pin.isEmpty {
            guard isNode(slot, named: rules.pin) else { return .pin }
        }
        guard !rules.nodeSelector.isEmpty || !rules.zones.isEmpty else { return nil }
        guard let labels = workers[slot]?.labels else { return .unknown }
        guard rules.nodeSelector.allSatisfy({ labels[$0.key] == $0.value }) else { return .labels }
        guard !rules.zones.isEmpty else { return nil }
        let zone = labels[ExactText(PlacementRules.zoneLabel)]
        return zone.map { rules.zones.contains($0) } == true ? nil : .zone
    }
}

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

extension Obstacle {
    /// The obstacle in words: of all nodes, or after their number.
    fileprivate func words(_ config: EncodedConfig, isAll: Bool) -> String {
        switch self {
        case .check: isAll ? "no node-agent runs \(config.checkName)" : "do not run \(config.checkName)"
        case .pin:
            isAll
                ? "the node \(config.rules?.pin.text ?? ""), to which it is pinned, does not report"
                : "are not the node to which it is pinned"
        case .labels:
            isAll
                ? "no Kubernetes node of a node-agent has the labels \(selector(config))"
                : "lack the labels \(selector(config))"
        case .zone: isAll ? "no node-agent is in \(zones(config))" : "are not in \(zones(config))"
        case .operatorsPin:
            isAll
                ? "the node to which an operator pinned it does not report"
                : "are not the one to which an operator pinned it"
        case .reserved: isAll ? "every node has a check that is isolated there" : "have an isolated check"
        case .paused: "an operator paused it"
        case .unknown:
            isAll ? "the Kubernetes nodes of the node-agents are not known" : "have no known Kubernetes node"
        }
    }

    private func selector(_ config: EncodedConfig) -> String {
        (config.rules?.nodeSelector ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key.text)=\($0.value.text)" }
            .joined(separator: ",")
    }

    private func zones(_ config: EncodedConfig) -> String {
        let zones = (config.rules?.zones ?? []).map(\.text)
        return zones.count == 1 ? "the zone \(zones[0])" : "any of the zones \(zones.joined(separator: ", "))"
    }
}
