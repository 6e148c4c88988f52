import CheckModel

/// Finds the least loaded node in O(log n), with ties broken by a stable hash of config and node.
///
/// The nodes are on a ring, ordered by a hash of their IDs. A tournament tree over the ring holds the least load of
/// each half, quarter and so on. Among the least loaded nodes a config gets the first one at or after its own hash, as
/// in consistent hashing: the choice depends on the config and the nodes alone, not on the order in which they
/// registered. Adding or removing a node is O(n).
struct Placement: Sendable {
    /// A node's position on the ring: ordered by hash, then by slot.
    private struct Point: Comparable {
        let hash: UInt64
        let slot: Int

        static func < (left: Point, right: Point) -> Bool {
            (left.hash, left.slot) < (right.hash, right.slot)
        }
    }

    private static let noNode = Int64.max

    private var ring: [Point] = []
    /// By slot: the node's position on the ring, and its load.
    private var positions: [Int] = []
    private var loads: [Int64] = []
    /// The tree: the root at 1, the children of `i` at `2i` and `2i + 1`, the ring's nodes at `width + position`.
    private var least: [Int64] = [noNode, noNode]
    private var width = 1

    var isEmpty: Bool { ring.isEmpty }

    /// The slots of the nodes on the ring, in no particular order.
    var slots: some Sequence<Int> { ring.lazy.map(\.slot) }

    /// Adds the node `id` without load. Slots must be small numbers: they index arrays.
    mutating func insert(_ id: String, slot: Int) {
        while loads.count <= slot {
            loads.append(0)
            positions.append(0)
        }
        loads[slot] = 0
        let point = Point(hash: Murmur3.hash(Array(id.utf8)), slot: slot)
        ring.insert(point, at: firstPosition { $0 < point })
        rebuild()
    }

    /// Removes the node of `slot`.
    mutating func remove(slot: Int) {
        ring.remove(at: positions[slot])
        rebuild()
    }

    /// Sets the load of a node.
    mutating func update(slot: Int, load: Load) {
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

    /// The load of a node.
    func load(slot: Int) -> Load { Load(millionths: loads[slot]) }

    /// The slot of the least loaded node for a config whose key has this hash; nil without nodes.
    func leastLoaded(for hash: UInt64) -> Int? {
        guard !ring.isEmpty else { return nil }
        let position = firstLeast(from: firstPosition { $0.hash < hash }) ?? firstLeast(from: 0)
        return position.map { ring[$0].slot }
    }

    /// The same among the nodes that may have it; nil without one. All are looked at.
    func leastLoaded(for hash: UInt64, where isEligible: (Int) -> Bool) -> Int? {
        let start = firstPosition { $0.hash < hash }
        var best: Int?
        for point in ring[start...] + ring[..<start] {
            guard loads[point.slot] < best.map({ loads[$0] }) ?? Self.noNode, isEligible(point.slot) else { continue }
            best = point.slot
        }
        return best
    }

    /// The first position from `start` on with the least load of all; nil if there is none before the end of the ring.
    private func firstLeast(from start: Int) -> Int? {
        guard start < ring.count else { return nil }
        var index = width + start
        while least[index] != least[1] {
            // Not in this subtree: go on with the next one to the right.
            while index % 2 == 1 { index /= 2 }
            if index == 0 { return nil }
            index += 1
        }
        while index < width { index = least[2 * index] == least[1] ? 2 * index : 2 * index + 1 }
        return index - width
    }

    /// The first position that does not satisfy `isBefore`, by bisection.
    private func firstPosition(where isBefore: (Point) -> Bool) -> Int {
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
        for (position, point) in ring.enumerated() {
            positions[point.slot] = position
            least[width + position] = loads[point.slot]
        }
        for index in (1..<width).reversed() { least[index] = min(least[2 * index], least[2 * index + 1]) }
    }
}
