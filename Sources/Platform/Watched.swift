import Synchronization

/// A value with a version that tasks can wait on. Level-triggered: a waiter gets the newest value, not every value
/// between.
package final class Watched<Value: Sendable>: Sendable {
    /// A value and the version under which it was set; versions start at 1 and grow by 1 with each change.
    package struct Versioned: Sendable {
        /// The version.
        package let version: UInt64
        /// The value.
        package let value: Value
    }

    private struct State {
        var current: Versioned
        var nextWaiter: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Void, any Error>] = [:]
        var cancelled: Set<UInt64> = []

        /// All waiters in the order in which they came, so that a seeded simulation resumes them alike each time.
        mutating func takeWaiters() -> [CheckedContinuation<Void, any Error>] {
            defer { waiters.removeAll() }
            return waiters.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    private let state: Mutex<State>

    /// A watched value, at version 1.
    package init(_ value: Value) {
        state = Mutex(State(current: Versioned(version: 1, value: value)))
    }

    /// The newest value and its version.
    package var current: Versioned {
        state.withLock { $0.current }
    }

    /// The newest value.
    package var value: Value {
        current.value
    }

    /// Sets the value and wakes every waiter.
    package func set(_ value: Value) {
        update { $0 = value }
    }

    /// Changes the value in place, under the lock, and wakes every waiter.
    package func update(_ change: (inout Value) -> Void) {
        let waiters = state.withLock { state in
            var value = state.current.value
            change(&value)
            state.current = Versioned(version: state.current.version + 1, value: value)
            return state.takeWaiters()
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Waits until the version differs from `version`, then returns the newest value.
    ///
    /// - Throws: `CancellationError` if the task is cancelled first.
    package func next(after version: UInt64) async throws -> Versioned {
        while true {
            let newest = current
            if newest.version != version { return newest }
            try await change(after: version)
        }
    }

    /// Waits until the version differs from `version`, the deadline passes, or the task is cancelled.
    package func change(after version: UInt64, until deadline: Instant, clock: any Clock) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await clock.sleep(until: deadline) }
            group.addTask { _ = try? await self.next(after: version) }
            await group.next()
            group.cancelAll()
        }
    }

    private func change(after version: UInt64) async throws {
        try Task.checkCancellation()
        let waiter = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let resume: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(waiter) != nil { return .failure(CancellationError()) }
                    if state.current.version != version { return .success(()) }
                    state.waiters[waiter] = continuation
                    return nil
                }
                if let resume { continuation.resume(with: resume) }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                let continuation = state.waiters.removeValue(forKey: waiter)
                if continuation == nil { state.cancelled.insert(waiter) }
                return continuation
            }
            continuation?.resume(throwing: CancellationError())
        }
        _ = state.withLock { $0.cancelled.remove(waiter) }
    }
}
