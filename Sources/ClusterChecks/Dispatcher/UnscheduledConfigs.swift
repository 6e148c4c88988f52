package import CheckModel

/// Tracks which configs have been dangling for too long.
///
/// Each dangling config carries the version of the store since which it dangles, so it is enough to remember when each
/// version was first seen: the number of configs does not matter.
package struct UnscheduledConfigs: Sendable {
    /// The configs that became overdue at one moment, to be read outside the lock.
    package struct Overdue: Sendable {
        fileprivate let dangling: [ClusterStore.Dangling]
        fileprivate let versions: Range<UInt64>

        /// The keys of those that no operator paused, sorted.
        package var keys: [ConfigKey] {
            dangling.lazy.filter { versions.contains($0.since) && $0.reason != .paused }.map(\.config.key).sorted()
        }
    }

    private let threshold: Duration
    /// When configs were first seen that dangle since a version, oldest first.
    private(set) var seen: [(version: UInt64, time: Duration)] = []
    /// Configs that dangle since this version, or an earlier one, are overdue.
    private(set) var overdue: UInt64 = 0

    init(threshold: Duration) {
        self.threshold = threshold
    }

    /// Looks at the store at a time, in listened time.
    ///
    /// - Returns: the configs that became overdue since the last call; nil if there cannot be any.
    mutating func update(_ store: ClusterStore, at time: Duration) -> Overdue? {
        guard !store.dangling.isEmpty else {
            seen = []
            return nil
        }
        if store.newestDangling > seen.last?.version ?? overdue { seen.append((store.newestDangling, time)) }
        let due = seen.prefix { time - $0.time > threshold }
        guard let newest = due.last else { return nil }
        seen.removeFirst(due.count)
        defer { overdue = newest.version }
        return Overdue(dangling: store.dangling, versions: (overdue + 1)..<(newest.version + 1))
    }
}
