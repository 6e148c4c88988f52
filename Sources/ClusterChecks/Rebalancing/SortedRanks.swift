/// A sorted set of small numbers in blocks of bounded size: inserting, removing and finding a neighbour take O(log n +
/// size of a block) however many there are, where a single array would move half of them each time.
struct SortedRanks: Sendable {
    /// None is empty; each is sorted and lies before the next one.
    private var blocks: [[Int32]] = []

    private static let largestBlock = 256

    var isEmpty: Bool { blocks.isEmpty }

    /// The numbers in ascending order.
    var values: some Sequence<Int> { blocks.lazy.joined().map { Int($0) } }

    /// Adds a number that is greater than all others.
    mutating func append(_ rank: Int) {
        if blocks.isEmpty || blocks[blocks.count - 1].count >= Self.largestBlock / 2 { blocks.append([]) }
        blocks[blocks.count - 1].append(Int32(rank))
    }

    /// Adds a number that is not in the set.
    mutating func insert(_ rank: Int) {
        guard !blocks.isEmpty else { return append(rank) }
        let block = max(0, blockCount(before: rank) - 1)
        blocks[block].insert(Int32(rank), at: Self.count(before: rank, in: blocks[block]))
        guard blocks[block].count > Self.largestBlock else { return }
        let upper = Array(blocks[block][(Self.largestBlock / 2)...])
        blocks[block].removeSubrange((Self.largestBlock / 2)...)
        blocks.insert(upper, at: block + 1)
    }

    /// Removes a number that is in the set.
    mutating func remove(_ rank: Int) {
        let block = blockCount(before: rank + 1) - 1
        blocks[block].remove(at: Self.count(before: rank, in: blocks[block]))
        if blocks[block].isEmpty { blocks.remove(at: block) }
    }

    /// The greatest number below `rank`, and the least from `rank` on.
    func neighbours(of rank: Int) -> (below: Int?, above: Int?) {
        let next = blockCount(before: rank)
        let following = next < blocks.count ? Int(blocks[next][0]) : nil
        guard next > 0 else { return (nil, following) }
        let block = blocks[next - 1]
        let position = Self.count(before: rank, in: block)
        return (Int(block[position - 1]), position < block.count ? Int(block[position]) : following)
    }

    /// How many blocks begin with a number below `rank`.
    private func blockCount(before rank: Int) -> Int {
        var (low, high) = (0, blocks.count)
        while low < high {
            let middle = (low + high) / 2
            if blocks[middle][0] < rank { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// How many numbers of a block are below `rank`.
    private static func count(before rank: Int, in block: [Int32]) -> Int {
        var (low, high) = (0, block.count)
        while low < high {
            let middle = (low + high) / 2
            if block[middle] < rank { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
