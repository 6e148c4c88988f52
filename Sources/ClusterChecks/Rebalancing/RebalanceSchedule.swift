package import Platform

/// When to rebalance: first when a leader has dispatched for a whole period, since what was just moved has not been measured, and then each period.
package struct RebalanceSchedule: Sendable {
    private let period: Duration
    private var term: String?
    private var next: Instant?

    /// A schedule with this period.
    package init(period: Duration) {
        self.period = period
    }

    /// How often to ask.
    package var tick: Duration { max(.milliseconds(50), min(period / 20, .seconds(10))) }

    /// Whether to rebalance at `now`.
    ///
    /// - Parameter term: that in which this replica dispatches; nil while it does not.
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
