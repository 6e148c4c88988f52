import Platform
import Synchronization

/// What changed in the desired set since a version: coalesced per key, newest state only.
package struct DesiredChanges: Sendable {
    /// The version that these changes lead to; ask from here next time.
    package let version: UInt64
    /// Whether every source has been read once. Until then the set may lack configs, and nothing may be concluded from a lack.
    package let synced: Bool
    /// Whether this is the whole set (asked from version 0, or from one too old): keys that are not in `upserts` are gone.
    package let isWhole: Bool
    /// New or edited configs, sorted by key.
    package let upserts: [DesiredConfig]
    /// Keys that are gone, sorted. Empty when `isWhole`.
    package let removals: [ConfigKey]
    /// How many entries were looked at to find these: what the answer cost.
    package let examined: Int
}

/// The desired set of configs, versioned, with "synced" as a value of it.
///
/// AutoConf writes it; the dispatcher takes the whole set when its term begins and reconciles against the changes after. A config is patched and
/// encoded when it comes, on every replica, by whoever brings it and outside the lock: a new leader has nothing left to encode.
package final class DesiredConfigs: ConfigSink {
    private struct State {
        var version: UInt64 = 1
        var synced = false
        var configs: [ConfigKey: DesiredConfig.Form] = [:]
        var history = ChangeHistory<ConfigKey>()
    }

    /// Changes remembered at least, however small the set is: of a set that is not larger, all of it is as short an answer. Each holds a key
    /// whose memory lies among what was freed around it, and keeps a page of it from the system.
    private static let rememberedChanges = 8

    private let prepare: @Sendable (CheckConfig) -> DesiredConfig.Form
    private let state = Mutex(State())
    private let newest = Watched<UInt64>(1)

    /// An empty set, not synced.
    ///
    /// - Parameter prepare: makes what is dispatched of a config; a pure function.
    package init(prepare: @escaping @Sendable (CheckConfig) -> DesiredConfig.Form) {
        self.prepare = prepare
    }

    /// Whether every source has been read once.
    package var isSynced: Bool {
        state.withLock { $0.synced }
    }

    /// Adds or replaces `upserts`, removes `removals`, and, when `synced` is given, sets that too; all in one version.
    ///
    /// An upsert of which the same is dispatched as of what is there, and a removal of what is not there, change nothing; if nothing changes, neither does the version.
    package func apply(upserts: [CheckConfig] = [], removals: [ConfigKey] = [], synced: Bool? = nil) {
        let prepared = upserts.map { DesiredConfig(key: $0.key, form: prepare($0)) }
        let version: UInt64? = state.withLock { state in
            let next = state.version + 1
            var changed = false
            for key in removals where state.configs.removeValue(forKey: key) != nil {
                state.history.append(key, version: next)
                changed = true
            }
            for config in prepared where state.configs[config.key]?.isSame(as: config.form) != true {
                state.configs[config.key] = config.form
                state.history.append(config.key, version: next)
                changed = true
            }
            if let synced, synced != state.synced {
                state.synced = synced
                changed = true
            }
            guard changed else { return nil }
            state.configs.shrinkIfSparse()
            state.version = next
            state.history.trim(to: max(Self.rememberedChanges, state.configs.count))
            return next
        }
        if let version { newest.update { $0 = max($0, version) } }
    }

    /// The changes after `version`, at a cost that follows from how many there are; from 0, or from a version too old, the whole set.
    package func changes(since version: UInt64) -> DesiredChanges {
        state.withLock { state in
            guard version > 0, let changes = state.history.changes(after: version) else {
                return DesiredChanges(
                    version: state.version, synced: state.synced, isWhole: true,
                    upserts: state.configs.map { DesiredConfig(key: $0.key, form: $0.value) }
                        .sorted { $0.key < $1.key }, removals: [], examined: state.configs.count)
            }
            var upserts: [DesiredConfig] = []
            var removals: [ConfigKey] = []
            for key in Set(changes.map(\.key)) {
                if let form = state.configs[key] {
                    upserts.append(DesiredConfig(key: key, form: form))
                } else {
                    removals.append(key)
                }
            }
            return DesiredChanges(
                version: state.version, synced: state.synced, isWhole: false,
                upserts: upserts.sorted { $0.key < $1.key }, removals: removals.sorted(), examined: changes.count)
        }
    }

    /// Returns when the version differs from `version`.
    ///
    /// - Throws: `CancellationError` if the task is cancelled first.
    package func waitForChange(after version: UInt64) async throws {
        var seen = newest.current
        while seen.value == version {
            seen = try await newest.next(after: seen.version)
        }
    }
}
