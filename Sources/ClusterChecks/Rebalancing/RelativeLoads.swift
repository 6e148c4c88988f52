/// The loads of nodes in relation to their capacities, compared exactly: by cross multiplication, never by division.
struct RelativeLoads: Sendable {
    /// By node, in millionths of the cost of one instance.
    private(set) var loads: [Int64]
    /// By node, at least 1.
    let capacities: [Int64]

    init(loads: [Int64], capacities: [Int64]) {
        (self.loads, self.capacities) = (loads, capacities)
    }

    /// By how much the relative load of `left` exceeds that of `right`, times both capacities.
    func excess(of left: Int, over right: Int) -> Int128 {
        Int128(loads[left]) * Int128(capacities[right]) - Int128(loads[right]) * Int128(capacities[left])
    }

    /// Whether `left` has a smaller relative load than `right`, or the same and comes first.
    func isLighter(_ left: Int, _ right: Int) -> Bool {
        let order = order(left, right)
        return order != 0 ? order < 0 : left < right
    }

    /// Whether `left` has a greater relative load than `right`, or the same and comes first.
    func isHeavier(_ left: Int, _ right: Int) -> Bool {
        let order = order(left, right)
        return order != 0 ? order > 0 : left < right
    }

    /// Below 0 if `left` has the smaller relative load, above 0 if it has the greater one.
    private func order(_ left: Int, _ right: Int) -> Int {
        guard capacities[left] != capacities[right] else { return Int((loads[left] - loads[right]).signum()) }
        return Int(excess(of: left, over: right).signum())
    }

    mutating func move(_ load: Int64, from source: Int, to destination: Int) {
        loads[source] -= load
        loads[destination] += load
    }

    /// The load of a node for each unit of its capacity.
    func relative(_ node: Int) -> Double { Double(loads[node]) / Double(capacities[node]) / 1e6 }
}

// MARK: - Figures

extension RelativeLoads {
    /// By node, the load for each unit of capacity.
    var relative: [Double] { loads.indices.map { relative($0) } }

    /// The standard deviation of the relative loads, each node counting as often as it has workers. Where all have the
    /// same capacity it is upstream's.
    var deviation: Double {
        let capacity = capacities.reduce(0) { $0 + Double($1) }
        return capacity > 0 ? (variance / capacity).squareRoot() : 0
    }

    /// The sum of the squared distances of the relative loads to their mean, each as often as the node has workers.
    var variance: Double {
        let capacity = capacities.reduce(0) { $0 + Double($1) }
        let mean = loads.reduce(0) { $0 + Double($1) / 1e6 } / max(1, capacity)
        return loads.indices.reduce(0) { sum, node in
            let distance = relative(node) - mean
            return sum + distance * distance * Double(capacities[node])
        }
    }

    /// A node's part in the sum of load² ÷ capacity, which falls by as much as the variance.
    func square(_ node: Int) -> Double {
        let relative = relative(node)
        return relative * relative * Double(capacities[node])
    }

    /// The number of nodes whose relative load is above `bound`.
    func nodeCount(above bound: Double) -> Int { loads.indices.count { relative($0) > bound } }
}

/// A tournament among some nodes by relative load: its winner is known at once, and a changed load costs O(log n).
struct Tournament: Sendable {
    /// What wins.
    enum Aim: Sendable { case lightest, heaviest }

    private let aim: Aim
    /// The root at 1, the children of `i` at `2i` and `2i + 1`, the members at `width + position`.
    private var winners: [Int32]
    private let width: Int

    private static let nobody: Int32 = -1

    /// A tournament of these nodes, whose positions are their indices in `members`.
    init(_ members: [Int], _ aim: Aim, _ relative: RelativeLoads) {
        self.aim = aim
        var width = 1
        while width < members.count { width *= 2 }
        self.width = width
        winners = Array(repeating: Self.nobody, count: 2 * width)
        for (position, node) in members.enumerated() { winners[width + position] = Int32(node) }
        for index in (1..<width).reversed() { winners[index] = better(of: index, relative) }
    }

    /// The winner; nil if there is no member.
    var winner: Int? { winners[1] == Self.nobody ? nil : Int(winners[1]) }

    /// The load of the member at a position has changed.
    mutating func update(_ position: Int, _ relative: RelativeLoads) {
        var index = width + position
        let changed = winners[index]
        while index > 1 {
            index /= 2
            let former = winners[index]
            winners[index] = better(of: index, relative)
            if winners[index] == former, former != changed { return }
        }
    }

    /// Puts a node at a position, or nobody.
    mutating func set(_ node: Int?, at position: Int, _ relative: RelativeLoads) {
        var index = width + position
        winners[index] = node.map { Int32($0) } ?? Self.nobody
        while index > 1 {
            index /= 2
            winners[index] = better(of: index, relative)
        }
    }

    private func better(of index: Int, _ relative: RelativeLoads) -> Int32 {
        let (left, right) = (winners[2 * index], winners[2 * index + 1])
        guard left != Self.nobody, right != Self.nobody else { return max(left, right) }
        let isLeft =
            aim == .lightest
            ? relative.isLighter(Int(left), Int(right)) : relative.isHeavier(Int(left), Int(right))
        return isLeft ? left : right
    }
}
