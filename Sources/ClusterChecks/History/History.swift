package import CheckModel
package import Platform

/// What happened in the cluster, the newest last: one history of moves, joins, losses, leaders and edits, which goes
/// from leader to leader.
///
/// It is bounded in entries and in bytes, of which it takes at most 2.7 MB. No decision depends on it.
package struct History: Sendable {
    /// The most pages, and so some 10,000 entries. The oldest page is forgotten first.
    static let pageLimit = 64

    /// The oldest first. None is empty.
    private var pages: [HistoryPage] = []

    /// An empty history.
    package init() {}

    /// A history that begins with what another leader noted.
    package init(_ entries: [HistoryEntry]) {
        append(entries, version: 0)
    }

    /// The entries, the oldest first.
    package var entries: [HistoryEntry] { pages.flatMap(\.entries) }

    /// Adds entries, after which the store has this version; 0 for those of a former term.
    package mutating func append(_ entries: [HistoryEntry], version: UInt64) {
        for entry in entries {
            if pages.isEmpty || !pages[pages.count - 1].append(entry, version: version) {
                pages.append(HistoryPage(entry, version: version))
            }
            if pages.count > Self.pageLimit { pages.removeFirst() }
        }
    }

    /// What was noted since a time.
    package func entries(since oldest: WallTime) -> [HistoryEntry] {
        let newest = pages.firstIndex { $0.lastTime >= oldest } ?? pages.endIndex
        return pages[newest...].flatMap { $0.entries { _, time in time >= oldest } }
    }

    /// What was noted up to a version of the store in this term.
    package func entries(through version: UInt64) -> [HistoryEntry] {
        pages.flatMap { $0.entries { noted, _ in noted <= version } }
    }

    /// What was noted after a version of the store in this term, and up to another one.
    package func entries(after known: UInt64, through version: UInt64) -> [HistoryEntry] {
        let newest = pages.lastIndex { $0.firstVersion <= known } ?? pages.startIndex
        return pages[newest...].flatMap { $0.entries { noted, _ in noted > known && noted <= version } }
    }

    /// The history at the beginning of another term: this one or another replica's, whichever is newer.
    package func continued(or other: History?) -> History {
        guard let other, let newest = other.pages.last else { return History(entries) }
        let isNewer = pages.last.map { $0.lastTime < newest.lastTime } ?? true
        return History(isNewer ? other.entries : entries)
    }
}
