import CheckModel
import Platform
import Synchronization

/// Runs checks that block, each on its own thread, because `getaddrinfo` blocks without a time limit. A run that is
/// stopped completes at once; its thread ends when the lookup does.
final class RunThreads: Sendable {
    /// One run. It completes once: when it has a result, or when it is stopped.
    fileprivate final class Run: Sendable {
        private struct Completion: Sendable {
            let call: @Sendable (CheckOutcome) -> Void
        }

        private let completion: Mutex<Completion?>

        init(_ completion: @escaping @Sendable (CheckOutcome) -> Void) {
            self.completion = Mutex(Completion(call: completion))
        }

        var isOver: Bool {
            completion.withLock { $0 == nil }
        }

        /// Calls the completion, unless the run is over.
        func finish(_ outcome: CheckOutcome) {
            let waiting = completion.withLock { completion in
                defer { completion = nil }
                return completion
            }
            waiting?.call(outcome)
        }
    }

    /// How many threads there may be, including those of stopped runs whose lookup still hangs.
    private static let limit = 256

    private let clock: any Clock
    private let threads = Atomic<Int>(0)

    init(clock: any Clock) {
        self.clock = clock
    }

    /// Starts a run and returns a closure that stops it.
    ///
    /// - Parameters:
    ///   - name: of the thread.
    ///   - body: the run. It must end soon after its limit is over.
    func start(
        _ name: String, deadline: Instant, completion: @escaping @Sendable (CheckOutcome) -> Void,
        _ body: @escaping @Sendable (RunLimit) throws(CheckFailure) -> CheckSuccess
    ) -> @Sendable () -> Void {
        let run = Run(completion)
        guard threads.wrappingAdd(1, ordering: .relaxed).newValue <= Self.limit else {
            threads.wrappingSubtract(1, ordering: .relaxed)
            completion(
                .failure(CheckFailure(.dns, "\(Self.limit) earlier runs still hang, most likely in name lookups")))
            return {}
        }
        let limit = RunLimit(clock: clock, deadline: deadline, isStopped: { run.isOver })
        do {
            // It may outlive its run, so nobody joins it.
            try NamedThread(name) { [self] in
                run.finish(Result { () throws(CheckFailure) in try body(limit) })
                threads.wrappingSubtract(1, ordering: .relaxed)
            }.detach()
        } catch {
            threads.wrappingSubtract(1, ordering: .relaxed)
            run.finish(.failure(CheckFailure(.connect, "cannot start a thread: \(error)")))
        }
        return { run.finish(.failure(CheckFailure(.connect, "stopped"))) }
    }
}

/// When a run must end.
struct RunLimit: Sendable {
    private let clock: any Clock
    private let deadline: Instant
    private let isStopped: @Sendable () -> Bool

    fileprivate init(clock: any Clock, deadline: Instant, isStopped: @escaping @Sendable () -> Bool) {
        self.clock = clock
        self.deadline = deadline
        self.isStopped = isStopped
    }

    /// How much time is left; nil if none is, or the run is stopped.
    var left: Duration? {
        let left = deadline - clock.now()
        return left > .zero && !isStopped() ? left : nil
    }

    /// Seconds since 1970.
    var time: Int64 {
        clock.wallTime().nanoseconds / 1_000_000_000
    }
}
