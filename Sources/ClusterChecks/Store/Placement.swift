import CheckModel

/// Answers "which node has the least load?" in O(log n), ties broken by a stable hash of config and node.
///
/// The nodes stand on a ring, ordered by a hash of their ids, and a tournament tree over the ring holds the least load of each half, quarter and
/// so on. Of the nodes with the least load a config gets the first at or after its own hash on the ring, as in consistent hashing: which one it
/// is depends on the config and the nodes alone, not on the order in which they came. A node that joins or leaves costs O(n).
package struct Placement: Sendable {
    /// A node's place on the ring: ordered by hash, then by slot.
    private struct Stand: Comparable {
        let hash: UInt64
        let slot: Int

        static func < (left: Stand, right: Stand) -> Bool {
            (left.hash, left.slot) < (right.hash, right.slot)
        }
    }

    private static let noNode = Int64.max

    private var ring: [Stand] = []
    /// By slot: where on the ring its node stands, and its load.
    private var positions: [Int] = []
    private var loads: [Int64] = []
    /// The tree: the root at 1, the children of `i` at `2i` and `2i + 1`, the ring's nodes at `width + position`.
    private var least: [Int64] = [noNode, noNode]
    private var width = 1

    /// A ring without nodes.
    package init() {}

    /// Whether no node stands on the ring.
    package var isEmpty: Bool { ring.isEmpty }

    /// The slots of the nodes on the ring, in no particular order.
    package var slots: some Sequence<Int> { ring.lazy.map(\.slot) }

    /// Puts the node `id`, which the caller calls `slot`, on the ring with no load. Slots are small: arrays are indexed by them.
    package mutating func insert(_ id: String, slot: Int) {
        while loads.count <= slot {
            loads.append(0)
            positions.append(0)
        }
        loads[slot] = 0
        let stand = Stand(hash: Murmur3.hash(Array(id.utf8)), slot: slot)
        ring.insert(stand, at: firstPosition { $0 < stand })
        rebuild()
    }

    /// Takes the node of `slot` off the ring.
    package mutating func remove(slot: Int) {
        ring.remove(at: positions[slot])
        rebuild()
    }

    /// Tells the load of a node.
    package mutating func update(slot: Int, load: Load) {
        loads[slot] = load.millionths
        var index = width + positions[slot]
        least[index] = load.millionths
        while index > 1 {
            index /= 2
            let smaller = min(least[2 * index], least[2 * index + 1])
            if least[index] == smaller { return }
            least[index] = smaller
        }
    }

    /// The slot of the node with the least load, for a config whose key has this hash; nil when there is no node.
    package func leastLoaded(for hash: UInt64) -> Int? {
        guard !ring.isEmpty else { return nil }
        let start = firstPosition { $0.hash < hash }
        let position = firstLeast(from: start) ?? firstLeast(from: 0)
        return position.map { ring[$0].slot }
    }

    /// The first position from `start` on whose load is the least of all; nil if there is none before the ring's end.
    private func firstLeast(from start: Int) -> Int? {
        guard start < ring.count else { return nil }
        var index = width + start
        while least[index] != least[1] {
            // The part that begins at `index` has none: on to the part right of it, over the end of its parent if need be.
            while index % 2 == 1 { index /= 2 }
            if index == 0 { return nil }
            index += 1
        }
        while index < width { index = least[2 * index] == least[1] ? 2 * index : 2 * index + 1 }
        return index - width
    }

    /// The first position whose stand does not satisfy `isBefore`, by bisection.
    private func firstPosition(where isBefore: (Stand) -> Bool) -> Int {
        var low = 0
        var high = ring.count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(ring[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func rebuild() {
        width = 1
        while width < ring.count { width *= 2 }
        least = Array(repeating: Self.noNode, count: 2 * width)
        for (position, stand) in ring.enumerated() {
            positions[stand.slot] = position
            least[width + position] = loads[stand.slot]
        }
        for index in (1..<width).reversed() { least[index] = min(least[2 * index], least[2 * index + 1]) }
    }
}
