import Glibc

/// A point in monotonic time, in nanoseconds since an arbitrary zero.
///
/// Instants are comparable only within one process: never send one over the wire.
package struct Instant: Comparable, Hashable, Sendable, CustomStringConvertible {
    /// Nanoseconds since the zero of the clock. For the system clock that is the boot of the machine, and time spent
    /// suspended counts.
    package var nanoseconds: Int64

    /// The instant `nanoseconds` after the zero of the clock.
    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Earlier than any instant that a clock returns.
    package static let distantPast = Instant(nanoseconds: .min)

    /// Later than any instant that a clock returns.
    package static let distantFuture = Instant(nanoseconds: .max)

    /// Orders by time.
    package static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The instant `duration` later. Saturates instead of overflowing, so that `distantFuture` stays as it is.
    package static func + (instant: Instant, duration: Duration) -> Instant {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(duration.nanoseconds)
        guard overflow else { return Instant(nanoseconds: sum) }
        return duration.nanoseconds < 0 ? .distantPast : .distantFuture
    }

    /// The instant `duration` earlier; saturates.
    package static func - (instant: Instant, duration: Duration) -> Instant {
        instant + Duration.nanoseconds(duration.nanoseconds == .min ? Int64.max : -duration.nanoseconds)
    }

    /// The time from `earlier` to `later`; negative if `earlier` is the later one. Saturates.
    package static func - (later: Instant, earlier: Instant) -> Duration {
        let (difference, overflow) = later.nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
        guard overflow else { return .nanoseconds(difference) }
        return Duration.nanoseconds(later < earlier ? Int64.min : Int64.max)
    }

    /// Seconds since the zero of the clock, for traces.
    package var description: String {
        "\(nanoseconds / 1_000_000_000).\(zeroPadded(nanoseconds % 1_000_000_000, width: 9))s"
    }
}

/// Wall time, in nanoseconds since 1970-01-01T00:00:00Z. It is shown, or written into a Lease; no decision depends on
/// it.
package struct WallTime: Comparable, Hashable, Sendable {
    /// Nanoseconds since the Unix epoch.
    package var nanoseconds: Int64

    /// The wall time `nanoseconds` after the Unix epoch.
    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The wall time `seconds` after the Unix epoch, or the nearest one that can be told.
    package init(seconds: Int64) {
        let (nanoseconds, isTooFar) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        self.init(nanoseconds: !isTooFar ? nanoseconds : seconds < 0 ? .min : .max)
    }

    /// Orders by time.
    package static func < (left: WallTime, right: WallTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}

extension Duration {
    /// A duration of `count` hours.
    package static func hours(_ count: Int) -> Duration {
        .seconds(count * 3600)
    }

    /// The duration in nanoseconds, rounded towards zero and clamped to the range of `Int64` (292 years).
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carried) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        guard !carried else { return seconds < 0 ? .min : .max }
        return sum
    }

    /// The duration in seconds, for metrics and messages.
    package var seconds: Double {
        Double(nanoseconds) / 1e9
    }
}

/// The source of time. There is one per process; in a simulation, one per simulated process.
package protocol Clock: Sendable {
    /// Monotonic time. It includes time that the machine was suspended, because leadership must count it.
    func now() -> Instant

    /// Wall time, to show or record, never to decide by.
    func wallTime() -> WallTime

    /// Returns at `deadline` or later; at once if it has passed.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    func sleep(until deadline: Instant) async throws
}

/// The clocks of the operating system: `CLOCK_BOOTTIME` and `CLOCK_REALTIME`.
package struct SystemClock: Clock {
    /// Creates a system clock.
    package init() {}

    /// `CLOCK_BOOTTIME`: monotonic, and it counts time that the machine was suspended.
    package func now() -> Instant {
        Instant(nanoseconds: read(CLOCK_BOOTTIME))
    }

    /// `CLOCK_REALTIME`.
    package func wallTime() -> WallTime {
        WallTime(nanoseconds: read(CLOCK_REALTIME))
    }

    /// Sleeps on the continuous clock of the standard library, which is also `CLOCK_BOOTTIME` on Linux.
    package func sleep(until deadline: Instant) async throws {
        let remaining = deadline - now()
        guard remaining > .zero else { return try Task.checkCancellation() }
        try await Task.sleep(until: .now + remaining, clock: .continuous)
    }

    private func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}
