import Platform

/// How long the decisions of a leader take that look at many configs.
struct DecisionDurations: Sendable {
    private static let bounds = [0.0001, 0.001, 0.01, 0.05, 0.25, 1, 5]

    let reconciling = DurationHistogram(bounds: bounds)
    let rebalancing = DurationHistogram(bounds: bounds)

    /// Writes the histograms.
    func collect(into writer: inout MetricsWriter) {
        writer.histogram(
            "cluster_agent_reconcile_duration_seconds", help: "Duration of each step of reconciling the configs.",
            [([:], reconciling.value)])
        writer.histogram(
            "cluster_agent_rebalance_duration_seconds", help: "Duration of each decision to rebalance.",
            [([:], rebalancing.value)])
    }
}
