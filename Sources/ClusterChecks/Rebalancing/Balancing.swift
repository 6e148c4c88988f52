import CheckModel

/// One node as balancing sees it.
struct BalancedNode: Sendable {
    /// The node ID.
    let id: String
    /// How much of all work it should do in relation to others, from 1 to 10,000: the number of its workers.
    let capacity: Int
    /// Whether it may get configs.
    var receives = true
    /// Whether it may lose configs.
    var gives = true
}

/// One config as balancing sees it.
struct BalancedConfig: Sendable {
    let key: ConfigKey
    /// A stable hash of the key, which decides between configs of equal load.
    let keyHash: UInt64
    let load: Load
    /// The index of its node.
    let node: Int
    /// Whether balancing may move it. The load of one that stays counts all the same.
    var isMovable = true
    /// The index of the set of nodes that may run it; nil if every node may.
    var eligible: Int?
}

/// When balancing moves configs, and how many.
struct BalancingLimits: Sendable {
    /// By how many percent the deviation must fall in all; nil if any gain is enough.
    var minimumGain: Int?
    /// The most configs moved in one round; nil if there is no limit. The gain is that of all moves, made in as many
    /// rounds as it takes: a small budget delays what is worth it, and forbids nothing.
    var budget: Int?
    /// Nothing is done while every node is within this share of its target, such as 0.1; nil to start at any
    /// difference.
    var start: Double?
    /// Once begun, configs are moved until every node is within this share of its target; nil to go on as long as a
    /// move helps.
    var stop: Double?
    /// How many workers one unit of load keeps busy, where costs are measured. There a round is judged by utilization,
    /// as upstream does.
    var needPerUnit: Double?

    /// None at all: every move that helps is made.
    static let none = BalancingLimits()
}

/// Plans moves of configs that even out the relative loads (load ÷ capacity) of nodes.
///
/// Guarantees:
/// - The plan follows from its input; the order of the configs is irrelevant.
/// - The greatest relative load and the deviation never grow. A plan without limits ends where no single move helps, so
///   that a second plan is empty.
/// - Without limits, and where everything may be moved anywhere, no relative load exceeds the mean by more than that of
///   the heaviest config on a node of the least capacity.
/// - If moreover the nodes are equal, there are a hundred configs for each, and their costs are equal or lognormal with
///   σ ≤ 1.5, none exceeds the greater of the mean and the heaviest config by more than 1 percent. Tests show this; it
///   is not proved.
struct Balancing: Sendable {
    /// The nodes, sorted by ID.
    let nodes: [BalancedNode]
    /// The sets of nodes that configs name as eligible, each as ascending indices of nodes.
    var eligibility: [[Int]] = []
    var limits = BalancingLimits.none

    /// A runner is busy above this utilization, as upstream has it.
    private static let highUtilization = 0.8
    /// Below this deviation of utilizations only empty and busy nodes are a reason to move configs, as upstream has it.
    private static let smallDeviation = 0.1

    /// The moves for configs in any order.
    func plan(_ configs: [BalancedConfig]) -> BalancingPlan {
        let initial = BalancingRound(nodes, eligibility, configs, limits)
        var plan = BalancingPlan(initial)
        guard initial.isMovable else {
            plan.reason = .nothingMovable
            return plan
        }
        guard limits.start.map({ !initial.isEven(within: $0) }) ?? true else {
            plan.reason = .even
            return plan
        }
        var whole = initial
        let isComplete = whole.run(budget: limits.budget)
        let affordable = whole
        if !isComplete, limits.minimumGain != nil { whole.run(budget: nil) }
        guard !whole.moves.isEmpty else {
            plan.reason = isComplete ? .noMoveHelps : .noBudget
            return plan
        }
        guard isWorthIt(initial, whole) else {
            plan.reason = .gainTooSmall
            return plan
        }
        plan.moves = affordable.moves
        plan.after = affordable.loads.relative
        plan.deviation.after = affordable.loads.deviation
        plan.reason = plan.moves.isEmpty ? .noBudget : nil
        return plan
    }

    /// Whether what all moves lead to is enough of an improvement.
    private func isWorthIt(_ before: BalancingRound, _ after: BalancingRound) -> Bool {
        guard let minimumGain = limits.minimumGain else { return true }
        if let needPerUnit = limits.needPerUnit, before.loads.deviation * needPerUnit < Self.smallDeviation {
            let bound = Self.highUtilization / needPerUnit
            return after.loads.nodeCount(above: bound) < before.loads.nodeCount(above: bound)
                || after.emptyCount < before.emptyCount
        }
        return after.loads.deviation < before.loads.deviation * Double(100 - minimumGain) / 100
    }
}

/// What balancing is to do.
struct BalancingPlan: Sendable {
    /// A move of a config.
    struct Move: Hashable, Sendable {
        /// The index of the config among those given.
        let config: Int
        /// The indices of its node before and after.
        let (source, destination): (Int, Int)
        /// What this move takes away of the variance that the relative loads have before all moves, as a share of it.
        /// Below 0 for one that only helps together with others.
        let gain: Double
    }

    /// Why nothing moves.
    enum Reason: Sendable, CustomStringConvertible {
        case nothingMovable
        case even
        case noMoveHelps
        case gainTooSmall
        case noBudget

        var description: String {
            switch self {
            case .nothingMovable: "there is no config that may be moved to another node"
            case .even: "every node is close enough to its share of the load"
            case .noMoveHelps: "no move of a config makes the load more even"
            case .gainTooSmall: "the moves would not make the load enough more even to be worth it"
            case .noBudget: "the budget of a round does not allow the next move"
            }
        }
    }

    /// The moves, each of another config, those first that help the heaviest nodes.
    var moves: [Move] = []
    /// Why there are none; nil if there are some.
    var reason: Reason?
    /// The load of each node for each unit of its capacity, before and after the moves.
    let before: [Double]
    var after: [Double]
    /// The standard deviation of the relative loads, each node counting as often as it has workers.
    var deviation: (before: Double, after: Double)
}

extension BalancingPlan {
    /// A plan that moves nothing.
    fileprivate init(_ round: BalancingRound) {
        before = round.loads.relative
        after = before
        deviation = (round.loads.deviation, round.loads.deviation)
    }
}
