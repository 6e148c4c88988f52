import Synchronization

/// Runs jobs one after the other on the test's thread, in the order in which they came, and only when the test says so.
///
/// That something does not happen is proved by it: after `drain()` nothing can run any more. What is waited for from
/// another thread (a socket, a timer of the system) does not belong on it.
package final class ManualExecutor: TaskExecutor {
    private let jobs = Mutex<[UnownedJob]>([])

    package init() {}

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
    }

    /// Runs the oldest job; false if there is none.
    package func runOne() -> Bool {
        let job = jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        guard let job else { return false }
        unsafe job.runSynchronously(on: asUnownedTaskExecutor())
        return true
    }

    /// Runs jobs until none is ready.
    package func drain() {
        while runOne() {}
    }

    /// Runs a task on this executor while `body` runs, then cancels it and waits until it has returned.
    ///
    /// - Throws: what `body` throws.
    package func run(
        _ task: @escaping @Sendable () async -> Void, while body: () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask(executorPreference: self) { await task() }
            defer {
                group.cancelAll()
                drain()
            }
            drain()
            try await body()
        }
    }
}
