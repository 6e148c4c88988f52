import CheckModel

/// A store at one version, as changes that make it from an empty one.
package struct StoreSnapshot: Sendable {
    /// The version of the store.
    package let version: UInt64
    private let isDispatching: Bool
    private let nodes: [ClusterStore.Node]
    private let remaining: [Duration]
    private let unclear: Duration
    private let dangling: [ClusterStore.Dangling]
    private let handOvers: [ConfigKey: HandOver]
    private let endpointsChecks: EndpointsChecks
    private let workersPerInstance: Double?
    private let intent: OperatorIntent

    /// How many costs are told in one change.
    static let costsAtOnce = 1_000

    /// Copies references only; drop it soon, for the next change of what it refers to copies that.
    ///
    /// - Parameters:
    ///   - remaining: by slot, for how much longer a node that is away is waited for, or one keeps running whatever it
    ///     runs.
    ///   - unclear: for how much longer agents that have not been heard may run what nobody knows of.
    init(_ store: ClusterStore, remaining: [Duration], unclear: Duration) {
        self.unclear = unclear
        version = store.version
        isDispatching = store.isDispatching
        nodes = store.nodes
        dangling = store.dangling
        handOvers = store.handOvers
        endpointsChecks = store.endpointsChecks
        workersPerInstance = store.workersPerInstance
        intent = store.intent
        self.remaining = remaining
    }

    /// The changes, in an order in which they can be applied. What they are not: the history of the store.
    package var changes: [StoreChange] {
        var changes: [StoreChange] = []
        for (slot, node) in nodes.enumerated() where !node.id.isEmpty { append(node, slot, to: &changes) }
        for dangling in dangling {
            changes.append(.configScheduled(dangling.config, on: nil))
            guard dangling.reason != .noNode else { continue }
            changes.append(.configWithdrawn(dangling.config.key, dangling.reason, mayRun: false))
        }
        for nodeName in endpointsChecks.nodes {
            changes += endpointsChecks.of(nodeName).map { .endpointsCheckScheduled($0) }
        }
        for key in handOvers.keys.sorted() {
            guard let handOver = handOvers[key] else { continue }
            changes.append(.handOverStarted(handOver.config, from: handOver.former.map { nodes[$0].id }))
        }
        changes += costChanges
        if intent != OperatorIntent() { changes.append(.intentChanged(intent)) }
        if isDispatching { changes.append(.dispatchingBegan(unclearFor: unclear)) }
        return changes
    }

    /// What configs cost, where that does not follow from what they are; a thousand in one change.
    private var costChanges: [StoreChange] {
        let placed = nodes.flatMap { node in zip(node.configs, node.costs).map { (config: $0, cost: $1) } }
        let all = placed + dangling.map { (config: $0.config, cost: $0.cost) }
        let known = all.filter { $0.cost != ConfigCost(of: $0.config) }.map {
            ChangedCost(key: $0.config.key, cost: $0.cost)
        }
        guard !known.isEmpty || workersPerInstance != nil else { return [] }
        return stride(from: 0, to: max(1, known.count), by: Self.costsAtOnce).map { start in
            let chunk = known[start..<min(start + Self.costsAtOnce, known.count)]
            return .costsChanged(Array(chunk), workersPerInstance: workersPerInstance)
        }
    }

    private func append(_ node: ClusterStore.Node, _ slot: Int, to changes: inout [StoreChange]) {
        changes.append(
            .nodeRegistered(id: node.id, type: node.type, address: node.address, isAwaited: node.isAwaited))
        if node.conditions != NodeConditions() {
            changes.append(.nodeConditionsChanged(id: node.id, node.conditions))
        }
        if node.abilities != NodeAbilities() { changes.append(.nodeAbilitiesChanged(id: node.id, node.abilities)) }
        if !node.agents.isEmpty { changes.append(.nodeIDShared(id: node.id, agents: node.agents)) }
        changes += node.configs.map { .configScheduled($0, on: node.id) }
        if node.isAway { changes.append(.nodeLeft(id: node.id, returnsWithin: remaining[slot])) }
        // Last: a config that comes to the node would end it.
        if node.keepsRunning { changes.append(.keepsRunning(id: node.id, atMost: remaining[slot])) }
    }
}
