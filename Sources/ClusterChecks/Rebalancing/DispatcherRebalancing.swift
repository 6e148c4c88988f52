import CheckModel

/// What a rebalancing is decided upon: taken under a lock in no time, and looked at outside of it.
package struct RebalancingView: Sendable {
    /// The version of the store.
    package let version: UInt64
    private let nodes: [ClusterStore.Node]
    private let statistics: [NodeStatistics?]

    init(version: UInt64, nodes: [ClusterStore.Node], statistics: [NodeStatistics?]) {
        self.version = version
        self.nodes = nodes
        self.statistics = statistics
    }

    /// The nodes that take part, sorted by id: those whose statistics are known and that are not about to leave. One that is cordoned may give, and
    /// gets nothing.
    package var measuredNodes: [MeasuredNode] {
        zip(nodes, statistics).compactMap { node, statistics -> MeasuredNode? in
            guard let statistics, !node.id.isEmpty, node.conditions.standing < .draining else { return nil }
            return MeasuredNode(
                id: node.id, statistics: statistics, configs: node.configs,
                receives: node.conditions.standing == .free && node.agents.isEmpty)
        }.sorted { $0.id < $1.id }
    }

    /// The node of a check ID; nil if none has it.
    package func nodeID(of checkID: String) -> String? {
        nodes.filter { node in node.configs.contains { $0.instanceIDs.contains(checkID) } }.map(\.id).min()
    }
}

// What runners measured.
extension Dispatcher {
    /// What a rebalancing is to be decided upon.
    package var rebalancingView: RebalancingView {
        RebalancingView(version: store.version, nodes: store.nodes, statistics: statistics)
    }

    /// What each node answered last, by slot; nil for one that never did.
    package var statistics: [NodeStatistics?] { records.map(\.statistics) }

    /// Takes in what a node answered; nothing if it is not there any more.
    package mutating func take(_ statistics: NodeStatistics, of id: String) {
        guard let slot = store.slot(of: id) else { return }
        records[slot].statistics = statistics
    }

    /// Moves configs, and what was measured of them.
    ///
    /// - Precondition: the moves were decided upon the present version of the store.
    package mutating func move(_ moves: [RebalanceMove], _ reason: MoveReason) -> [StoreChange] {
        var changes: [StoreChange] = []
        for move in moves {
            apply(.configMoved(move.config.key, to: move.destination, reason), &changes)
            guard let source = store.slot(of: move.source), let destination = store.slot(of: move.destination) else {
                continue
            }
            for checkID in move.config.instanceIDs {
                guard let stats = records[source].statistics?.checks.removeValue(forKey: checkID) else { continue }
                records[destination].statistics?.checks[checkID] = stats
            }
        }
        return changes
    }
}
