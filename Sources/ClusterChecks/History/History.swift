package import CheckModel

/// What happened in the cluster, the newest last: one history of moves, joins, losses, leaders and edits, which goes
/// from leader to leader.
///
/// It is bounded: a history of 10,000 entries takes about 2 MB. No decision depends on it.
package struct History: Sendable {
    /// The most entries. The oldest are forgotten first.
    static let limit = 10_000

    private struct Noted: Sendable {
        let entry: HistoryEntry
        /// The version of the store after what happened; 0 in a former term.
        let version: UInt64
    }

    private var noted: [Noted] = []

    /// An empty history.
    package init() {}

    /// A history that begins with what another leader noted.
    package init(_ entries: [HistoryEntry]) {
        append(entries, version: 0)
    }

    /// The entries, the oldest first.
    package var entries: [HistoryEntry] { noted.map(\.entry) }

    /// Adds entries, after which the store has this version; 0 for those of a former term.
    package mutating func append(_ entries: [HistoryEntry], version: UInt64) {
        guard !entries.isEmpty else { return }
        noted += entries.suffix(Self.limit).map { Noted(entry: $0, version: version) }
        // Seldom, as it moves all that stay.
        if noted.count > Self.limit + Self.limit / 4 { noted.removeFirst(noted.count - Self.limit) }
    }

    /// What was noted up to a version of the store in this term.
    package func entries(through version: UInt64) -> [HistoryEntry] {
        noted.lazy.filter { $0.version <= version }.map(\.entry)
    }

    /// What was noted after a version of the store in this term, and up to another one.
    package func entries(after known: UInt64, through version: UInt64) -> [HistoryEntry] {
        let newest = noted.reversed().prefix { $0.version > known }.filter { $0.version <= version }
        return newest.reversed().map(\.entry)
    }

    /// The history at the beginning of another term: this one or another replica's, whichever is newer.
    func continued(or other: History?) -> History {
        guard let other, let newest = other.noted.last else { return History(entries) }
        let isNewer = noted.last.map { $0.entry.time < newest.entry.time } ?? true
        return History(isNewer ? other.entries : entries)
    }
}
