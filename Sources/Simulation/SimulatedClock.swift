import Glibc
package import Platform

/// The clock of one simulated process over the world's time line.
///
/// While the process is paused its timers are held and its clock goes on, as `CLOCK_BOOTTIME` does.
package struct SimulatedClock: Clock {
    let world: World
    let lane: Int
    /// The process's zero lies this long before the world's: instants of two processes never compare.
    let offset: Duration
    /// How wrong its wall time is.
    let wallError: Duration

    /// 2026-01-01T00:00:00Z, when the world begins.
    private static let epoch: Int64 = 1_767_225_600_000_000_000

    /// The process's monotonic time.
    package func now() -> Instant {
        world.now + offset
    }

    /// The process's wall time, wrong by up to an hour.
    package func wallTime() -> WallTime {
        WallTime(nanoseconds: Self.epoch + (world.now + wallError).nanoseconds)
    }

    /// Returns at `deadline` or later. A past deadline only yields, so that a loop that never waits is noticed and not
    /// endless.
    package func sleep(until deadline: Instant) async throws {
        try Task.checkCancellation()
        guard deadline > now() else { return await Task.yield() }
        let alarm = OneShot<Void>()
        let event = schedule(at: deadline) { alarm.succeed(()) }
        defer { event.cancel() }
        try await alarm.value()
    }

    /// Calls `action` on the world's thread at `deadline` of this clock, unless the process crashes before.
    func schedule(at deadline: Instant, _ action: @escaping @Sendable () -> Void) -> ScheduledEvent {
        let at = deadline == .distantFuture ? deadline : deadline - offset
        return world.schedule(at: at, owner: lane, action)
    }
}

/// The calling thread, to tell the world's thread from others.
func currentThread() -> pthread_t {
    pthread_self()
}
