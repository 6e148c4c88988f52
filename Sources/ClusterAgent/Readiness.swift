import ClusterChecks
import Platform
import Synchronization

/// What the probes say, computed when they ask.
final class Readiness: Sendable {
    /// The pulse beats each second; ten missed beats mean that the process no longer runs its tasks.
    private static let longestPause = Duration.seconds(10)

    private let clock: any Clock
    private let pulse: Atomic<Int64>
    private let stopping = Atomic<Bool>(false)
    private let problems: @Sendable () -> [String]
    private let stalls: @Sendable () -> [String]
    /// How each thing fares that readiness depends on, a line each.
    let conditions: @Sendable () -> [String]

    /// - Parameters:
    ///   - problems: why node-agents cannot be answered or forwarded now; empty when they can.
    ///   - stalls: which of our own loops have stopped making attempts; empty while all go on, whatever comes of their attempts.
    ///   - conditions: how each thing fares, for people.
    init(
        clock: any Clock, problems: @escaping @Sendable () -> [String], stalls: @escaping @Sendable () -> [String],
        conditions: @escaping @Sendable () -> [String]
    ) {
        self.clock = clock
        self.problems = problems
        self.stalls = stalls
        self.conditions = conditions
        pulse = Atomic(clock.now().nanoseconds)
    }

    /// Beats until cancelled.
    func run() async {
        while (try? await clock.sleep(until: clock.now() + .seconds(1))) != nil {
            pulse.store(clock.now().nanoseconds, ordering: .relaxed)
        }
    }

    /// From now on it is not ready: the first step of stopping.
    func stop() {
        stopping.store(true, ordering: .relaxed)
    }

    /// Why the process should be restarted.
    var liveProblems: [String] {
        let pause = clock.now() - Instant(nanoseconds: pulse.load(ordering: .relaxed))
        // After a pause of the whole process every loop is late, and the pulse tells that alone.
        return pause > Self.longestPause ? ["no task has run for \(pause.seconds) s"] : stalls()
    }

    /// Why no node-agent should be sent here.
    var readyProblems: [String] {
        stopping.load(ordering: .relaxed) ? ["stopping"] : problems()
    }
}
