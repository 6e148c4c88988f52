package import CheckModel

/// Where configs come from. `DesiredConfigs` has exactly this shape.
package protocol ConfigSource: Sendable {
    /// The changes after `version`; from 0 the whole set.
    func changes(since version: UInt64) -> DesiredChanges

    /// Returns when the version differs from `version`, or throws `CancellationError`.
    func waitForChange(after version: UInt64) async throws
}

extension DesiredConfigs: ConfigSource {}

/// A change of the desired set as the Dispatcher gets it: sharded, patched and encoded.
package struct EncodedChanges: Sendable {
    /// New and edited configs. Unchanged ones are allowed, and change nothing.
    var upserts: [EncodedConfig]
    /// The keys of removed configs.
    var removals: [ConfigKey]
    /// Whether this is the whole set: configs that are not in `upserts` are removed.
    let isWhole: Bool

    /// Changes.
    package init(upserts: [EncodedConfig], removals: [ConfigKey] = [], isWhole: Bool = false) {
        self.upserts = upserts
        self.removals = removals
        self.isWhole = isWhole
    }
}

/// How far the desired set has been reconciled, which configs were rejected, and which are dispatched as shards.
///
/// One change is reconciled at a time: `batch` before it is encoded, `commit` with what became of it.
struct Reconciliation: Sendable {
    /// The version from which to ask for changes; 0 for the whole set.
    private(set) var version: UInt64 = 0
    /// The rejected configs.
    private(set) var rejections = Rejections()
    /// The keys of the shards of each config that has any.
    private var shards: [ConfigKey: [ConfigKey]] = [:]

    /// An empty batch for these changes. This is O(changes).
    func batch(for changes: DesiredChanges) -> Batch {
        var known: [ConfigKey: [ConfigKey]] = [:]
        if !changes.isWhole, !shards.isEmpty {
            for key in changes.removals { known[key] = shards[key] }
            for config in changes.upserts { known[config.key] = shards[config.key] }
        }
        return Batch(changes, shards: known)
    }

    /// A batch was reconciled. This is O(its configs).
    ///
    /// - Parameters:
    ///   - refused: its configs that were refused because the limit is reached.
    ///   - hasRoom: whether the limit allows for more.
    mutating func commit(_ batch: Batch, refused: [ConfigKey], hasRoom: Bool) {
        let changes = batch.changes
        let hadRefused = !rejections.overLimit.isEmpty
        if changes.isWhole {
            shards = [:]
            rejections = Rejections()
        }
        for (key, shardKeys) in batch.shards { shards[key] = shardKeys.isEmpty ? nil : shardKeys }
        for key in changes.removals { rejections.remove(key) }
        for config in changes.upserts { rejections.remove(config.key) }
        rejections.invalid.merge(batch.invalid) { $1 }
        rejections.overLimit.formUnion(refused)
        // Once there is room again, the whole set brings back the configs that were refused.
        version = hadRefused && hasRoom && !changes.isWhole ? 0 : batch.version
    }
}

/// The configs that cannot be dispatched.
struct Rejections: Sendable {
    /// Those that cannot be encoded, and why.
    fileprivate(set) var invalid: [ConfigKey: String] = [:]
    /// Those refused because the limit was reached.
    fileprivate(set) var overLimit: Set<ConfigKey> = []

    fileprivate mutating func remove(_ key: ConfigKey) {
        if !invalid.isEmpty { invalid[key] = nil }
        if !overLimit.isEmpty { overLimit.remove(key) }
    }

    /// Each with its reason, sorted by key.
    var sorted: [(key: ConfigKey, reason: String)] {
        var all = invalid
        for key in overLimit { all[key] = "over the limit of configs" }
        return all.sorted { $0.key < $1.key }.map { (key: $0.key, reason: $0.value) }
    }
}

extension Reconciliation {
    /// One change of the desired set on its way to the Dispatcher. It is encoded outside every lock.
    struct Batch: Sendable {
        private let desired: DesiredChanges
        /// What to dispatch.
        private(set) var changes: EncodedChanges
        /// The configs that cannot be encoded, and why.
        private(set) var invalid: [ConfigKey: String] = [:]
        /// The configs that cannot be sharded as requested, and why, sorted by key.
        private(set) var unsharded: [(key: ConfigKey, problem: String)] = []
        /// The shards of the configs concerned: those known before, then those encoded.
        fileprivate private(set) var shards: [ConfigKey: [ConfigKey]]

        fileprivate init(_ desired: DesiredChanges, shards: [ConfigKey: [ConfigKey]]) {
            self.desired = desired
            self.shards = shards
            changes = EncodedChanges(upserts: [], isWhole: desired.isWhole)
        }

        /// The version of the desired set that it leads to.
        var version: UInt64 { desired.version }

        /// Shards, patches and encodes the configs.
        ///
        /// - Throws: `CancellationError`.
        mutating func encode(_ options: HandlerOptions) async throws {
            let sharding = Sharding(options.sharding)
            for key in desired.removals { remove(key) }
            for (index, config) in desired.upserts.enumerated() {
                // 100,000 configs take seconds, and the elector may share this thread.
                if index % 256 == 255 {
                    await Task.yield()
                    try Task.checkCancellation()
                }
                // Only cluster checks are dispatched.
                guard config.clusterCheck, !options.excludedChecks.contains(config.checkName) else {
                    remove(config.key)
                    continue
                }
                for part in parts(of: config, sharding) { encode(part, options.patch) }
            }
        }

        private mutating func encode(_ config: CheckConfig, _ patch: ConfigPatch) {
            do throws(CheckModelError) {
                changes.upserts.append(try patch.encode(config))
            } catch {
                changes.removals.append(config.key)
                invalid[config.key] = error.description
            }
        }

        private mutating func remove(_ key: ConfigKey) {
            changes.removals.append(key)
            replaceShards(of: key, by: [])
        }

        /// What is dispatched of a config: its shards, or the config itself.
        private mutating func parts(of config: CheckConfig, _ sharding: Sharding) -> [CheckConfig] {
            let outcome = sharding.shards(of: config)
            if let problem = outcome.problem { unsharded.append((config.key, problem)) }
            if !outcome.shards.isEmpty, shards[config.key] ?? [] == [] { changes.removals.append(config.key) }
            replaceShards(of: config.key, by: outcome.shards.map(\.key))
            return outcome.shards.isEmpty ? [config] : outcome.shards
        }

        /// Removes the former shards that a config no longer has.
        private mutating func replaceShards(of key: ConfigKey, by keys: [ConfigKey]) {
            let former = shards[key]
            changes.removals += (former ?? []).filter { !keys.contains($0) }
            if former != nil || !keys.isEmpty { shards[key] = keys }
        }
    }
}
