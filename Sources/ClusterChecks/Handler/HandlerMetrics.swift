import CheckModel
package import Platform

extension Handler {
    /// Writes the dispatcher's metrics, under the names that Datadog's cluster agent gives them; nothing while this replica does not lead.
    ///
    /// All are computed from the state as it is now. `join_leader` is there because existing dashboards join on it.
    package func collect(into writer: inout MetricsWriter) {
        guard let state = try? snapshot(now: clock.now()) else { return }
        writer.family(
            "cluster_checks_nodes_reporting", .gauge, help: "Node-agents that report.",
            [(["join_leader": "true"], Double(state.nodes.count))])
        writer.family(
            "cluster_checks_configs_dangling", .gauge, help: "Configs that have no node.",
            [(["join_leader": "true"], Double(state.dangling.count))])
        writer.family(
            "cluster_checks_configs_rejected", .gauge, help: "Configs that cannot be dispatched.",
            [(["join_leader": "true"], Double(state.rejected.count))])
        writer.family(
            "cluster_checks_configs_dispatched", .gauge, help: "Configs of each node.",
            state.nodes.map { (["join_leader": "true", "node": $0.id], Double($0.configs.count)) })
        let checks = state.endpointsChecks
        writer.family(
            "endpoint_checks_configs_dispatched", .gauge, help: "Endpoints checks of each Kubernetes node.",
            checks.nodes.map { (["join_leader": "true", "node": $0], Double(checks.of($0).count)) })
        let conditions: [(name: String, holds: (StateSnapshot.Node) -> Bool)] = [
            ("cordoned", { $0.conditions.cordon != nil }), ("draining", { $0.conditions.isDraining }),
            ("duplicate", { !$0.agents.isEmpty }), ("without_pod", { $0.conditions.lacksPod }),
        ]
        writer.family(
            "cluster_checks_nodes_condition", .gauge,
            help: "Node-agents that report and are cordoned, about to leave, two under one id, or without a known pod.",
            conditions.map { condition in
                (
                    ["join_leader": "true", "condition": condition.name],
                    Double(state.nodes.count(where: condition.holds))
                )
            })
        var info: [MetricsWriter.Sample] = []
        for node in state.nodes {
            for config in node.configs {
                for checkID in config.instanceIDs {
                    let labels: KeyValuePairs = [
                        "join_leader": "true", "node": node.id, "check_name": config.checkName, "check_id": checkID,
                    ]
                    info.append((labels, 1))
                }
            }
        }
        writer.family("cluster_checks_configs_info", .gauge, help: "Which node runs which instance.", info)
        writer.family(
            "cluster_checks_unscheduled_check", .gauge, help: "Configs that have had no node for too long.",
            Self.unscheduled(state.unscheduled))
        collectRebalancing(state, into: &writer)
    }

    /// One sample for each check and source, however many of its configs there are.
    private static func unscheduled(_ configs: [EncodedConfig]) -> [MetricsWriter.Sample] {
        var counts: [ConfigKey: Int] = [:]
        for config in configs {
            counts[ConfigKey(source: config.key.source, check: config.checkName, index: 0), default: 0] += 1
        }
        return counts.sorted { $0.key < $1.key }.map { key, count in
            (["join_leader": "true", "config_name": key.check, "config_source": key.source], Double(count))
        }
    }
}
