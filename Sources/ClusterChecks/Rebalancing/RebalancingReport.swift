import Platform

/// What became of the rebalancings of this process, for metrics.
struct RebalancingReport: Sendable {
    private var decisions = 0
    private var moves = 0
    /// How long the last decision took.
    private var duration: Duration?
    /// How long it last took to ask all nodes for their statistics.
    private var collection: Duration?
    /// How often each node that reports gave no statistics.
    private var failures: [ExactText: Int] = [:]
    /// The utilization of each node after the last rebalancing, sorted by node.
    private var utilizations: [(node: String, utilization: Double)] = []

    mutating func record(moves: Int, utilizations: [(node: String, utilization: Double)]) {
        decisions += 1
        self.moves += moves
        self.utilizations = utilizations
    }

    mutating func record(duration: Duration) {
        self.duration = duration
    }

    /// Statistics were asked for. Nodes that no longer report are dropped.
    mutating func record(failures failed: [String], duration: Duration, nodes: ClusterStore) {
        collection = duration
        for id in failed { failures[id, default: 0] += 1 }
        failures = failures.filter { nodes.slot(of: $0.key.text) != nil }
    }

    /// Writes the metrics, for the nodes of a snapshot.
    func collect(for snapshot: StateSnapshot, weights: BusynessWeights, into writer: inout MetricsWriter) {
        let leader: KeyValuePairs<String, String> = ["join_leader": "true"]
        writer.family(
            "cluster_checks_busyness", .gauge, help: "Busyness of each node, from its statistics of all its checks.",
            snapshot.nodes.compactMap { node in
                node.statistics.map { (["join_leader": "true", "node": node.id], Double($0.busyness(weights))) }
            })
        let ids = Set(texts: snapshot.nodes.map(\.id))
        writer.family(
            "cluster_checks_predicted_utilization", .gauge,
            help: "Share of its workers' time that each node was expected to need after the last rebalancing.",
            utilizations.filter { ids.contains($0.node) }.map {
                (["join_leader": "true", "node": $0.node], $0.utilization)
            })
        writer.family(
            "cluster_checks_rebalancing_decisions", .counter, help: "Rebalancings decided.",
            [(leader, Double(decisions))])
        writer.family(
            "cluster_checks_successful_rebalancing_moves", .counter, help: "Configs moved by rebalancings.",
            [(leader, Double(moves))])
        writer.family(
            "cluster_checks_rebalancing_duration_seconds", .gauge,
            help: "How long the last rebalancing took to decide.",
            duration.map { [(leader, $0.seconds)] } ?? [])
        writer.family(
            "cluster_checks_updating_stats_duration_seconds", .gauge,
            help: "How long it last took to read the statistics of all nodes.",
            collection.map { [(leader, $0.seconds)] } ?? [])
        writer.family(
            "cluster_checks_failed_stats_collection", .counter, help: "How often each node gave no statistics.",
            failures.filter { ids.contains($0.key) }.sorted { $0.key < $1.key }.map {
                (["join_leader": "true", "node": $0.key.text], Double($0.value))
            })
    }
}
