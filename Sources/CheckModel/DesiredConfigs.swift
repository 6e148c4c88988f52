import Platform
import Synchronization

/// What changed in the desired set since a version: coalesced per key, newest state only.
package struct DesiredChanges: Sendable {
    /// The version that these changes lead to; ask from here next time.
    package let version: UInt64
    /// Whether every source has been read once. Until then the set may lack configs, and nothing may be concluded from a lack.
    package let synced: Bool
    /// Whether this is the whole set (asked from version 0): keys that are not in `upserts` are gone.
    package let isWhole: Bool
    /// New or edited configs, sorted by key.
    package let upserts: [CheckConfig]
    /// Keys that are gone, sorted. Empty when `isWhole`.
    package let removals: [ConfigKey]
}

/// The desired set of configs, versioned, with "synced" as a value of it.
///
/// AutoConf writes it; the dispatcher takes the whole set when its term begins and reconciles against the changes after.
package final class DesiredConfigs: Sendable {
    private struct State {
        var version: UInt64 = 1
        var synced = false
        var configs: [ConfigKey: (config: CheckConfig, version: UInt64)] = [:]
        var removed: [ConfigKey: UInt64] = [:]
        /// Changes before this version are no longer known one by one: who asks from before it gets the whole set.
        var forgottenBefore: UInt64 = 0
    }

    /// Removed keys remembered, so that readers get changes and not the whole set; beyond it the older half is forgotten.
    private static let rememberedRemovals = 100_000

    private let state = Mutex(State())
    private let newest = Watched<UInt64>(1)

    /// An empty set, not synced.
    package init() {}

    /// Whether every source has been read once.
    package var isSynced: Bool {
        state.withLock { $0.synced }
    }

    /// Adds or replaces `upserts`, removes `removals`, and, when `synced` is given, sets that too; all in one version.
    ///
    /// An upsert that equals what is there, and a removal of what is not there, change nothing; if nothing changes, neither does the version.
    package func apply(upserts: [CheckConfig] = [], removals: [ConfigKey] = [], synced: Bool? = nil) {
        let version: UInt64? = state.withLock { state in
            let next = state.version + 1
            var changed = false
            for key in removals where state.configs.removeValue(forKey: key) != nil {
                state.removed[key] = next
                changed = true
            }
            for config in upserts where state.configs[config.key]?.config != config {
                state.configs[config.key] = (config, next)
                state.removed[config.key] = nil
                changed = true
            }
            if let synced, synced != state.synced {
                state.synced = synced
                changed = true
            }
            guard changed else { return nil }
            state.version = next
            Self.forgetOldRemovals(&state)
            return next
        }
        if let version { newest.update { $0 = max($0, version) } }
    }

    /// The changes after `version`; from 0, or from a version too old, the whole set.
    package func changes(since version: UInt64) -> DesiredChanges {
        state.withLock { state in
            let isWhole = version == 0 || version < state.forgottenBefore
            let upserts = state.configs.values.filter { isWhole || $0.version > version }.map(\.config)
            let removals = isWhole ? [] : state.removed.filter { $0.value > version }.map(\.key)
            return DesiredChanges(
                version: state.version, synced: state.synced, isWhole: isWhole,
                upserts: upserts.sorted { $0.key < $1.key }, removals: removals.sorted())
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

    private static func forgetOldRemovals(_ state: inout State) {
        guard state.removed.count > rememberedRemovals else { return }
        let versions = state.removed.values.sorted()
        let middle = versions[versions.count / 2]
        state.removed = state.removed.filter { $0.value > middle }
        state.forgottenBefore = middle
    }
}
