/// The state of one planning: where each config is by now, and the next step.
///
/// A step moves one config from the relatively heaviest node that can give to the relatively lightest one that may get
/// something of it. It is taken only if the greater of the two relative loads falls and the two come nearer to each
/// other, so that the sum of load² ÷ capacity over all nodes falls with each step: the steps come to an end, and
/// neither the greatest relative load nor the deviation ever grows. A config that is moved on in a later step is one
/// move, and one that comes back is none.
///
/// Where no step helps a node that has far too much, an exchange may: a config for lighter ones.
struct BalancingRound: Sendable {
    /// The configs of a node that may be moved and that the same nodes may run, by rank.
    private struct Holding: Sendable {
        let set: Int
        var ranks = SortedRanks()
    }

    /// A config on its way.
    private struct Step {
        let rank: Int
        let destination: Int
        /// How far its load is from what should be moved between the two nodes.
        let distance: Int64
    }

    /// The tournaments in which the nodes of one set look for the lightest.
    private struct Receivers: Sendable {
        /// All of them in one.
        var overall = 0
        /// One for each capacity. A config may be too heavy for the lightest of all, and not for a larger node.
        var byCapacity: [Int] = []
    }

    /// The movable configs from the lightest to the heaviest: the index among those given, the load, the node before
    /// all moves, and by set the nodes that may run it. Set 0 is all nodes.
    private let configs: [(index: Int, load: Int64, home: Int, set: Int)]
    /// By rank: the node by now, and the number of the last step.
    private var places: [Int]
    private var lastSteps: [Int]
    private var stepCount = 0
    private var movedCount = 0

    /// The loads before all moves, and by now.
    private let initialLoads: RelativeLoads
    private(set) var loads: RelativeLoads
    /// By node: how many configs there are, movable or not.
    private var counts: [Int]
    /// By node: the load that it is to have.
    private var targets: [Int64] = []
    /// The load of the heaviest config that may be moved.
    private let heaviestConfig: Int64
    private let stop: Double?
    private var holdings: [[Holding]]

    private let givers: [Int]
    private let receives: [Bool]
    /// By node: the position among the givers.
    private let giverPositions: [Int?]
    private var heaviest: Tournament
    private var lightest: [Tournament] = []
    private var receivers: [Receivers] = []
    /// By node: its places in the tournaments for the lightest.
    private var seats: [[(tournament: Int, position: Int)]]

    init(_ nodes: [BalancedNode], _ eligibility: [[Int]], _ given: [BalancedConfig], _ limits: BalancingLimits) {
        let capacities = nodes.map { Int64(max(1, $0.capacity)) }
        var sums = Array(repeating: Int64(0), count: nodes.count)
        counts = Array(repeating: 0, count: nodes.count)
        for config in given {
            sums[config.node] += config.load.millionths
            counts[config.node] += 1
        }
        initialLoads = RelativeLoads(loads: sums, capacities: capacities)
        loads = initialLoads
        let movable = given.indices.filter {
            given[$0].isMovable && given[$0].load > .zero && nodes[given[$0].node].gives
        }
        configs = movable.sorted { Self.precedes(given[$0], given[$1]) }.map { index in
            (index, given[index].load.millionths, given[index].node, given[index].eligible.map { $0 + 1 } ?? 0)
        }
        places = configs.map(\.home)
        lastSteps = Array(repeating: 0, count: configs.count)
        heaviestConfig = given.reduce(0) { max($0, $1.isMovable ? $1.load.millionths : 0) }
        stop = limits.stop
        receives = nodes.map(\.receives)
        givers = nodes.indices.filter { nodes[$0].gives }
        var positions = [Int?](repeating: nil, count: nodes.count)
        for (position, node) in givers.enumerated() { positions[node] = position }
        giverPositions = positions
        heaviest = Tournament(givers, .heaviest, loads)
        holdings = Array(repeating: [], count: nodes.count)
        seats = Array(repeating: [], count: nodes.count)
        for (rank, config) in configs.enumerated() { hold(rank, on: config.home) { $0.append(rank) } }
        seat(nodes.indices.filter { nodes[$0].receives })
        for set in eligibility { seat(set.filter { nodes[$0].receives }) }
        setTargets()
    }

