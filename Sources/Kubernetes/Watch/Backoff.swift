package import Platform

/// How long to pause after one failure more: client-go's reflector backoff.
///
/// The first pause is 0.8 s, each later one twice as long up to a limit, all stretched by a random factor between 1 and
/// 2. After a long time without failure it begins anew.
package struct Backoff: Sendable {
    private static let initial = Duration.milliseconds(800)
    private static let resetAfter = Duration.seconds(120)

    private let limit: Duration
    private var upcoming = Self.initial
    private var lastFailure: Instant?

    /// A backoff whose pauses, before they are stretched, grow to `limit`.
    package init(limit: Duration = .seconds(30)) {
        self.limit = limit
    }

    /// The pause after a failure at `now`; `fraction` is a random number in `[0, 1)`.
    package mutating func pause(now: Instant, fraction: Double) -> Duration {
        if let lastFailure, now - lastFailure >= Self.resetAfter { upcoming = Self.initial }
        lastFailure = now
        defer { upcoming = min(upcoming * 2, limit) }
        return upcoming * (1 + fraction)
    }
}
