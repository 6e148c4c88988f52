package import CheckModel
package import Platform

/// Where configs come from. `DesiredConfigs` has exactly this shape.
package protocol ConfigSource: Sendable {
    /// The changes after `version`; from 0 the whole set.
    func changes(since version: UInt64) -> DesiredChanges

    /// Returns when the version differs from `version`, or throws `CancellationError`.
    func waitForChange(after version: UInt64) async throws

    /// The same, but returns at `end` at the latest, if there is one.
    func waitForChange(after version: UInt64, until end: Instant?, _ clock: any Clock) async throws
}

extension DesiredConfigs: ConfigSource {}

/// A change of the desired set as the Dispatcher gets it.
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
/// One change is reconciled at a time: `batch` before it is collected, `commit` with what became of it.
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
    /// Those that could not be encoded, and why.
    fileprivate(set) var invalid: [ConfigKey: String] = [:]
    /// Those refused because the limit was reached.
    fileprivate(set) var overLimit: Set<ConfigKey> = []

    fileprivate mutating func remove(_ key: ConfigKey) {
        if !invalid.isEmpty { invalid[key] = nil }
        if !overLimit.isEmpty { overLimit.remove(key) }
    }

    /// Why a config of this source was rejected; nil if none was. This is O(rejected configs).
    func reason(ofSource source: String) -> String? {
        if let key = invalid.keys.filter({ $0.source.hasSameBytes(as: source) }).min() { return invalid[key] }
        return overLimit.contains { $0.source.hasSameBytes(as: source) } ? Self.overLimitReason : nil
    }

    private static let overLimitReason = "over the limit of configs"

    /// Each with its reason, sorted by key.
    var sorted: [(key: ConfigKey, reason: String)] {
        var all = invalid
        for key in overLimit { all[key] = Self.overLimitReason }
        return all.sorted { $0.key < $1.key }.map { (key: $0.key, reason: $0.value) }
    }
}

extension Reconciliation {
    /// One change of the desired set on its way to the Dispatcher. It is collected outside every lock.
    struct Batch: Sendable {
        private let desired: DesiredChanges
        /// What to dispatch.
        private(set) var changes: EncodedChanges
        /// The configs that could not be encoded, and why.
        private(set) var invalid: [ConfigKey: String] = [:]
        /// The configs that could not be sharded as requested, and why, sorted by key.
        private(set) var unsharded: [(key: ConfigKey, problem: String)] = []
        /// The shards of the configs concerned: those known before, then those collected.
        fileprivate private(set) var shards: [ConfigKey: [ConfigKey]]

        fileprivate init(_ desired: DesiredChanges, shards: [ConfigKey: [ConfigKey]]) {
            self.desired = desired
            self.shards = shards
            changes = EncodedChanges(upserts: [], isWhole: desired.isWhole)
        }

        /// The version of the desired set that it leads to.
        var version: UInt64 { desired.version }

        /// Collects what is dispatched of the configs.
        mutating func collect() {
            for key in desired.removals { remove(key) }
            for config in desired.upserts {
                switch config.form {
                case .whole(let encoded):
                    replaceShards(of: config.key, by: [])
                    changes.upserts.append(encoded)
                case .parts(let parts):
                    add(parts, of: config.key)
                }
            }
        }

        private mutating func add(_ parts: DesiredConfig.Parts, of key: ConfigKey) {
            if let problem = parts.problem { unsharded.append((key, problem)) }
            let keys = parts.configs.map(\.key) + parts.invalid.map(\.key)
            guard !keys.isEmpty else { return remove(key) }
            if parts.areShards, shards[key] ?? [] == [] { changes.removals.append(key) }
            replaceShards(of: key, by: parts.areShards ? keys : [])
            changes.upserts += parts.configs
            for (key, error) in parts.invalid {
                changes.removals.append(key)
                invalid[key] = error.description
            }
        }

        private mutating func remove(_ key: ConfigKey) {
            changes.removals.append(key)
            replaceShards(of: key, by: [])
        }

        /// Removes the former shards that a config no longer has.
        private mutating func replaceShards(of key: ConfigKey, by keys: [ConfigKey]) {
            let former = shards[key]
            changes.removals += (former ?? []).filter { !keys.contains($0) }
            if former != nil || !keys.isEmpty { shards[key] = keys }
        }
    }
}
