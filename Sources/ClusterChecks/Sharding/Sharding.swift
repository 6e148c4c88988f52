package import CheckModel
import JSON

/// Takes configs apart, each part with a key of its own that edits do not change. A pure function of the config.
package struct Sharding: Sendable {
    /// What a config comes to.
    package struct Outcome: Sendable {
        /// Its parts; none if it is dispatched as it is.
        package var shards: [CheckConfig] = []
        /// What is not as its author wanted it; nil if all is.
        package var problem: String?
    }

    private let options: ShardingOptions

    /// With these options.
    package init(_ options: ShardingOptions) {
        self.options = options
    }

    /// The parts of a config. Endpoints checks, and what is no cluster check, have none.
    package func shards(of config: CheckConfig) -> Outcome {
        guard config.clusterCheck, config.nodeName.isEmpty else { return Outcome() }
        if config.checkName == KubeStateMetricsSharding.checkName {
            return options.shardsKubeStateMetrics ? KubeStateMetricsSharding.shards(of: config) : Outcome()
        }
        guard options.shardsInstances, config.instances.count > 1, config.logs == nil,
            !options.unshardedChecks.contains(config.checkName)
        else { return Outcome() }
        return Outcome(shards: Self.instances(of: config))
    }

    /// One config for each instance. Its key goes by the instance's name where that is the only one of its kind, so that it survives when another
    /// instance is added or removed; else by its index.
    private static func instances(of config: CheckConfig) -> [CheckConfig] {
        let names = config.instances.map { CheckID.instanceName($0) ?? "" }
        let counts = Dictionary(names.map { ($0, 1) }, uniquingKeysWith: +)
        return config.instances.enumerated().map { index, instance in
            let isUnique = !names[index].isEmpty && counts[names[index]] == 1
            var shard = config.shard(isUnique ? "instance:\(names[index])" : "instance-\(index)", instance)
            shard.serviceID += "#instance-shard-\(index)"
            return shard
        }
    }
}

extension CheckConfig {
    /// The part of this config that has one instance.
    func shard(_ name: String, _ instance: JSONValue) -> CheckConfig {
        var shard = self
        shard.key = key.shard(name)
        shard.instances = [instance]
        return shard
    }
}
