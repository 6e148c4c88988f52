import Platform

/// A binary heap of check IDs by the time at which they are due; equal times by ID, so that the order is always the
/// same.
///
/// Stale entries stay in the queue: callers compare the time of an entry with the time at which its ID is due.
struct DueQueue: Sendable {
    struct Entry: Sendable, Comparable {
        let due: Instant
        @ExactText private(set) var id: String

        static func < (left: Entry, right: Entry) -> Bool {
            (left.due, left.id) < (right.due, right.id)
        }
    }

    private var heap: [Entry] = []

    var first: Entry? {
        heap.first
    }

    var count: Int {
        heap.count
    }

    mutating func add(_ entry: Entry) {
        heap.append(entry)
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeFirst() {
        guard let last = heap.popLast(), !heap.isEmpty else { return }
        heap[0] = last
        var parent = 0
        while true {
            let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < heap.count }
            guard let least = children.min(by: { heap[$0] < heap[$1] }), heap[least] < heap[parent] else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }

    /// Removes all entries for which `isCurrent` is false.
    mutating func removeAll(but isCurrent: (Entry) -> Bool) {
        let kept = heap.filter(isCurrent)
        heap = []
        for entry in kept { add(entry) }
    }
}
