package import Platform
import Synchronization

/// What changed in the desired set since a version: coalesced per key, newest state only.
package struct DesiredChanges: Sendable {
    /// The version after these changes, to ask from next time.
    package let version: UInt64
    /// Whether every source has been read once. Before that, a config that is missing may not have been read yet.
    package let synced: Bool
    /// When the sources were read, as far as somebody wants to know. They may change alone.
    package let readings: SourceReadings
    /// Whether this is the whole set, since the version was 0 or too old: keys that are not in `upserts` are gone.
    package let isWhole: Bool
    /// New or edited configs, sorted by key.
    package let upserts: [DesiredConfig]
    /// Keys that are gone, sorted. Empty when `isWhole`.
    package let removals: [ConfigKey]
    /// How many entries were examined to find these: the cost of the answer.
    package let examined: Int
}

/// The desired set of configs, with its version, whether it is synced, and when its sources were read.
///
/// AutoConf writes it. The dispatcher reads the whole set when its term begins, and reconciles with the changes after.
///
/// Each config is encoded when it is added, on followers too, and outside the lock: a new leader has nothing to encode.
package final class DesiredConfigs: ConfigSink {
    private struct State {
        var version: UInt64 = 1
        var synced = false
        var readings = SourceReadings()
        var configs: [ConfigKey: DesiredConfig.Form] = [:]
        /// Those that are not wanted for now: nobody sees them.
        var suspended: [ConfigKey: DesiredConfig.Form] = [:]
        var history = ChangeHistory<ConfigKey>()
    }

    /// How many changes are kept, however small the set is. Not more: a key that is kept in the midst of freed memory
    /// keeps a page from being returned to the system.
    private static let rememberedChanges = 8

    private let form: @Sendable (CheckConfig) -> DesiredConfig.Form
    private let state = Mutex(State())
    private let newest = Watched<UInt64>(1)

    /// An empty set, not synced.
    ///
    /// - Parameter form: what is dispatched of a config; a pure function.
    package init(form: @escaping @Sendable (CheckConfig) -> DesiredConfig.Form) {
        self.form = form
    }

    /// Whether every source has been read once.
    package var isSynced: Bool {
        state.withLock { $0.synced }
    }

    /// The number of configs that are wanted now, without endpoints checks.
    package var count: Int {
        state.withLock { state in
            state.configs.values.count { form in
                if case .whole(let config) = form { config.nodeName.isEmpty } else { true }
            }
        }
    }

    /// Adds or replaces `upserts`, removes `removals`, suspends and resumes others, and, when `synced` or `readings` is
    /// given, sets that too; all in one version.
    ///
    /// Nothing changes if an upsert is dispatched like what is there, or a removal is of what is not there; if nothing
    /// changes, neither does the version.
    package func apply(
        upserts: [CheckConfig] = [], removals: [ConfigKey] = [], suspended: [ConfigKey] = [],
        resumed: [ConfigKey] = [], synced: Bool? = nil, readings: SourceReadings? = nil
    ) {
        let unwanted = Set(suspended)
        let upserts = upserts.map { DesiredConfig(key: $0.key, form: form($0)) }
        let version: UInt64? = state.withLock { state in
            let next = state.version + 1
            var changed = false
            for key in removals + suspended {
                let form = state.configs.removeValue(forKey: key)
                if form != nil {
                    state.history.append(key, version: next)
                    changed = true
                }
                if !unwanted.contains(key) {
                    state.suspended[key] = nil
                } else if let form {
                    state.suspended[key] = form
                }
            }
            for config in upserts where unwanted.contains(config.key) { state.suspended[config.key] = config.form }
            let wanted = resumed.compactMap { key in
                state.suspended.removeValue(forKey: key).map { DesiredConfig(key: key, form: $0) }
            }
            for config in wanted + upserts
            where !unwanted.contains(config.key) && state.configs[config.key]?.isSame(as: config.form) != true {
                state.suspended[config.key] = nil
                state.configs[config.key] = config.form
                state.history.append(config.key, version: next)
                changed = true
            }
            if let synced, synced != state.synced {
                state.synced = synced
                changed = true
            }
            if let readings, readings != state.readings {
                state.readings = readings
                changed = true
            }
            state.suspended.shrinkIfSparse()
            guard changed else { return nil }
            state.configs.shrinkIfSparse()
            state.version = next
            state.history.trim(to: max(Self.rememberedChanges, state.configs.count))
            return next
        }
        if let version { newest.update { $0 = max($0, version) } }
    }

    /// The changes after `version`, or the whole set if it is 0 or too old. The cost is that of the answer, not of the
    /// set.
    package func changes(since version: UInt64) -> DesiredChanges {
        state.withLock { state in
            guard version > 0, let changes = state.history.changes(after: version) else {
                return DesiredChanges(
                    version: state.version, synced: state.synced, readings: state.readings, isWhole: true,
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
                version: state.version, synced: state.synced, readings: state.readings, isWhole: false,
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

    /// The same, but returns at `end` at the latest, if there is one.
    package func waitForChange(after version: UInt64, until end: Instant?, _ clock: any Clock) async throws {
        guard let end else { return try await waitForChange(after: version) }
        let seen = newest.current
        if seen.value == version { await newest.change(after: seen.version, until: end, clock: clock) }
        try Task.checkCancellation()
    }
}
