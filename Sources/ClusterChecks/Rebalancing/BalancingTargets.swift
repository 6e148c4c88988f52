/// The load that each node should have: the same for each unit of capacity, except where it cannot be.
///
/// A node cannot get rid of what may not be moved, nor can its heaviest config be parted: that weighs least on the
/// largest node. And a node that may not get configs cannot have more than it has. The others share the rest.
struct BalancingTargets: Sendable {
    /// By node.
    let loads: [Int64]

    /// Targets for nodes with these loads, part of which are these movable configs.
    init(_ relative: RelativeLoads, _ receives: [Bool], _ movable: [(load: Int64, node: Int)]) {
        var fixed = relative.loads
        var greatest = Array(repeating: Int64(0), count: receives.count)
        for config in movable {
            fixed[config.node] -= config.load
            greatest[config.node] = max(greatest[config.node], config.load)
        }
        let largest = receives.indices.reduce(1) { max($0, receives[$1] ? relative.capacities[$1] : 1) }
        let floors = receives.indices.map { node in
            let share = Int128(greatest[node]) * Int128(relative.capacities[node]) / Int128(largest)
            return max(fixed[node], Int64(min(share, Int128(greatest[node]))))
        }
        func target(_ node: Int, _ level: Int64) -> Int64 {
            let most = receives[node] ? Int64.max : relative.loads[node]
            let share = Int128(level) * Int128(relative.capacities[node])
            return max(floors[node], Int64(min(share, Int128(most))))
        }
        let total = relative.loads.reduce(0) { $0 + Int128($1) }
        // The greatest level at which all targets together are no more than there is.
        var (low, high) = (
            Int64(0), 1 + receives.indices.reduce(0) { max($0, relative.loads[$1] / relative.capacities[$1]) }
        )
        while low < high {
            let middle = low + (high - low + 1) / 2
            let sum = receives.indices.reduce(0) { $0 + Int128(target($1, middle)) }
            if sum <= total { low = middle } else { high = middle - 1 }
        }
        loads = receives.indices.map { target($0, low) }
    }
}
