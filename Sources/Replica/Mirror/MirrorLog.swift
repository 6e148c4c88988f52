import ClusterChecks
import Platform

/// The newest changes of the leader's store, in order: followers that know the store at a version get those after it.
struct MirrorLog: Sendable {
    /// A change, and when it was made.
    struct Entry: Sendable {
        let change: StoreChange
        let made: Instant
    }

    /// A follower that lags by more changes gets the store whole. A change takes about 100 bytes here, and keeps the
    /// bytes of its config.
    private static let limit = 20_000

    /// The version after the newest change.
    private(set) var version: UInt64
    /// The changes up to `version`, the newest last.
    private var entries: [Entry] = []

    /// A log that begins at a version.
    init(version: UInt64) {
        self.version = version
    }

    /// Adds changes, after which the store has this version.
    mutating func append(_ changes: [StoreChange], version: UInt64, now: Instant) {
        entries += changes.map { Entry(change: $0, made: now) }
        self.version = version
        if entries.count > 2 * Self.limit { entries = Array(entries.suffix(Self.limit)) }
    }

    /// Forgets the changes up to a version: nobody needs them any more.
    mutating func forget(through known: UInt64) {
        let oldest = version - UInt64(entries.count)
        guard known > oldest else { return }
        entries.removeFirst(Int(min(known, version) - oldest))
        if entries.isEmpty { entries = [] }
    }

    /// The changes after a version, at most `limit`, the oldest first; nil if they are not all known any more.
    func changes(since known: UInt64, atMost limit: Int) -> ArraySlice<Entry>? {
        // One that knows more has the store of a moment of which this log has not been told yet.
        guard known < version else { return [] }
        guard version - known <= UInt64(entries.count) else { return nil }
        return entries.suffix(Int(version - known)).prefix(limit)
    }
}
