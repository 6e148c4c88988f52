import Platform
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct LifecycleTests {
    private final class Diary: Sendable {
        private let lines = Mutex<[String]>([])

        func note(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }
    }

    private let clock = SystemClock()
    private let log = Log(sink: NoLog())

    private func part(_ name: String, _ diary: Diary, in lifecycle: inout Lifecycle) {
        let clock = clock
        lifecycle.add(
            name,
            run: {
                try? await clock.sleep(until: .distantFuture)
                diary.note("\(name) cancelled")
            },
            afterwards: { diary.note("\(name) over, cancelled: \(Task.isCancelled)") })
    }

    @Test func `parts stop in reverse order, each before the next`() async {
        let diary = Diary()
        var lifecycle = Lifecycle(log: log, clock: clock)
        part("first", diary, in: &lifecycle)
        part("second", diary, in: &lifecycle)
        let failed = await lifecycle.run(stopWithin: .seconds(30)) { diary.note("stop") }
        #expect(failed == nil)
        #expect(
            diary.all == [
                "stop", "second cancelled", "second over, cancelled: false", "first cancelled",
                "first over, cancelled: false",
            ])
    }

    @Test func `a part that ends by itself stops everything and is named`() async {
        let diary = Diary()
        let clock = clock
        var lifecycle = Lifecycle(log: log, clock: clock)
        part("first", diary, in: &lifecycle)
        lifecycle.add("frail", run: {})
        let failed = await lifecycle.run(stopWithin: .seconds(30)) { try? await clock.sleep(until: .distantFuture) }
        #expect(failed == "frail")
        #expect(diary.all == ["first cancelled", "first over, cancelled: false"])
    }

    @Test func `a stop that hangs exits with status 1`() async {
        await #expect(processExitsWith: .exitCode(1)) {
            var lifecycle = Lifecycle(log: Log(sink: NoLog()), clock: SystemClock())
            lifecycle.add(
                "stuck",
                run: { while true { try? await SystemClock().sleep(until: SystemClock().now() + .milliseconds(10)) } })
            _ = await lifecycle.run(stopWithin: .seconds(1)) {}
        }
    }
    @Test func `the process goes on after an orderly stop`() async {
        await #expect(processExitsWith: .success) {
            var lifecycle = Lifecycle(log: Log(sink: NoLog()), clock: SystemClock())
            lifecycle.add("quick", closing: {})
            _ = await lifecycle.run(stopWithin: .seconds(1)) {}
            try? await SystemClock().sleep(until: SystemClock().now() + .seconds(2))
        }
    }
}
