/// An amount of work, in millionths of the cost of one check instance.
///
/// Integers, because loads are added to and subtracted from a node's sum for a whole term without any drift.
struct Load: Comparable, Hashable, Sendable {
    private(set) var millionths: Int64

    static let zero = Load(millionths: 0)

    /// The load of one instance of a check about which nothing else is known.
    static let oneInstance = Load(millionths: 1_000_000)

    private init(millionths: Int64) {
        self.millionths = millionths
    }

    /// The load of a config of `cost`: at least a millionth and at most a million, so that sums over 10⁶ configs cannot
    /// overflow.
    init(cost: Double) {
        let clamped = cost.isNaN ? 1 : min(max(cost, 1e-6), 1e6)
        millionths = Int64((clamped * 1e6).rounded())
    }

    static func + (left: Load, right: Load) -> Load {
        Load(millionths: left.millionths + right.millionths)
    }

    static func - (left: Load, right: Load) -> Load {
        Load(millionths: left.millionths - right.millionths)
    }

    static func += (left: inout Load, right: Load) {
        left.millionths += right.millionths
    }

    static func -= (left: inout Load, right: Load) {
        left.millionths -= right.millionths
    }

    /// An equal share for each of `count` nodes, rounded down; `count` is at least 1.
    func shared(by count: Int) -> Load {
        Load(millionths: millionths / Int64(count))
    }

    static func < (left: Load, right: Load) -> Bool {
        left.millionths < right.millionths
    }
}
