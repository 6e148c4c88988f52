package import CheckModel
import Synchronization

/// The configs that sources found, as their authors wrote them, for commands that show them and dispatch nothing.
package final class CollectedConfigs: ConfigSink {
    private struct State {
        var configs: [ConfigKey: CheckConfig] = [:]
        var suspended: [ConfigKey: CheckConfig] = [:]
        var isSynced = false
        var changes = 0
    }

    private let state = Mutex(State())

    /// An empty set, not synced.
    package init() {}

    /// The configs now, sorted by key.
    package var configs: [CheckConfig] {
        state.withLock { $0.configs.values.sorted { $0.key < $1.key } }
    }

    /// Whether every source has been read once.
    package var isSynced: Bool {
        state.withLock { $0.isSynced }
    }

    /// How often something changed.
    package var changes: Int {
        state.withLock { $0.changes }
    }

    /// Applies a change. When the sources were read is not kept.
    package func apply(
        upserts: [CheckConfig], removals: [ConfigKey], suspended: [ConfigKey], resumed: [ConfigKey], synced: Bool?,
        readings: SourceReadings?
    ) {
        state.withLock { state in
            let former = (state.configs, state.isSynced)
            for key in removals { (state.configs[key], state.suspended[key]) = (nil, nil) }
            for key in resumed { state.configs[key] = state.suspended.removeValue(forKey: key) }
            for config in upserts { (state.configs[config.key], state.suspended[config.key]) = (config, nil) }
            for key in suspended {
                state.suspended[key] = state.configs.removeValue(forKey: key) ?? state.suspended[key]
            }
            if let synced { state.isSynced = synced }
            if former != (state.configs, state.isSynced) { state.changes += 1 }
        }
    }
}
