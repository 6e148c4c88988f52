/// The latest changes of a versioned set: the keys that changed after a version are found without scanning the set.
///
/// It is bounded. Readers of an older version get the whole set, which is shorter once there are more changes than
/// members.
struct ChangeHistory<Key: Hashable & Sendable>: Sendable {
    /// Oldest first, so versions never decrease.
    private var changes: [(version: UInt64, key: Key)] = []
    /// The newest version with a change that was dropped.
    private var forgotten: UInt64 = 0

    /// Records that a key changed in `version`, which is no older than those before.
    mutating func append(_ key: Key, version: UInt64) {
        changes.append((version, key))
    }

    /// Drops the oldest changes, down to `limit`, once there are more than twice as many: each is moved once on
    /// average.
    mutating func trim(to limit: Int) {
        guard changes.count > 2 * limit else { return }
        forgotten = changes[changes.count - limit - 1].version
        // A new array, so that the memory of the old one is freed.
        changes = Array(changes.suffix(limit))
    }

    /// The changes after `version`, oldest first. A key is there once for each change. Nil if some were dropped.
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