    private static func precedes(_ left: BalancedConfig, _ right: BalancedConfig) -> Bool {
        if left.load != right.load { return left.load < right.load }
        return left.keyHash != right.keyHash ? left.keyHash < right.keyHash : left.key < right.key
    }

    /// Sets the targets by where the configs are now.
    private mutating func setTargets() {
        let movable = zip(configs, places).compactMap { config, node in
            giverPositions[node].map { _ in (load: config.load, node: node) }
        }
        targets = BalancingTargets(loads, receives, movable).loads
    }

    /// Prepares the tournaments of a set of nodes.
    private mutating func seat(_ nodes: [Int]) {
        func tournament(_ members: [Int]) -> Int {
            for (position, node) in members.enumerated() { seats[node].append((lightest.count, position)) }
            lightest.append(Tournament(members, .lightest, loads))
            return lightest.count - 1
        }
        var entry = Receivers()
        entry.overall = tournament(nodes)
        let capacities = Set(nodes.map { loads.capacities[$0] }).sorted()
        if capacities.count > 1 {
            let byCapacity = Dictionary(grouping: nodes) { loads.capacities[$0] }
            entry.byCapacity = capacities.map { tournament(byCapacity[$0] ?? []) }
        }
        receivers.append(entry)
    }

    /// Changes the ranks that a node holds of those that the same nodes may run.
    private mutating func hold(_ rank: Int, on node: Int, _ change: (inout SortedRanks) -> Void) {
        let set = configs[rank].set
        if let index = holdings[node].firstIndex(where: { $0.set == set }) {
            change(&holdings[node][index].ranks)
        } else {
            var holding = Holding(set: set)
            change(&holding.ranks)
            holdings[node].append(holding)
        }
    }
}

// MARK: - Steps

extension BalancingRound {
    /// Takes steps until none helps, or until the next one would move more configs than `budget`.
    ///
    /// - Returns: whether none helps.
    @discardableResult mutating func run(budget: Int?) -> Bool {
        // Far more than the steps that any input was seen to take.
        let bound = stepCount + 64 * (configs.count + 1)
        while true {
            let first = stepCount
            heaviest = Tournament(givers, .heaviest, loads)
            // As the next plan would see them, so that it finds nothing that this one has left.
            setTargets()
            while let source = heaviest.winner {
                var steps = step(from: source).map { [$0] } ?? []
                if steps.isEmpty { steps = exchange(from: source) }
                guard !steps.isEmpty else {
                    if let position = giverPositions[source] { heaviest.set(nil, at: position, loads) }
                    continue
                }
                let added = steps.count { places[$0.rank] == configs[$0.rank].home }
                if let budget, movedCount + added > budget { return false }
                if stepCount >= bound { return false }
                for step in steps { take(step) }
            }
            // What a node could not give may have become possible by what others did.
            if stepCount == first { return true }
        }
    }

    private mutating func take(_ step: Step) {
        let (source, config) = (places[step.rank], configs[step.rank])
        hold(step.rank, on: source) { $0.remove(step.rank) }
        hold(step.rank, on: step.destination) { $0.insert(step.rank) }
        places[step.rank] = step.destination
        if source == config.home { movedCount += 1 }
        if step.destination == config.home { movedCount -= 1 }
        counts[source] -= 1
        counts[step.destination] += 1
        loads.move(config.load, from: source, to: step.destination)
        stepCount += 1
        lastSteps[step.rank] = stepCount
        for node in [source, step.destination] {
            if let position = giverPositions[node] { heaviest.update(position, loads) }
            for (tournament, position) in seats[node] { lightest[tournament].update(position, loads) }
        }
    }

