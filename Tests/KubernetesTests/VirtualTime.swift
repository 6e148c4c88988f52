import Kubernetes
import Platform
import Synchronization

/// Runs jobs one after the other on the thread of the test, in the order in which they came.
final class VirtualExecutor: TaskExecutor {
    private let jobs = Mutex<[UnownedJob]>([])

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
    }

    /// Runs the oldest job; false if there is none.
    func runOne() -> Bool {
        let job = jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        guard let job else { return false }
        unsafe job.runSynchronously(on: asUnownedTaskExecutor())
        return true
    }
}

/// A clock that stands still while anything can run, then jumps to the earliest deadline.
final class VirtualClock: Clock {
    private struct Sleeper {
        let id: Int
        let deadline: Instant
        let wake: @Sendable (Result<Void, any Error>) -> Void
    }

    private struct State {
        var now = Instant(nanoseconds: 1_000_000_000_000)
        var nextID = 0
        var sleepers: [Sleeper] = []
        var cancelled: Set<Int> = []
    }

    private let state = Mutex(State())

    func now() -> Instant {
        state.withLock { $0.now }
    }

    /// 2026-01-01T00:00:00Z, when the clock stands at zero.
    func wallTime() -> WallTime {
        WallTime(nanoseconds: 1_767_225_600_000_000_000 + now().nanoseconds)
    }

    func sleep(until deadline: Instant) async throws {
        try Task.checkCancellation()
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
                    if deadline <= state.now { return .success(()) }
                    state.sleepers.append(Sleeper(id: id, deadline: deadline) { continuation.resume(with: $0) })
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                if let index = state.sleepers.firstIndex(where: { $0.id == id }) {
                    return Optional(state.sleepers.remove(at: index))
                }
                state.cancelled.insert(id)
                return nil
            }
            sleeper?.wake(.failure(CancellationError()))
        }
    }

    func sleep(_ duration: Duration) async {
        try? await sleep(until: now() + duration)
    }

    /// Calls `action` on the thread of the test once it is `deadline`, whatever becomes of the caller.
    func schedule(at deadline: Instant, _ action: @escaping @Sendable () -> Void) {
        state.withLock { state in
            state.nextID += 1
            state.sleepers.append(Sleeper(id: state.nextID, deadline: deadline) { _ in action() })
        }
    }

    /// Lets time pass in which nothing runs: as if every process were stopped.
    func freeze(_ duration: Duration) {
        state.withLock { $0.now = $0.now + duration }
    }

    /// Jumps to the earliest deadline and wakes its sleeper; false if nobody sleeps.
    func advance() -> Bool {
        let sleeper = state.withLock { state -> Sleeper? in
            let earliest = state.sleepers.indices.min { left, right in
                (state.sleepers[left].deadline, state.sleepers[left].id)
                    < (state.sleepers[right].deadline, state.sleepers[right].id)
            }
            guard let earliest else { return nil }
            let sleeper = state.sleepers.remove(at: earliest)
            state.now = max(state.now, sleeper.deadline)
            return sleeper
        }
        sleeper?.wake(.success(()))
        return sleeper != nil
    }
}

/// Nothing can run and nobody sleeps: the body waits for something that never comes.
struct Deadlock: Error {}

/// Runs `body` in virtual time on this thread until it returns.
func virtually<Value: Sendable>(
    _ body: @escaping @Sendable (VirtualClock) async throws -> Value
) throws -> Value {
    let executor = VirtualExecutor()
    let clock = VirtualClock()
    let end = Mutex<Result<Value, any Error>?>(nil)
    Task(executorPreference: executor) {
        do {
            let value = try await body(clock)
            end.withLock { $0 = .success(value) }
        } catch {
            end.withLock { $0 = .failure(error) }
        }
    }
    while true {
        if let end = end.withLock({ $0 }) { return try end.get() }
        guard executor.runOne() || clock.advance() else { throw Deadlock() }
    }
}

/// Collects messages.
final class LogLines: LogSink {
    private let lines = Mutex<[LogLine]>([])

    func write(_ line: LogLine) {
        lines.withLock { $0.append(line) }
    }

    var messages: [String] {
        lines.withLock { $0.map(\.message) }
    }

    var levels: [LogLevel] {
        lines.withLock { $0.map(\.level) }
    }

    /// The values of one field in all lines.
    func values(of field: String) -> [String] {
        lines.withLock { $0.flatMap(\.fields).filter { $0.name == field }.map(\.value) }
    }
}
