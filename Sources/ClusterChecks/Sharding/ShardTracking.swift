import CheckModel
import Platform

// Which parts a config was taken apart into: when it changes or goes, those that it has no more go.
extension Handler.Batch {
    /// A config is gone, and its parts.
    mutating func remove(_ key: ConfigKey) {
        wanted.removals.append(key)
        wanted.removals += shards.removeValue(forKey: key) ?? []
    }

    /// A config is new, or changed: what is dispatched of it takes the place of what was. What cannot be dispatched is gone, and logged.
    mutating func take(_ config: DesiredConfig, _ log: Log) {
        let former = shards.removeValue(forKey: config.key) ?? []
        switch config.form {
        case .whole(let whole):
            wanted.removals += former
            wanted.upserts.append(whole)
        case .parts(let parts):
            take(parts, of: config.key, former: former, log)
        }
    }

    private mutating func take(_ parts: DesiredConfig.Parts, of key: ConfigKey, former: [ConfigKey], _ log: Log) {
        if let problem = parts.problem {
            log.warning("config is not taken apart as it should be", ["config": key, "reason": problem])
        }
        let keys = parts.configs.map(\.key) + parts.rejected.map(\.key)
        if former.isEmpty, parts.isSharded || keys.isEmpty { wanted.removals.append(key) }
        wanted.removals += former.filter { !keys.contains($0) }
        if parts.isSharded { shards[key] = keys }
        wanted.upserts += parts.configs
        for (key, error) in parts.rejected {
            wanted.removals.append(key)
            rejected[key] = error.description
            log.warning("config cannot be dispatched", ["config": key, "reason": error])
        }
    }
}
