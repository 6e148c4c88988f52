/// Which keys of a versioned set changed lately: who knows a version finds what changed after it without a look at the rest of the set.
///
/// It is bounded. What is older than it remembers is answered by the whole set, which is the shorter answer once more has changed than there is.
struct ChangeHistory<Key: Hashable & Sendable>: Sendable {
    /// Oldest first, so versions never fall.
    private var changes: [(version: UInt64, key: Key)] = []
    /// The newest version with a change that was forgotten.
    private var forgotten: UInt64 = 0

    /// Remembers that a key changed in `version`, which is no older than those before.
    mutating func append(_ key: Key, version: UInt64) {
        changes.append((version, key))
    }

    /// Forgets the oldest once there are more than twice `limit`, down to `limit`: so each change is moved once at most, on average.
    mutating func trim(to limit: Int) {
        guard changes.count > 2 * limit else { return }
        forgotten = changes[changes.count - limit - 1].version
        // A new array, so that the memory of the old one is given back.
        changes = Array(changes.suffix(limit))
    }

    /// The changes after `version`, oldest first, a key once for each; nil if some of them were forgotten.
    func changes(after version: UInt64) -> ArraySlice<(version: UInt64, key: Key)>? {
        guard version >= forgotten else { return nil }
        var low = changes.startIndex
        var high = changes.endIndex
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].version > version { high = middle } else { low = middle + 1 }
        }
        return changes[low...]
    }
}