    /// The best step that takes a config from a node: to the lightest node that may get any, and among its configs the
    /// one whose load is nearest to what should be moved.
    private func step(from source: Int) -> Step? {
        var best: Step?
        for isOverall in [true, false] {
            for holding in holdings[source] where !holding.ranks.isEmpty {
                let entry = receivers[holding.set]
                for tournament in isOverall ? [entry.overall] : entry.byCapacity {
                    guard let destination = lightest[tournament].winner,
                        let step = step(from: source, to: destination, of: holding.ranks),
                        best.map({ precedes(step, $0) }) ?? true
                    else { continue }
                    best = step
                }
            }
            if best != nil { return best }
        }
        return nil
    }

    private func precedes(_ left: Step, _ right: Step) -> Bool {
        guard left.destination == right.destination else { return loads.isLighter(left.destination, right.destination) }
        return (left.distance, left.rank) < (right.distance, right.rank)
    }

    /// The config among `ranks` whose load is nearest to what should be moved from one node to another; nil if no move
    /// between them helps.
    private func step(from source: Int, to destination: Int, of ranks: SortedRanks) -> Step? {
        guard isUneven(source, destination), let transfer = transfer(from: source, to: destination) else { return nil }
        let (below, above) = ranks.neighbours(of: firstRank(of: transfer.ideal))
        let candidates = [below, above].compactMap { rank -> Step? in
            guard let rank, configs[rank].load <= transfer.limit else { return nil }
            return Step(rank: rank, destination: destination, distance: abs(configs[rank].load - transfer.ideal))
        }
        // Of two that are equally near the lighter one, which does more for each unit of load that is moved.
        return candidates.min { $0.distance < $1.distance }
    }

    /// How much load should be moved from one node to another, and how much can be moved so that the greater of both
    /// relative loads falls and the two come nearer to each other; nil if there is no difference.
    private func transfer(from source: Int, to destination: Int) -> (ideal: Int64, limit: Int64)? {
        let difference = loads.excess(of: source, over: destination)
        guard difference > 0 else { return nil }
        let (from, to) = (Int128(loads.capacities[source]), Int128(loads.capacities[destination]))
        let limit = Int64(min((difference - 1) / from, (2 * difference - 1) / (from + to)))
        let surplus = loads.loads[source] - targets[source]
        let shortage = targets[destination] - loads.loads[destination]
        // What exceeds either's share would only be moved on; where there is no share left to fill, both meet halfway.
        let wanted = min(surplus, shortage) > 0 ? min(surplus, shortage) : Int64(difference / (from + to))
        return (min(wanted, limit), limit)
    }

    /// Whether one of the two is further from its target than where moves may stop.
    private func isUneven(_ source: Int, _ destination: Int) -> Bool {
        guard let stop else { return true }
        return isHeavy(source, beyond: stop) || isLight(destination, beyond: stop)
    }

    private func isHeavy(_ node: Int, beyond share: Double) -> Bool {
        Double(loads.loads[node]) > Double(targets[node]) * (1 + share)
    }

    private func isLight(_ node: Int, beyond share: Double) -> Bool {
        Double(loads.loads[node]) < Double(targets[node]) * (1 - share)
    }

