import Synchronization

/// How much memory the bodies of all responses may take together, of one client or of several.
package final class BodyBudget: Sendable {
    /// In bytes.
    let limit: Int
    private let taken = Atomic<Int>(0)

    /// A budget of so many bytes.
    package init(bytes: Int) {
        limit = bytes
    }

    fileprivate func take(_ count: Int) -> Bool {
        let total = taken.wrappingAdd(count, ordering: .relaxed).newValue
        guard total > limit else { return true }
        give(count)
        return false
    }

    fileprivate func give(_ count: Int) {
        taken.wrappingSubtract(count, ordering: .relaxed)
    }
}

/// What one body takes of a budget. It is given back when the response is released.
final class BodyShare: Sendable {
    private let budget: BodyBudget?
    private let taken = Atomic<Int>(0)

    init(of budget: BodyBudget?) {
        self.budget = budget
    }

    deinit {
        budget?.give(taken.load(ordering: .relaxed))
    }

    /// The limit of the budget, if it has no room for so many bytes more.
    func limit(taking count: Int) -> Int? {
        guard let budget else { return nil }
        guard budget.take(count) else { return budget.limit }
        taken.wrappingAdd(count, ordering: .relaxed)
        return nil
    }
}
