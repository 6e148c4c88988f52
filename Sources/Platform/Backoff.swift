/// How long to pause after one failure more: client-go's reflector backoff.
///
/// Each pause is twice as long as the one before, up to a limit, and all are stretched by a random factor between 1
/// and 2. After a long time without failure it begins anew.
package struct Backoff: Sendable {
    private static let resetAfter = Duration.seconds(120)

    private let initial: Duration
    private let limit: Duration
    private var upcoming: Duration
    private var lastFailure: Instant?

    /// A backoff whose pauses, before they are stretched, grow from `initial` to `limit`; the defaults are client-go's.
    package init(initial: Duration = .milliseconds(800), limit: Duration = .seconds(30)) {
        self.initial = initial
        self.limit = limit
        upcoming = initial
    }

    /// The pause after a failure at `now`; `fraction` is a random number in `[0, 1)`, or 0 not to stretch it.
    package mutating func pause(now: Instant, fraction: Double = 0) -> Duration {
        if let lastFailure, now - lastFailure >= Self.resetAfter { upcoming = initial }
        lastFailure = now
        defer { upcoming = min(upcoming * 2, limit) }
        return upcoming * (1 + fraction)
    }
}
