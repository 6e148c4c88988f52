import Platform
import Synchronization

/// What became of the rebalancings of this process, for metrics.
struct RebalancingReport: Sendable {
    /// How many were decided upon.
    var decisions = 0
    /// How many configs were moved.
    var moves = 0
    /// How long the last one took to decide.
    var duration: Duration?
    /// How long it took to ask all runners, the last time.
    var collection: Duration?
    /// How often each node that reports gave no statistics.
    var failures: [String: Int] = [:]
    /// The utilization of each node after the last one, sorted by node.
    var utilizations: [(node: String, utilization: Double)] = []
}

extension Handler {
    /// Writes the metrics of rebalancing for the nodes of a snapshot.
    func collectRebalancing(_ snapshot: StateSnapshot, into writer: inout MetricsWriter) {
        let report = state.withLock { $0.rebalancing }
        let leader: KeyValuePairs<String, String> = ["join_leader": "true"]
        writer.family(
            "cluster_checks_busyness", .gauge, help: "How busy each node is by what it measured of all its checks.",
            snapshot.nodes.compactMap { node in
                node.statistics.map {
                    (["join_leader": "true", "node": node.id], Double($0.busyness(options.rebalancing.weights)))
                }
            })
        let ids = Set(snapshot.nodes.map(\.id))
        writer.family(
            "cluster_checks_predicted_utilization", .gauge,
            help: "Share of its workers' time that each node was expected to need after the last rebalancing.",
            report.utilizations.filter { ids.contains($0.node) }.map {
                (["join_leader": "true", "node": $0.node], $0.utilization)
            })
        writer.family(
            "cluster_checks_rebalancing_decisions", .counter, help: "Rebalancings decided upon.",
            [(leader, Double(report.decisions))])
        writer.family(
            "cluster_checks_successful_rebalancing_moves", .counter, help: "Configs that rebalancings moved.",
            [(leader, Double(report.moves))])
        writer.family(
            "cluster_checks_rebalancing_duration_seconds", .gauge,
            help: "How long the last rebalancing took to decide.",
            report.duration.map { [(leader, $0.seconds)] } ?? [])
        writer.family(
            "cluster_checks_updating_stats_duration_seconds", .gauge,
            help: "How long it took to read the statistics of all nodes, the last time.",
            report.collection.map { [(leader, $0.seconds)] } ?? [])
        writer.family(
            "cluster_checks_failed_stats_collection", .counter, help: "Times that a node gave no statistics.",
            report.failures.filter { ids.contains($0.key) }.sorted { $0.key < $1.key }.map {
                (["join_leader": "true", "node": $0.key], Double($0.value))
            })
    }
}
