package import Platform

/// A clock that stands still until a test moves it.
package struct ManualClock: Clock {
    private let time = Watched(Instant(nanoseconds: 1_000_000_000))

    /// One second after the beginning of time.
    package init() {}

    /// The time.
    package func now() -> Instant { time.value }

    /// The epoch, always.
    package func wallTime() -> WallTime { WallTime(nanoseconds: 0) }

    /// Moves it on, and wakes who sleeps until then.
    package func advance(by duration: Duration) { time.update { $0 = $0 + duration } }

    /// Sleeps until it is moved there.
    package func sleep(until deadline: Instant) async throws {
        try Task.checkCancellation()
        var seen = time.current
        while seen.value < deadline { seen = try await time.next(after: seen.version) }
    }
}
