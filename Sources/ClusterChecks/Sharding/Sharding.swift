import CheckModel
import JSON
package import Platform

/// Which configs are sharded: split into parts before they are dispatched, so that several nodes share their work.
package struct ShardingOptions: Hashable, Sendable {
    /// Whether checks of kube-state-metrics are sharded: `cluster_checks.ksm_sharding_enabled`.
    package var shardsKubeStateMetrics = false
    /// Whether configs with several instances are sharded: `cluster_checks.instance_sharding_enabled`.
    package var shardsInstances = false
    /// The checks whose instances stay together: `cluster_checks.instance_sharding_exclude_checks`.
    package var unshardedChecks: Set<ExactText> = []

    /// Nothing is sharded.
    package init() {}
}

/// Shards configs. Each shard has a key of its own, which edits do not change. A pure function of the config.
struct Sharding: Sendable {
    struct Outcome: Sendable {
        /// The shards; empty if the config is dispatched whole.
        var shards: [CheckConfig] = []
        /// Why the config is not sharded as its author requested; nil if it is.
        var problem: String?
    }

    private let options: ShardingOptions

    init(_ options: ShardingOptions) {
        self.options = options
    }

    /// The shards of a config. Endpoints checks, and configs that are no cluster checks, have none.
    func shards(of config: CheckConfig) -> Outcome {
        guard config.clusterCheck, config.nodeName.isEmpty else { return Outcome() }
        if config.checkName == KubeStateMetricsSharding.checkName {
            return options.shardsKubeStateMetrics ? KubeStateMetricsSharding.shards(of: config) : Outcome()
        }
        guard options.shardsInstances, config.instances.count > 1, config.logs == nil,
            !options.unshardedChecks.contains(config.checkName)
        else { return Outcome() }
        return Outcome(shards: Self.instances(of: config))
    }

    /// One config for each instance. Its key and its bytes do not change when other instances are added or removed.
    private static func instances(of config: CheckConfig) -> [CheckConfig] {
        zip(config.instances, InstanceIdentity.all(config.instances)).map { instance, identity in
            var shard = config.shard(identity.shard, instance)
            shard.serviceID = identity.serviceID(config.serviceID)
            return shard
        }
    }
}

extension CheckConfig {
    /// The shard of this config that has one instance.
    func shard(_ name: String, _ instance: JSONValue) -> CheckConfig {
        var shard = self
        shard.key = key.shard(name)
        shard.instances = [instance]
        return shard
    }
}
