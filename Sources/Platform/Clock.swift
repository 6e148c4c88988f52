import Glibc

/// A point on a process's monotonic time line, in nanoseconds from an arbitrary zero.
///
/// Two instants compare only within one process: never write one on the wire.
package struct Instant: Comparable, Hashable, Sendable, CustomStringConvertible {
    /// Nanoseconds since the clock's zero; for the system clock that is the machine's boot, time asleep included.
    package var nanoseconds: Int64

    /// An instant `nanoseconds` after the clock's zero.
    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Earlier than every instant that a clock returns.
    package static let distantPast = Instant(nanoseconds: .min)

    /// Later than every instant that a clock returns.
    package static let distantFuture = Instant(nanoseconds: .max)

    /// Orders by time.
    package static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The instant `duration` later; saturates instead of overflowing, so that `distantFuture` stays what it is.
    package static func + (instant: Instant, duration: Duration) -> Instant {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(duration.nanoseconds)
        guard overflow else { return Instant(nanoseconds: sum) }
        return duration.nanoseconds < 0 ? .distantPast : .distantFuture
    }

    /// The instant `duration` earlier; saturates.
    package static func - (instant: Instant, duration: Duration) -> Instant {
        instant + Duration.nanoseconds(duration.nanoseconds == .min ? Int64.max : -duration.nanoseconds)
    }

    /// The time from `earlier` to `later`; negative if they are the other way round; saturates.
    package static func - (later: Instant, earlier: Instant) -> Duration {
        let (difference, overflow) = later.nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
        guard overflow else { return .nanoseconds(difference) }
        return Duration.nanoseconds(later < earlier ? Int64.min : Int64.max)
    }

    /// Seconds since the clock's zero, for traces.
    package var description: String {
        "\(nanoseconds / 1_000_000_000).\(zeroPadded(nanoseconds % 1_000_000_000, width: 9))s"
    }
}

/// Wall time: nanoseconds since 1970-01-01T00:00:00Z. It is shown, or written into a Lease; it decides nothing.
package struct WallTime: Comparable, Hashable, Sendable {
    /// Nanoseconds since the Unix epoch.
    package var nanoseconds: Int64

    /// A wall time `nanoseconds` after the Unix epoch.
    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Orders by time.
    package static func < (left: WallTime, right: WallTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}

extension Duration {
    /// So many hours.
    package static func hours(_ count: Int) -> Duration {
        .seconds(count * 3600)
    }

    /// The whole duration in nanoseconds, cut towards zero and clamped to what an `Int64` holds (292 years).
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

/// Where time comes from. One per process; the simulation has one per simulated process.
package protocol Clock: Sendable {
    /// Monotonic time, which also counts the time in which the machine slept (leadership must count it).
    func now() -> Instant

    /// Wall time, to be shown or written, never to decide by.
    func wallTime() -> WallTime

    /// Returns at `deadline` or later; at once if that is past.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    func sleep(until deadline: Instant) async throws
}

/// The operating system's clocks: `CLOCK_BOOTTIME` and `CLOCK_REALTIME`.
package struct SystemClock: Clock {
    /// A clock that reads the operating system's.
    package init() {}

    /// `CLOCK_BOOTTIME`: monotonic, time asleep included.
    package func now() -> Instant {
        Instant(nanoseconds: read(CLOCK_BOOTTIME))
    }

    /// `CLOCK_REALTIME`.
    package func wallTime() -> WallTime {
        WallTime(nanoseconds: read(CLOCK_REALTIME))
    }

    /// Sleeps on the standard library's continuous clock, which on Linux is `CLOCK_BOOTTIME` too.
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
