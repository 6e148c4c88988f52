import Glibc
import Synchronization

/// The parts of a process, each with a name. They start in the order in which they are added and stop in the reverse
/// order.
///
/// Everything is structured: each part runs in its own child task. When all later parts have ended, the task is
/// cancelled and awaited; then the part's `afterwards` runs in a task that is not cancelled, to release a Lease or
/// close sockets.
package struct Lifecycle: Sendable {
    private struct Part: Sendable {
        let name: String
        let run: @Sendable () async -> Void
        let afterwards: @Sendable () async -> Void
    }

    private var parts: [Part] = []
    private let log: Log
    private let clock: any Clock

    /// A lifecycle without parts.
    package init(log: Log, clock: any Clock) {
        self.log = log
        self.clock = clock
    }

    /// Adds a part.
    ///
    /// - Parameters:
    ///   - name: shown in the log.
    ///   - run: runs until its task is cancelled. If it returns earlier, the whole process stops.
    ///   - afterwards: runs after `run` has ended, in a task that is not cancelled.
    package mutating func add(
        _ name: String, run: @escaping @Sendable () async -> Void,
        afterwards: @escaping @Sendable () async -> Void = {}
    ) {
        parts.append(Part(name: name, run: run, afterwards: afterwards))
    }

    /// Adds a part that does nothing until it is closed.
    package mutating func add(_ name: String, closing afterwards: @escaping @Sendable () async -> Void) {
        let clock = clock
        add(name, run: { try? await clock.sleep(until: .distantFuture) }, afterwards: afterwards)
    }

    /// Runs all parts until `stop` returns or a part ends by itself, then stops them, last added first.
    ///
    /// - Parameters:
    ///   - limit: the time allowed for stopping. After it a watchdog thread logs the part that hangs and exits with
    ///     status 1. Nil for no limit and no thread.
    ///   - stop: returns when the process should stop.
    /// - Returns: the name of the part that ended by itself; nil after a requested stop.
    package func run(stopWithin limit: Duration?, until stop: @escaping @Sendable () async -> Void) async -> String? {
        let ended = Watched<String?>(nil)
        let stopping = Mutex<String?>("")
        let watchdog: StopWatchdog?
        do {
            watchdog = try limit.map { limit throws(SystemCallError) in
                try StopWatchdog(limit, log: log) { stopping.withLock { $0 } }
            }
        } catch {
            log.error("cannot start the watchdog of the stop", ["error": error])
            return "stop watchdog"
        }
        await nest(0, ended: ended, stopping: { name in stopping.withLock { $0 = name } }) {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await stop() }
                group.addTask {
                    var seen = ended.current
                    while seen.value == nil, let next = try? await ended.next(after: seen.version) { seen = next }
                }
                await group.next()
                group.cancelAll()
            }
            log.info("stopping", ["reason": ended.value.map { "\($0) ended by itself" } ?? "asked to"])
            watchdog?.arm()
        }
        stopping.withLock { $0 = nil }
        return ended.value
    }

    private func nest(
        _ index: Int, ended: Watched<String?>, stopping: @escaping @Sendable (String) -> Void,
        _ body: () async -> Void
    ) async {
        guard index < parts.count else { return await body() }
        let part = parts[index]
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await part.run()
                if !Task.isCancelled { ended.update { $0 = $0 ?? part.name } }
            }
            await nest(index + 1, ended: ended, stopping: stopping, body)
            stopping(part.name)
            group.cancelAll()
            await group.waitForAll()
        }
        await part.afterwards()
        log.debug("stopped", ["part": part.name])
    }
}

/// Ends a process whose stop hangs.
///
/// A thread, not a task, because the concurrency pool itself may hang; started before it is needed, because there may
/// be no thread to be had then.
private struct StopWatchdog: Sendable {
    /// How long it waits until its own log line is written.
    private static let logLimit = Duration.seconds(1)

    private final class Alarm: Sendable {
        let event: EventDescriptor

        init() throws(SystemCallError) {
            event = try EventDescriptor()
        }
    }

    private let alarm: Alarm

    /// - Parameter part: what is being stopped; nil once everything is, and the process may go on.
    init(_ limit: Duration, log: Log, part: @escaping @Sendable () -> String?) throws(SystemCallError) {
        let alarm = try Alarm()
        self.alarm = alarm
        try NamedThread("stop watchdog") {
            alarm.event.wait()
            var time = timespec(tv_sec: Int(limit.nanoseconds / 1_000_000_000), tv_nsec: 0)
            while true {
                let wanted = time
                if unsafe nanosleep([wanted], &time) == 0 { break }
            }
            guard let part = part() else { return }
            log.error("stopping took too long, ending at once", ["part": part, "limit": durationText(limit)])
            log.flush(within: Self.logLimit)
            _exit(1)
        }.detach()
    }

    /// The time runs from now on.
    func arm() {
        alarm.event.signal()
    }
}
