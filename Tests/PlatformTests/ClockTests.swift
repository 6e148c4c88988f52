import Platform
import Testing

@Suite struct ClockTests {
    static let clock = SystemClock()

    @Test(arguments: [
        (Instant(nanoseconds: 5), Duration.nanoseconds(7), Instant(nanoseconds: 12)),
        (Instant(nanoseconds: 5), .nanoseconds(-7), Instant(nanoseconds: -2)),
        (.distantFuture, .nanoseconds(1), .distantFuture),
        (.distantFuture, .seconds(1_000_000_000_000), .distantFuture),
        (.distantPast, .nanoseconds(-1), .distantPast),
        (Instant(nanoseconds: 1), .seconds(Int64.max), .distantFuture),
        (Instant(nanoseconds: -1), .seconds(Int64.min), .distantPast),
    ])
    func `an instant saturates instead of overflowing`(start: Instant, step: Duration, end: Instant) {
        #expect(start + step == end)
    }

    @Test func `subtracting instants saturates`() {
        #expect(Instant.distantFuture - Instant.distantPast == .nanoseconds(Int64.max))
        #expect(Instant.distantPast - Instant.distantFuture == .nanoseconds(Int64.min))
        #expect(Instant(nanoseconds: 3) - Instant(nanoseconds: 10) == .nanoseconds(-7))
        #expect(Instant.distantFuture - Duration.nanoseconds(Int64.min) == .distantFuture)
        #expect(Instant(nanoseconds: 10) - Duration.nanoseconds(3) == Instant(nanoseconds: 7))
    }

    static let durations: [(Duration, Int64)] = [
        (.milliseconds(1500), 1_500_000_000), (.nanoseconds(-1), -1), (.zero, 0),
        (Duration(secondsComponent: 0, attosecondsComponent: 1_999_999_999), 1),
        (.seconds(Int64.max), .max), (.seconds(Int64.min), .min),
        (Duration(secondsComponent: 9_223_372_036, attosecondsComponent: 900_000_000_000_000_000), .max),
        (Duration(secondsComponent: -9_223_372_036, attosecondsComponent: -900_000_000_000_000_000), .min),
    ]

    @Test(arguments: durations)
    func `a duration is cut to whole nanoseconds and clamped`(duration: Duration, nanoseconds: Int64) {
        #expect(duration.nanoseconds == nanoseconds)
    }

    @Test func `an instant is written in seconds`() {
        #expect(Instant(nanoseconds: 12_000_000_345).description == "12.000000345s")
        #expect(Instant(nanoseconds: 0).description == "0.000000000s")
    }

    @Test func `the system clock does not go back`() {
        var last = Self.clock.now()
        for _ in 0..<1000 {
            let now = Self.clock.now()
            #expect(now >= last)
            last = now
        }
    }

    @Test func `a sleep ends at its deadline or later`() async throws {
        let deadline = Self.clock.now() + .milliseconds(20)
        try await Self.clock.sleep(until: deadline)
        #expect(Self.clock.now() >= deadline)
        try await Self.clock.sleep(until: .distantPast)
    }

    @Test func `a cancelled sleep throws even when its deadline is past or far away`() async {
        for deadline in [Instant.distantFuture, .distantPast, Self.clock.now() + .seconds(3600)] {
            let sleeper = Task {
                while !Task.isCancelled { await Task.yield() }
                try await Self.clock.sleep(until: deadline)
            }
            sleeper.cancel()
            await #expect(throws: CancellationError.self) { try await sleeper.value }
        }
    }

    @Test func `a sleep until the distant future does not return by itself`() async throws {
        let sleeper = Task { try await Self.clock.sleep(until: .distantFuture) }
        try await Self.clock.sleep(until: Self.clock.now() + .milliseconds(30))
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
    }

    @Test func `wall time is plausible`() {
        let year2020 = WallTime(nanoseconds: 1_577_836_800_000_000_000)
        let year2100 = WallTime(nanoseconds: 4_102_444_800_000_000_000)
        #expect(Self.clock.wallTime() > year2020)
        #expect(Self.clock.wallTime() < year2100)
    }

    @Test(arguments: [
        (7, 3, "007"), (0, 1, "0"), (1234, 2, "1234"), (5, 0, "5"),
    ])
    func `numbers are padded with zeros`(number: Int, width: Int, text: String) {
        #expect(zeroPadded(number, width: width) == text)
    }

    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"),
        (951_827_696_789_000_000, "2000-02-29T12:34:56.789Z"),
        (1_767_225_599_999_999_999, "2025-12-31T23:59:59.999Z"),
        (1_767_225_600_000_000_000, "2026-01-01T00:00:00.000Z"),
        (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000Z"),
    ])
    func `wall time is written as RFC 3339`(nanoseconds: Int64, text: String) {
        #expect(timestamp(WallTime(nanoseconds: nanoseconds)) == text)
    }
}
