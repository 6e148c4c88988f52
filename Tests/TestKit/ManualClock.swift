package import Platform

/// A clock that stands still until a test moves it.
package struct ManualClock: Clock {
    private let time: Watched<Instant>
    /// How often a task has gone to sleep.
    package let sleeps = Watched(0)

    /// A clock that shows `start`.
    package init(at start: Instant = Instant(nanoseconds: 1_000_000_000)) {
        time = Watched(start)
    }

    package func now() -> Instant { time.value }

    /// Always the epoch.
    package func wallTime() -> WallTime { WallTime(nanoseconds: 0) }

    package func sleep(until deadline: Instant) async throws {
        try Task.checkCancellation()
        var seen = time.current
        sleeps.update { $0 += 1 }
        while seen.value < deadline { seen = try await time.next(after: seen.version) }
    }

    /// Moves the clock to `instant` and wakes the tasks whose deadline has come.
    package func set(_ instant: Instant) { time.set(instant) }

    /// Moves the clock on and wakes the tasks whose deadline has come.
    package func advance(by duration: Duration) { time.update { $0 = $0 + duration } }

    /// Moves the clock on and waits until a task that woke sleeps again.
    package func advanceToNextSleep(by duration: Duration) async throws {
        let before = sleeps.current
        advance(by: duration)
        _ = try await sleeps.next(after: before.version)
    }

    /// Waits until a task sleeps for the first time.
    package func waitForFirstSleep() async throws {
        var seen = sleeps.current
        while seen.value == 0 { seen = try await sleeps.next(after: seen.version) }
    }
}
