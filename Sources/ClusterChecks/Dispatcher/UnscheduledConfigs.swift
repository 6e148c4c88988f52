package import CheckModel
import Platform

/// Tells which configs have had no node for too long.
package struct UnscheduledConfigs: Sendable {
    private var since: [ConfigKey: Duration] = [:]
    private var seenVersion: UInt64?
    private var told: Set<ConfigKey> = []

    /// None.
    package init() {}

    /// Looks at what dangles.
    ///
    /// - Parameter time: now, in listened time.
    /// - Returns: the configs that have dangled for longer than `threshold` and were not returned before, sorted.
    mutating func look(at store: ClusterStore, time: Duration, threshold: Duration) -> [ConfigKey] {
        if seenVersion != store.version {
            seenVersion = store.version
            var present: [ConfigKey: Duration] = [:]
            for dangling in store.dangling { present[dangling.config.key] = since[dangling.config.key] ?? time }
            since = present
            told = told.filter { present[$0] != nil }
        }
        guard !since.isEmpty else { return [] }
        let new = overdue(time: time, threshold: threshold).filter { !told.contains($0) }
        told.formUnion(new)
        return new
    }

    /// The configs that have dangled for longer than `threshold`, sorted.
    func overdue(time: Duration, threshold: Duration) -> [ConfigKey] {
        since.filter { time - $0.value > threshold }.map(\.key).sorted()
    }
}

extension Dispatcher {
    private var unscheduledThreshold: Duration {
        max(options.unscheduledCheckThreshold, options.nodeExpirationTimeout)
    }

    /// The configs that have had no node for too long since the last look, sorted; to be called with each `expire`.
    package mutating func newlyUnscheduled() -> [ConfigKey] {
        // Before the first dispatch nothing has a node, and nothing should.
        guard isDispatching else { return [] }
        return unscheduled.look(at: store, time: listened.total, threshold: unscheduledThreshold)
    }

    /// The configs that have had no node for too long, sorted by key.
    package var unscheduledConfigs: [EncodedConfig] {
        unscheduled.overdue(time: listened.total, threshold: unscheduledThreshold).compactMap { store.config($0) }
    }
}
