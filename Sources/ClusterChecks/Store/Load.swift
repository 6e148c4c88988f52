/// An amount of work, in millionths of the cost of one check instance.
///
/// Integers, because loads are added to and subtracted from a node's sum for a whole term without any drift.
struct Load: Comparable, Hashable, Sendable {
    private(set) var millionths: Int64

    static let zero = Load(millionths: 0)

    /// The load of one instance of a check about which nothing else is known.
    static let oneInstance = Load(millionths: 1_000_000)

    init(millionths: Int64) {
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

    /// The share of one capacity in a sum of them, rounded down; it is at least 1 and at most the sum.
    func share(of capacity: Int, in sum: Int) -> Load {
        let (high, low) = millionths.multipliedFullWidth(by: Int64(capacity))
        return Load(millionths: Int64(sum).dividingFullWidth((high, low)).quotient)
    }

    /// Whether this load on a node of one capacity is relatively less than another load on a node of another.
    func isLess(than other: Load, of capacity: Int, _ otherCapacity: Int) -> Bool {
        guard capacity != otherCapacity else { return self < other }
        // 128 bits: a node's load takes up to 57, a capacity up to 14.
        let left = millionths.multipliedFullWidth(by: Int64(otherCapacity))
        let right = other.millionths.multipliedFullWidth(by: Int64(capacity))
        return (left.high, left.low) < (right.high, right.low)
    }

    static func < (left: Load, right: Load) -> Bool {
        left.millionths < right.millionths
    }
}
