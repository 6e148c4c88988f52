import CheckModel
import JSON
import Platform

/// Shards a check of kube-state-metrics: by `shard_criteria` and `shard_count` if its instance has them, else by
/// resource: pods, nodes, and the others.
enum KubeStateMetricsSharding {
    static let checkName = "kubernetes_state_core"

    /// What kube-state-metrics collects by default.
    private static let defaultCollectors = [
        "certificatesigningrequests", "configmaps", "cronjobs", "daemonsets", "deployments", "endpoints",
        "horizontalpodautoscalers", "ingresses", "jobs", "leases", "limitranges", "mutatingwebhookconfigurations",
        "namespaces", "networkpolicies", "nodes", "persistentvolumeclaims", "persistentvolumes", "poddisruptionbudgets",
        "pods", "replicasets", "replicationcontrollers", "resourcequotas", "secrets", "services", "statefulsets",
        "storageclasses", "validatingwebhookconfigurations", "volumeattachments",
    ]
    private static let criteria = ["namespace", "resource"]
    /// More shards than any cluster has runners.
    private static let mostShards: Int64 = 1_000

    static func shards(of config: CheckConfig) -> Sharding.Outcome {
        let aggregates = config.instances.filter(isAggregate)
        let others = config.instances.filter { !isAggregate($0) }
        guard others.count == 1, case .object(let members) = others[0] else {
            let problem = "has \(others.count) instances to shard instead of one object: it is dispatched whole"
            return Sharding.Outcome(problem: problem)
        }
        var outcome =
            members["shard_criteria"].map(hasCriteria) == true
            ? byHash(config, members) : byResource(config, members)
        guard !outcome.shards.isEmpty, let aggregate = aggregates.first else { return outcome }
        outcome.shards.append(config.shard("aggregates", runsAnywhere(aggregate.objectValue ?? [:])))
        if aggregates.count > 1 {
            outcome.problem =
                "has \(aggregates.count) instances that only count aggregates: all but the first are dropped"
        }
        return outcome
    }

    /// Whether an instance counts what no single node can. It must run once, whatever the others collect.
    private static func isAggregate(_ instance: JSONValue) -> Bool {
        instance["pod_collection_mode"] == .string("cluster_aggregates_only")
    }

    private static func hasCriteria(_ value: JSONValue) -> Bool {
        value != .null && value != .array([])
    }

    private static func byResource(_ config: CheckConfig, _ members: [ExactText: JSONValue]) -> Sharding.Outcome {
        guard let collectors = collectors(members["collectors"]) else {
            return Sharding.Outcome(problem: "collectors must be a list of strings: it is dispatched whole")
        }
        let groups = [
            ("pods", collectors.filter { $0 == "pods" }), ("nodes", collectors.filter { $0 == "nodes" }),
            ("others", collectors.filter { $0 != "pods" && $0 != "nodes" }),
        ].filter { !$0.1.isEmpty }
        guard groups.count > 1 else { return Sharding.Outcome() }
        return Sharding.Outcome(
            shards: groups.map { name, collectors in
                var shard = members
                shard["collectors"] = .array(collectors.sortedByBytes().map(JSONValue.string))
                return config.shard(name, runsAnywhere(shard))
            })
    }

    private static func collectors(_ value: JSONValue?) -> [String]? {
        guard let value, value != .null, value != .array([]) else { return defaultCollectors }
        let names = value.arrayValue?.map(\.stringValue)
        guard let names, names.allSatisfy({ $0 != nil }) else { return nil }
        return names.compactMap { $0 }
    }

    private static func byHash(_ config: CheckConfig, _ members: [ExactText: JSONValue]) -> Sharding.Outcome {
        let wanted = (members["shard_criteria"]?.arrayValue ?? []).compactMap(\.stringValue)
        let isFine =
            !wanted.isEmpty && wanted.count == members["shard_criteria"]?.arrayValue?.count
            && wanted.allSatisfy(criteria.contains) && Set(wanted).count == wanted.count
        guard isFine else {
            let problem = "shard_criteria must list namespace, resource or both, each once: it is dispatched whole"
            return Sharding.Outcome(problem: problem)
        }
        guard let count = members["shard_count"]?.integerValue, (2...mostShards).contains(count) else {
            return Sharding.Outcome(
                problem: "shard_count must be a number from 2 to \(mostShards): it is dispatched whole")
        }
        return Sharding.Outcome(
            shards: (0..<count).map { index in
                var shard = members
                shard["shard_criteria"] = .array(wanted.sortedByBytes().map(JSONValue.string))
                shard["shard_id"] = .integer(index)
                return config.shard("hash-\(index)", runsAnywhere(shard))
            })
    }

    /// A runner does not take part in the check's own leader election, and must not wait for it.
    private static func runsAnywhere(_ members: [ExactText: JSONValue]) -> JSONValue {
        .object(members.merging(["skip_leader_election": .bool(true)]) { $1 })
    }
}
