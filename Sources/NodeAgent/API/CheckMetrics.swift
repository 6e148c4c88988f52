import Platform

/// Writes what this agent knows as metrics, read from its state at that moment.
struct CheckMetrics: Sendable {
    let checks: CheckRunner
    let link: ClusterAgentLink

    func write(_ page: inout MetricsWriter) {
        let now = checks.snapshot
        let link = link.snapshot
        page.family(
            "node_agent_cluster_agent_up", .gauge, help: "1 if the last poll of the cluster-agent succeeded, else 0.",
            [([:], link.isReachable == true ? 1 : 0)])
        page.family(
            "node_agent_configs", .gauge, help: "Configs given by the cluster-agent.", [([:], Double(link.configs))])
        page.family(
            "node_agent_instances", .gauge, help: "Instances on the schedule.", [([:], Double(now.records.count))])
        page.family("node_agent_runs_under_way", .gauge, help: "Runs under way.", [([:], Double(now.running))])
        page.family(
            "node_agent_runs_waiting", .gauge, help: "Instances that are due and wait for a worker.",
            [([:], Double(now.waiting))])
        page.family(
            "node_agent_worker_utilization", .gauge, help: "Share of time in which a worker ran checks, from 0 to 1.",
            now.utilization.enumerated().map { (["worker": "\($0.offset + 1)"], $0.element) })
        writeChecks(now.records, &page)
    }

    private func writeChecks(_ records: [CheckRecord], _ page: inout MetricsWriter) {
        let hasRun = records.filter { $0.runs > 0 }
        page.family(
            "node_agent_check_up", .gauge, help: "1 if the check's last run succeeded, 0 if it failed.",
            hasRun.map { (["check_id": $0.id, "check_name": $0.checkName], $0.isUp == true ? 1 : 0) })
        page.family(
            "node_agent_check_runs_total", .counter, help: "Runs that have ended.",
            records.map { (["check_id": $0.id, "check_name": $0.checkName], Double($0.runs)) })
        page.family(
            "node_agent_check_failures_total", .counter, help: "Runs that have failed, by the kind of failure.",
            records.flatMap { record in
                record.failures.sorted { $0.key < $1.key }.map { kind, count in
                    let labels: KeyValuePairs = [
                        "check_id": record.id, "check_name": record.checkName, "kind": kind.rawValue,
                    ]
                    return (labels, Double(count))
                }
            })
        page.family(
            "node_agent_check_last_duration_seconds", .gauge, help: "How long the check's last run took.",
            hasRun.map { (["check_id": $0.id, "check_name": $0.checkName], $0.lastDuration.seconds) })
        page.family(
            "node_agent_check_last_samples", .gauge, help: "Samples that the check's last run read.",
            hasRun.map { (["check_id": $0.id, "check_name": $0.checkName], Double($0.lastSamples)) })
    }
}
