/// Which nodes changed, in order, for followers that ask what has changed since they asked last: a leader's, in one term.
///
/// It says which nodes, and not what: whoever asks gets their revisions as they are then. So of each node the newest change is enough, and it is as
/// large as there are nodes, however many changes there were.
struct ChangeLog: Sendable {
    private struct Entry: Sendable {
        let version: UInt64
        let node: String
    }

    /// Fewer entries are not worth a look through them.
    private static let smallest = 64

    /// The number of changes so far, over all terms.
    private(set) var version: UInt64 = 1
    /// The changes, the newest last; an older one of the same node may be there for a while.
    private var entries: [Entry] = []
    /// Of older changes nothing is known: whoever knows less is told everything.
    private var oldestKnown: UInt64 = 1
    private var compactsAt = Self.smallest
    private let limit: Int

    /// A log of as many nodes as `limit`, which forgets those first that have not changed for the longest time.
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
        var seen: Set<String> = []
        let newest = entries.reversed().filter { seen.insert($0.node).inserted }
        if newest.count > limit { oldestKnown = newest[limit].version }
        entries = newest.prefix(limit).reversed()
        compactsAt = max(Self.smallest, 2 * entries.count)
    }

    /// Another term: whatever was known is not any more.
    mutating func restart() {
        entries = []
        compactsAt = Self.smallest
        version += 1
        oldestKnown = version
    }

    /// The nodes that changed after a version; nil if that is not known any more, and everything is to be told.
    func changes(since known: UInt64) -> Set<String>? {
        guard known >= oldestKnown, known <= version else { return nil }
        return Set(entries.reversed().prefix { $0.version > known }.map(\.node))
    }
}
