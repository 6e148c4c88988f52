import CheckModel
import Platform

/// The metrics of this agent, computed from its state when they are read.
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
            "node_agent_configs", .gauge, help: "Configs assigned by the cluster-agent.", [([:], Double(link.configs))])
        page.family(
            "node_agent_instances", .gauge, help: "Instances scheduled.", [([:], Double(now.records.count))])
        page.family("node_agent_runs_under_way", .gauge, help: "Check runs in progress.", [([:], Double(now.running))])
        page.family(
            "node_agent_runs_waiting", .gauge, help: "Instances that are due and waiting for a worker.",
            [([:], Double(now.waiting))])
        page.family(
            "node_agent_worker_utilization", .gauge,
            help: "Share of time that a worker spent running checks, from 0 to 1.",
            now.utilization.enumerated().map { (["worker": "\($0.offset + 1)"], $0.element) })
        page.histogram(
            "node_agent_check_duration_seconds", help: "Durations of finished runs, by check.",
            now.durations.map { (["check_name": $0.checkName.text], $0.histogram) })
        writeChecks(now.records, &page)
    }

    private func writeChecks(_ records: [CheckRecord], _ page: inout MetricsWriter) {
        let hasRun = records.filter { $0.runs > 0 }
        page.family(
            "node_agent_check_up", .gauge, help: "1 if the check's last run succeeded, 0 if it failed.",
            hasRun.map { ($0.metricLabels, $0.isUp == true ? 1 : 0) })
        page.family(
            "node_agent_check_runs_total", .counter, help: "Finished check runs.",
            records.map { ($0.metricLabels, Double($0.runs)) })
        page.family(
            "node_agent_check_failures_total", .counter,
            help: "Failures of checks, by kind; those that kept it from running are kinds too.",
            records.flatMap { record in
                record.failures.sorted { $0.key < $1.key }.map { kind, count in
                    let labels: KeyValuePairs = [
                        "check_id": record.id, "check_name": record.checkName,
                        "kube_namespace": record.labels.namespace, "kube_service": record.labels.service,
                        "name": record.labels.name, "kind": kind.rawValue,
                    ]
                    return (labels, Double(count))
                }
            })
        page.family(
            "node_agent_check_last_success_timestamp_seconds", .gauge,
            help: "When the check last succeeded, in seconds since 1970; not there if it never has.",
            records.compactMap { record in
                record.lastSuccess.map { (record.metricLabels, Double($0.nanoseconds / 1_000_000) / 1_000) }
            })
        page.family(
            "node_agent_check_last_duration_seconds", .gauge, help: "Duration of the check's last run.",
            hasRun.map { ($0.metricLabels, $0.lastDuration.seconds) })
        page.family(
            "node_agent_check_certificate_expiry_seconds", .gauge,
            help: "How long the server's certificate was still valid in the check's last run.",
            records.compactMap { record in
                record.secondsToExpiry.map { (record.metricLabels, Double($0)) }
            })
        page.family(
            "node_agent_check_last_samples", .gauge, help: "Samples read by the check's last run.",
            hasRun.map { ($0.metricLabels, Double($0.lastSamples)) })
    }
}

extension CheckRecord {
    fileprivate var metricLabels: KeyValuePairs<String, String> {
        [
            "check_id": id, "check_name": checkName, "kube_namespace": labels.namespace,
            "kube_service": labels.service, "name": labels.name,
        ]
    }
}
