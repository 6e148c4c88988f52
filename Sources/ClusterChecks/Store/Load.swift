/// How much work, in millionths of the cost of one instance of a check.
///
/// Whole numbers: loads are added to and taken from a node's sum for as long as a term lasts, and nothing may be left over.
package struct Load: Comparable, Hashable, Sendable {
    /// Millionths of the cost of one instance.
    package private(set) var millionths: Int64

    /// No work.
    package static let zero = Load(millionths: 0)

    /// The work of one instance of a check of which nothing else is known.
    package static let oneInstance = Load(millionths: 1_000_000)

    private init(millionths: Int64) {
        self.millionths = millionths
    }

    /// The load of a config of `cost`, at least a millionth and at most a million, so that sums over 10⁶ configs cannot overflow.
    package init(cost: Double) {
        let clamped = cost.isNaN ? 1 : min(max(cost, 1e-6), 1e6)
        millionths = Int64((clamped * 1e6).rounded())
    }

    /// The work of both.
    package static func + (left: Load, right: Load) -> Load {
        Load(millionths: left.millionths + right.millionths)
    }

    /// What is left of `left` without `right`.
    package static func - (left: Load, right: Load) -> Load {
        Load(millionths: left.millionths - right.millionths)
    }

    /// Adds work.
    package static func += (left: inout Load, right: Load) {
        left.millionths += right.millionths
    }

    /// Takes work away.
    package static func -= (left: inout Load, right: Load) {
        left.millionths -= right.millionths
    }

    /// An equal share for each of `count`, rounded down; `count` is at least 1.
    package func shared(by count: Int) -> Load {
        Load(millionths: millionths / Int64(count))
    }

    /// Orders by amount.
    package static func < (left: Load, right: Load) -> Bool {
        left.millionths < right.millionths
    }
}
