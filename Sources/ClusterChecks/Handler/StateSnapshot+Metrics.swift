import CheckModel
import Platform

extension StateSnapshot {
    /// Writes the dispatcher's metrics. All are computed from the state; `join_leader` is there because existing
    /// dashboards join on it.
    func collect(into writer: inout MetricsWriter) {
        writer.family(
            "cluster_checks_nodes_reporting", .gauge, help: "Node-agents that report.",
            [(["join_leader": "true"], Double(nodes.count))])
        let paused = dangling.count { $0.reason == .paused }
        writer.family(
            "cluster_checks_configs_dangling", .gauge,
            help: "Configs that have no node, without those that an operator paused.",
            [(["join_leader": "true"], Double(dangling.count - paused))])
        writer.family(
            "cluster_checks_configs_paused", .gauge, help: "Configs that run nowhere because an operator paused them.",
            [(["join_leader": "true"], Double(paused))])
        writer.family(
            "cluster_checks_configs_rejected", .gauge, help: "Configs that cannot be dispatched.",
            [(["join_leader": "true"], Double(rejected.count))])
        writer.family(
            "cluster_checks_configs_dispatched", .gauge, help: "Configs of each node.",
            nodes.map { (["join_leader": "true", "node": $0.id], Double($0.configs.count)) })
        writer.family(
            "endpoint_checks_configs_dispatched", .gauge, help: "Endpoints checks of each Kubernetes node.",
            endpointsChecks.nodes.map {
                (["join_leader": "true", "node": $0], Double(endpointsChecks.of($0).count))
            })
        writer.family(
            "cluster_checks_nodes_condition", .gauge,
            help: "Node-agents that report and are cordoned, draining, two under one node ID, or without a known pod.",
            conditionSamples)
        writer.family(
            "cluster_checks_configs_info", .gauge, help: "Which node runs which check instance.", configSamples)
        writer.family(
            "cluster_checks_unscheduled_check", .gauge, help: "Configs that have had no node for too long.",
            unscheduledSamples)
    }

    private var conditionSamples: [MetricsWriter.Sample] {
        let conditions: [(name: String, holds: (Node) -> Bool)] = [
            ("cordoned", { $0.conditions.cordon != nil }), ("flapping", { $0.conditions.cordon == .flapping }),
            ("draining", { $0.conditions.isDraining }),
            ("duplicate", { !$0.agents.isEmpty }), ("without_pod", \.lacksPod),
        ]
        return conditions.map { condition in
            (["join_leader": "true", "condition": condition.name], Double(nodes.count(where: condition.holds)))
        }
    }

    private var configSamples: [MetricsWriter.Sample] {
        var samples: [MetricsWriter.Sample] = []
        for node in nodes {
            for config in node.configs {
                for checkID in config.instanceIDs {
                    let labels: KeyValuePairs = [
                        "join_leader": "true", "node": node.id, "check_name": config.checkName, "check_id": checkID,
                    ]
                    samples.append((labels, 1))
                }
            }
        }
        return samples
    }

    /// One sample for each check and source, however many of its configs are unscheduled.
    private var unscheduledSamples: [MetricsWriter.Sample] {
        var counts: [ConfigKey: Int] = [:]
        for config in unscheduled {
            counts[ConfigKey(source: config.key.source, check: config.checkName, index: 0), default: 0] += 1
        }
        return counts.sorted { $0.key < $1.key }.map { key, count in
            (["join_leader": "true", "config_name": key.check, "config_source": key.source], Double(count))
        }
    }
}
