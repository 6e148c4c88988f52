package import Platform

/// How long this process has listened to node-agents: the only time that counts when a node is said to be silent.
///
/// It is told of every moment in which the process was awake and listening; of a gap between two such moments no more than `longestGap` counts.
/// So after a pause, a stall, or a while in which another replica led, every node gets the gap back.
package struct ListenedTime: Sendable {
    private let longestGap: Duration
    private var latest: Instant?
    /// The time listened so far.
    package private(set) var total = Duration.zero

    /// No time yet. Who listens says so more often than once in `longestGap`.
    package init(longestGap: Duration) {
        self.longestGap = longestGap
    }

    /// Says that the process listens at `now`, and returns the time listened so far. A `now` before an earlier one counts as that.
    package mutating func advance(to now: Instant) -> Duration {
        if let latest, now > latest { total += min(now - latest, longestGap) }
        latest = max(latest ?? now, now)
        return total
    }
}
