/// Which nodes changed, in order, for followers that ask what has changed since they asked last: a leader's, in one term.
///
/// It says which nodes, and not what: whoever asks gets their revisions as they are then. Of a long time without a question only the newest part is
/// kept; who knows less than that is told everything.
struct ChangeLog: Sendable {
    /// The number of changes so far, over all terms.
    private(set) var version: UInt64 = 1
    /// The nodes that changed, the newest last: each stands for one version.
    private var nodes: [String] = []
    private let limit: Int

    /// A log that keeps as many changes as `limit`, and for a while twice as many.
    init(limit: Int) {
        self.limit = limit
    }

    /// Adds changes.
    mutating func append(_ changed: [String]) {
        nodes += changed
        version += UInt64(changed.count)
        if nodes.count > 2 * limit { nodes.removeFirst(nodes.count - limit) }
    }

    /// Another term: whatever was known is not any more.
    mutating func restart() {
        nodes = []
        version += 1
    }

    /// The nodes that changed after a version; nil if that is not known any more, and everything is to be told.
    func changes(since known: UInt64) -> Set<String>? {
        guard known <= version, version - known <= UInt64(nodes.count) else { return nil }
        return Set(nodes.suffix(Int(version - known)))
    }
}
