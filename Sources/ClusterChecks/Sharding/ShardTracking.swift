import CheckModel
import Platform

// Which parts a config was taken apart into: when it changes or goes, those that it has no more go.
extension Handler.Batch {
    /// A config is gone, and its parts.
    mutating func remove(_ key: ConfigKey) {
        wanted.removals.append(key)
        wanted.removals += shards.removeValue(forKey: key) ?? []
    }

    /// What is dispatched of a config: its parts, or itself.
    mutating func parts(of config: CheckConfig, _ outcome: Sharding.Outcome, _ log: Log) -> [CheckConfig] {
        if let problem = outcome.problem {
            log.warning("config is not taken apart as it should be", ["config": config.key, "reason": problem])
        }
        let former = shards.removeValue(forKey: config.key) ?? []
        guard !outcome.shards.isEmpty else {
            wanted.removals += former
            return [config]
        }
        let keys = outcome.shards.map(\.key)
        if former.isEmpty { wanted.removals.append(config.key) }
        wanted.removals += former.filter { !keys.contains($0) }
        shards[config.key] = keys
        return outcome.shards
    }
}
