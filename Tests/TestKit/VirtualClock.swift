package import Platform
import Synchronization

/// A clock that stands still while anything can run, then jumps to the earliest deadline.
package final class VirtualClock: Clock {
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

    /// A clock that shows a thousand seconds.
    package init() {}

    package func now() -> Instant {
        state.withLock { $0.now }
    }

    /// 2026-01-01T00:00:00Z when the clock shows zero.
    package func wallTime() -> WallTime {
        WallTime(nanoseconds: 1_767_225_600_000_000_000 + now().nanoseconds)
    }

    package func sleep(until deadline: Instant) async throws {
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

    package func sleep(_ duration: Duration) async {
        try? await sleep(until: now() + duration)
    }

    /// Calls `action` on the test's thread at `deadline`, even if the caller is cancelled.
    package func schedule(at deadline: Instant, _ action: @escaping @Sendable () -> Void) {
        state.withLock { state in
            state.nextID += 1
            state.sleepers.append(Sleeper(id: state.nextID, deadline: deadline) { _ in action() })
        }
    }

    /// Moves the time on without running anything, as if every process were stopped.
    package func freeze(_ duration: Duration) {
        state.withLock { $0.now = $0.now + duration }
    }

    /// Jumps to the earliest deadline and wakes its sleeper; false if no task sleeps.
    package func advance() -> Bool {
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

/// No task can run and none sleeps: the body waits for something that never comes.
package struct Deadlock: Error {}

/// Runs `body` in virtual time on this thread until it returns.
///
/// - Throws: what `body` throws, and `Deadlock`.
package func virtually<Value: Sendable>(
    _ body: @escaping @Sendable (VirtualClock) async throws -> Value
) throws -> Value {
    let executor = ManualExecutor()
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