    /// The first rank whose load is at least `load`.
    private func firstRank(of load: Int64) -> Int {
        var (low, high) = (0, configs.count)
        while low < high {
            let middle = (low + high) / 2
            if configs[middle].load < load { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

// MARK: - Exchanges

extension BalancingRound {
    /// By how much a node must exceed its target and the heaviest config of all for an exchange, which takes two moves
    /// or more.
    private static let exchangeShare = 0.01
    /// With how many of the lightest nodes an exchange is tried.
    private static let exchangePartners = 8
    /// The most configs taken back for one.
    private static let mostReturns = 8

    /// Steps that help together where none does alone: a config for lighter ones of another node. Without them a node
    /// that has nothing but heavy configs could not approach its target.
    ///
    /// - Returns: no steps if there are none.
    private mutating func exchange(from source: Int) -> [Step] {
        let bound = Double(max(targets[source], heaviestConfig)) * (1 + max(Self.exchangeShare, stop ?? 0))
        guard receives[source], Double(loads.loads[source]) > bound else { return [] }
        let everybody = receivers[0].overall
        var tried: [(node: Int, position: Int)] = []
        var steps: [Step] = []
        while steps.isEmpty, tried.count < Self.exchangePartners, let partner = lightest[everybody].winner,
            let seat = seats[partner].first(where: { $0.tournament == everybody })
        {
            tried.append((partner, seat.position))
            lightest[everybody].set(nil, at: seat.position, loads)
            steps = exchange(between: source, and: partner)
        }
        for (node, position) in tried { lightest[everybody].set(node, at: position, loads) }
        return steps
    }

    /// The exchange between two nodes with the fewest moves, and of those the one whose difference of loads is nearest
    /// to what should be moved.
    private func exchange(between source: Int, and partner: Int) -> [Step] {
        guard giverPositions[partner] != nil, let transfer = transfer(from: source, to: partner) else { return [] }
        let offers = holdings[partner].filter { mayRun($0.set, on: source) }.map(\.ranks)
        var best: (given: Int, taken: [Int], distance: Int64)?
        for holding in holdings[source] where mayRun(holding.set, on: partner) {
            for given in holding.ranks.values {
                guard let (taken, distance) = returns(for: given, from: offers, transfer.ideal, transfer.limit),
                    best.map({ (taken.count, distance, given) < ($0.taken.count, $0.distance, $0.given) }) ?? true
                else { continue }
                best = (given, taken, distance)
            }
        }
        guard let (given, taken, distance) = best else { return [] }
        return [Step(rank: given, destination: partner, distance: distance)]
            + taken.map { Step(rank: $0, destination: source, distance: distance) }
    }

    /// The configs to take back for one that is given, heaviest first, so that as much is moved as should be, or a bit
    /// more; nil if there are none, and how far it is from that.
    private func returns(
        for given: Int, from offers: [SortedRanks], _ ideal: Int64, _ limit: Int64
    ) -> (taken: [Int], distance: Int64)? {
        var taken: [Int] = []
        var load = configs[given].load
        while load > limit, taken.count < Self.mostReturns {
            let bound = min(taken.last ?? given, firstRank(of: load - ideal + 1))
            guard let rank = offers.compactMap({ $0.neighbours(of: bound).below }).max() else { return nil }
            taken.append(rank)
            load -= configs[rank].load
        }
        return load > 0 && load <= limit ? (taken, load - ideal) : nil
    }

    /// Whether a node is in a set.
    private func mayRun(_ set: Int, on node: Int) -> Bool {
        seats[node].contains { $0.tournament == receivers[set].overall }
    }
}

// MARK: - Results

extension BalancingRound {
    /// Whether there is a config that may be moved, and a node that may get it.
    var isMovable: Bool {
        configs.contains { config in lightest[receivers[config.set].overall].winner.map { _ in true } ?? false }
    }

    /// Whether every node is within a share of its target.
    func isEven(within share: Double) -> Bool {
        !targets.indices.contains { node in
            giverPositions[node] != nil && isHeavy(node, beyond: share)
                || receives[node] && isLight(node, beyond: share)
        }
    }

    /// The moves so far, in the order of each config's last step.
    var moves: [BalancingPlan.Move] {
        let imbalance = initialLoads.variance
        var loads = initialLoads
        let moved = configs.indices.filter { places[$0] != configs[$0].home }
        return moved.sorted { lastSteps[$0] < lastSteps[$1] }.map { rank in
            let (config, destination) = (configs[rank], places[rank])
            let before = loads.square(config.home) + loads.square(destination)
            loads.move(config.load, from: config.home, to: destination)
            let gain = before - loads.square(config.home) - loads.square(destination)
            return BalancingPlan.Move(
                config: config.index, source: config.home, destination: destination,
                gain: imbalance > 0 ? gain / imbalance : 0)
        }
    }

    /// The number of nodes without configs.
    var emptyCount: Int { counts.count { $0 == 0 } }
}
