package import Platform
import Synchronization

/// Whether a simulated process runs.
package enum ProcessStatus: Sendable {
    /// Its jobs are picked.
    case running
    /// Its jobs and timers are held while time goes on, as by SIGSTOP.
    case paused
    /// Its jobs are dropped, as by SIGKILL.
    case crashed
}

/// One process's part of the world's queue.
struct Lane {
    let name: String
    let executor: SimulatedExecutor
    var status = ProcessStatus.running
    var jobs: [UnownedJob] = []
    /// Tasks spawned and not finished.
    var unfinished = 0
    var onCrash: [@Sendable () -> Void] = []
}

/// Puts a process's jobs into its lane of the world's queue.
final class SimulatedExecutor: TaskExecutor {
    private let world: World
    private let lane: Int

    init(world: World, lane: Int) {
        self.world = world
        self.lane = lane
    }

    func enqueue(_ job: consuming ExecutorJob) {
        world.enqueue(UnownedJob(job), lane: lane)
    }
}

/// One simulated process: its own executor, clock, entropy and log. A restarted program is a new process.
package final class SimulatedProcess: Sendable {
    /// Its name in the trace; the same for every incarnation of a program.
    package let name: String
    /// The world in which it lives.
    package let world: World
    /// Its clock: its own zero, its own wrong wall time.
    package let clock: SimulatedClock
    /// Its randomness.
    package let entropy: SeededEntropy
    /// Writes into the trace.
    package let log: Log
    let lane: Int
    private let executor: SimulatedExecutor
    private let sink: TraceSink

    /// Starts a process; it does nothing until something is spawned or posted.
    package init(_ name: String, in world: World) {
        let lane = world.state.withLock { $0.lanes.count }
        let dice = world.dice("process \(lane)")
        self.name = name
        self.world = world
        self.lane = lane
        executor = SimulatedExecutor(world: world, lane: lane)
        clock = SimulatedClock(
            world: world, lane: lane, offset: dice.duration(in: .seconds(1) ... .seconds(1_000_000)),
            wallError: dice.duration(in: .zero - world.wallError...world.wallError))
        entropy = SeededEntropy(seed: UInt64(dice.index(below: .max)))
        sink = TraceSink(world: world, process: name)
        log = Log(sink: sink, minimum: .debug)
        world.state.withLock { $0.lanes.append(Lane(name: name, executor: executor)) }
    }

    /// Whether it runs.
    package var status: ProcessStatus {
        world.state.withLock { $0.lanes[lane].status }
    }

    /// Starts a task on the process's executor, as `main` would. In a crashed process nothing happens.
    @discardableResult
    package func spawn(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        world.state.withLock { $0.lanes[lane].unfinished += 1 }
        return Task(executorPreference: executor) { [world, lane] in
            await body()
            world.state.withLock { $0.lanes[lane].unfinished -= 1 }
        }
    }

    /// Has `body` run as a job of its own, as a socket's event would.
    package func post(_ body: @escaping @Sendable () -> Void) {
        spawn { body() }
    }

    /// Kills it: jobs, timers and everything to come are dropped. No `defer` runs, no continuation is resumed, no task
    /// ends.
    ///
    /// Cancelling its tasks instead would be a graceful stop. What the tasks hold stays in memory for good, on purpose:
    /// tearing it down would run code that no killed process runs.
    package func crash() {
        let hooks: [@Sendable () -> Void]? = world.state.withLock { state in
            guard state.lanes[lane].status != .crashed else { return nil }
            state.lanes[lane].status = .crashed
            state.lanes[lane].jobs.removeAll()
            state.buried += state.events.filter { $0.owner == lane }
            state.events.removeAll { $0.owner == lane }
            return state.lanes[lane].onCrash
        }
        guard let hooks else { return }
        world.record("\(name): crashes")
        for hook in hooks { hook() }
    }

    /// Stops it where it is, as SIGSTOP or a stalled machine does. Its clock goes on.
    package func pause() {
        let did = world.state.withLock { state in
            guard state.lanes[lane].status == .running else { return false }
            state.lanes[lane].status = .paused
            return true
        }
        if did { world.record("\(name): pauses") }
    }

    /// Lets it go on: all that was queued is ready at once, in any order.
    package func resume() {
        let held: Int? = world.state.withLock { state in
            guard state.lanes[lane].status == .paused else { return nil }
            state.lanes[lane].status = .running
            return state.lanes[lane].jobs.count
        }
        if let held { world.record("\(name): resumes with \(held) jobs held") }
    }

    /// Has `listener` told the component of each log line, in the job that writes it.
    func onLog(_ listener: @escaping @Sendable (String) -> Void) {
        sink.listen(listener)
    }

    /// Calls `hook` on the world's thread when the process crashes, after its jobs are dropped.
    func onCrash(_ hook: @escaping @Sendable () -> Void) {
        world.state.withLock { $0.lanes[lane].onCrash.append(hook) }
    }
}

extension World {
    fileprivate func enqueue(_ job: UnownedJob, lane: Int) {
        let escaped: String? = state.withLock { state in
            // A dropped job is never run and never destroyed: its task stays as it is, for good.
            if state.lanes[lane].status != .crashed { state.lanes[lane].jobs.append(job) }
            guard let thread = state.pumpThread, thread != currentThread() else { return nil }
            return state.lanes[lane].name
        }
        if let escaped { violated("a job of \(escaped) came from another thread: something left the simulation") }
    }
}
