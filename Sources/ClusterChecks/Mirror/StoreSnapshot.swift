import CheckModel

/// A store at one version, as changes that make it from an empty one.
package struct StoreSnapshot: Sendable {
    /// The version of the store.
    package let version: UInt64
    private let isDispatching: Bool
    private let nodes: [ClusterStore.Node]
    private let handOversLast: [Duration]
    private let dangling: [ClusterStore.Dangling]
    private let endpointsChecks: EndpointsChecks

    /// Copies references only; drop it soon, for the next change of what it refers to copies that.
    ///
    /// - Parameter handOversLast: by slot, for how long the node's hand-over goes on at most.
    init(_ store: ClusterStore, handOversLast: [Duration]) {
        version = store.version
        isDispatching = store.isDispatching
        nodes = store.nodes
        dangling = store.dangling
        endpointsChecks = store.endpointsChecks
        self.handOversLast = handOversLast
    }

    /// The changes, in an order in which they can be applied. What they are not: the history of the store.
    package var changes: [StoreChange] {
        var changes: [StoreChange] = []
        for (slot, node) in nodes.enumerated() where !node.id.isEmpty { append(node, slot, to: &changes) }
        changes += dangling.map { .configScheduled($0.config, on: nil) }
        for nodeName in endpointsChecks.nodes {
            changes += endpointsChecks.of(nodeName).map { .endpointsCheckScheduled($0) }
        }
        if isDispatching { changes.append(.dispatchingBegan) }
        return changes
    }

    private func append(_ node: ClusterStore.Node, _ slot: Int, to changes: inout [StoreChange]) {
        changes.append(
            .nodeRegistered(id: node.id, type: node.type, address: node.address, isAwaited: node.isAwaited))
        if node.conditions != NodeConditions() {
            changes.append(.nodeConditionsChanged(id: node.id, node.conditions))
        }
        if !node.agents.isEmpty { changes.append(.nodeIDShared(id: node.id, agents: node.agents)) }
        changes += node.configs.map { .configScheduled($0, on: node.id) }
        // Last: a config that comes to the node would end it.
        if let handOver = node.handOver {
            changes.append(.handOverStarted(id: node.id, handOver, lasts: handOversLast[slot]))
        }
    }
}
