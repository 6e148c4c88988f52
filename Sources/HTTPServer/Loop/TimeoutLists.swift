import Platform

/// The timeouts of many connections, at most one each, set and cleared in constant time.
///
/// All timeouts of a kind have the same duration, so one list per kind with new timeouts at its end is in order of
/// time.
struct TimeoutLists {
    private static let none = -1

    private struct Node {
        var kind: TimeoutKind?
        var deadline = Instant.distantFuture
        var previous = TimeoutLists.none
        var next = TimeoutLists.none
    }

    private var nodes: [Node] = []
    private var first = [Int](repeating: none, count: TimeoutKind.allCases.count)
    private var last = [Int](repeating: none, count: TimeoutKind.allCases.count)

    /// The earliest deadline.
    var nextDeadline: Instant? {
        var earliest: Instant?
        for index in first where index != Self.none {
            earliest = min(earliest ?? .distantFuture, nodes[index].deadline)
        }
        return earliest
    }

    /// Sets the timeout of the connection at `index` of the connection table, replacing any earlier one.
    ///
    /// - Parameter deadline: not before any deadline set earlier for the same kind.
    mutating func set(_ index: Int, _ kind: TimeoutKind, deadline: Instant) {
        while nodes.count <= index { nodes.append(Node()) }
        clear(index)
        let end = last[kind.rawValue]
        nodes[index] = Node(kind: kind, deadline: deadline, previous: end, next: Self.none)
        if end == Self.none { first[kind.rawValue] = index } else { nodes[end].next = index }
        last[kind.rawValue] = index
    }

    /// Removes the timeout of a connection.
    mutating func clear(_ index: Int) {
        guard index < nodes.count, let kind = nodes[index].kind else { return }
        let (previous, next) = (nodes[index].previous, nodes[index].next)
        if previous == Self.none { first[kind.rawValue] = next } else { nodes[previous].next = next }
        if next == Self.none { last[kind.rawValue] = previous } else { nodes[next].previous = previous }
        nodes[index] = Node()
    }

    /// Removes and returns one timeout whose deadline has passed.
    mutating func popExpired(at now: Instant) -> (index: Int, kind: TimeoutKind)? {
        for kind in TimeoutKind.allCases {
            let index = first[kind.rawValue]
            if index != Self.none, nodes[index].deadline <= now {
                clear(index)
                return (index, kind)
            }
        }
        return nil
    }
}
