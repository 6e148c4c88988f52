import Platform

/// Which nodes changed, in order, within one term: a leader answers its followers from it.
///
/// It records which nodes changed, not how: a follower gets their revisions at the time it asks. Only the newest change
/// of each node counts, so the log is as long as there are nodes, however many changes there were.
struct ChangeLog: Sendable {
    private struct Entry: Sendable {
        let version: UInt64
        let node: String
    }

    /// A log with fewer entries is not compacted.
    private static let smallest = 64

    /// The number of changes so far, over all terms.
    private(set) var version: UInt64 = 1
    /// The changes, the newest last; older ones of the same node stay until the next compaction.
    private var entries: [Entry] = []
    /// Older changes are forgotten: a follower that knows less is told everything.
    private var oldestKnown: UInt64 = 1
    private var compactsAt = Self.smallest
    private let limit: Int

    /// A log of at most `limit` nodes, which forgets the nodes that changed longest ago.
    init(limit: Int) {
        self.limit = limit
    }

    /// Adds changes.
    mutating func append(_ changed: [String]) {
        for node in changed {
            version += 1
            entries.append(Entry(version: version, node: node))
        }
        if entries.count >= compactsAt { compact() }
    }

    /// Keeps the newest change of each node.
    private mutating func compact() {
        var seen: Set<ExactText> = []
        let newest = entries.reversed().filter { seen.insert($0.node).inserted }
        if newest.count > limit { oldestKnown = newest[limit].version }
        entries = newest.prefix(limit).reversed()
        compactsAt = max(Self.smallest, 2 * entries.count)
    }

    /// Forgets everything: another term begins.
    mutating func restart() {
        entries = []
        compactsAt = Self.smallest
        version += 1
        oldestKnown = version
    }

    /// The nodes that changed after a version; nil if that is forgotten, and the follower must be told everything.
    func changes(since known: UInt64) -> Set<ExactText>? {
        guard known >= oldestKnown, known <= version else { return nil }
        return Set(texts: entries.reversed().prefix { $0.version > known }.map(\.node))
    }
}
