import CheckModel
import Platform

/// The configs of which operators isolate instances: these are dispatched as configs of their own, and the others
/// together, under the config's own key. So nobody but an isolated instance has another key, and moves for it.
///
/// An agent names a check by its whole config: when a config is split or joined, its checks get other IDs.
struct IsolatedInstances: Sendable {
    private struct Split {
        /// The config as it is desired.
        let whole: EncodedConfig
        /// The keys of its parts.
        let parts: [ConfigKey]
    }

    private var splits: [ConfigKey: Split] = [:]

    /// A config as it is desired, if it is split.
    func whole(_ key: ConfigKey) -> EncodedConfig? { splits[key]?.whole }

    /// The key under which an instance is dispatched if it is isolated.
    ///
    /// - Parameters:
    ///   - checkID: the instance.
    ///   - config: the config that has it, as it is dispatched now.
    func isolatedKey(_ checkID: String, in config: EncodedConfig) -> ConfigKey {
        let (whole, parts) = (whole(config.key) ?? config, parts(config.key))
        let names = whole.identities.map(\.shard).filter { !parts.contains(config.key.shard($0)) }
        let index = config.instanceIDs.firstIndex { $0.hasSameBytes(as: checkID) }
        guard whole.isSplittable, let index, index < names.count else { return config.key }
        return config.key.shard(names[index])
    }

    /// The keys of the parts of a config that is split.
    func parts(_ key: ConfigKey) -> [ConfigKey] { splits[key]?.parts ?? [] }

    /// What is dispatched of what is desired.
    ///
    /// - Parameter intent: what operators want.
    mutating func split(_ desired: EncodedChanges, _ intent: OperatorIntent) -> EncodedChanges {
        if desired.isWhole { splits = [:] }
        var shards: [ConfigKey: Set<ExactText>] = [:]
        for key in intent.parts { shards[key.whole, default: []].insert(ExactText(key.shard)) }
        guard !shards.isEmpty || !splits.isEmpty else { return desired }
        var changes = EncodedChanges(upserts: [], removals: desired.removals, isWhole: desired.isWhole)
        for key in desired.removals { changes.removals += splits.removeValue(forKey: key)?.parts ?? [] }
        for config in desired.upserts {
            let former = splits.removeValue(forKey: config.key)?.parts ?? []
            let split = shards[config.key].flatMap { wanted in
                // What is paused stays so, whatever its author says of hand-overs since.
                let isPaused = wanted.contains { intent.paused.contains(config.key.shard($0.text)) }
                return config.split(wanted, evenExclusive: isPaused)
            }
            let parts = split?.parts ?? []
            let rest = split == nil ? config : split?.rest
            if split != nil { splits[config.key] = Split(whole: config, parts: parts.map(\.key)) }
            if rest == nil { changes.removals.append(config.key) }
            changes.removals += former.filter { key in !parts.contains { $0.key == key } }
            changes.upserts += parts
            if let rest { changes.upserts.append(rest) }
        }
        return changes
    }
}
