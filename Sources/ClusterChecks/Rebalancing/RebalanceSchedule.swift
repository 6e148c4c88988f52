package import Platform

/// When to rebalance: once in each period, for the first time when a leader has dispatched for a whole period. Before
/// that, configs that have just been placed have no statistics yet.
package struct RebalanceSchedule: Sendable {
    private let period: Duration
    private var term: String?
    private var next: Instant?

    /// A schedule with a period.
    package init(period: Duration) {
        self.period = period
    }

    /// How often to call `isDue`.
    package var tick: Duration { max(.milliseconds(50), min(period / 20, .seconds(10))) }

    /// Whether to rebalance at `now`.
    ///
    /// - Parameter term: the term in which this replica dispatches; nil while it does not.
    package mutating func isDue(term: String?, now: Instant) -> Bool {
        guard term == self.term, let next else {
            self.term = term
            next = term == nil ? nil : now + period
            return false
        }
        guard now >= next else { return false }
        self.next = now + period
        return true
    }
}
