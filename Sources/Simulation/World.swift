import Glibc
package import Platform
import Synchronization

/// A simulated world: processes, one time line, one seed. One thread runs all of it, so that a seed is one history.
///
/// The scheduler picks the next job among those of all running processes with the seeded generator. Each job costs a
/// little drawn time; when no job is ready, time jumps to the next event. What follows a task's preferred executor
/// stays inside: child tasks, `async let`, task groups, default actors, continuations. `Task {}`, `Task.detached` and
/// actors with an executor of their own would escape; a job that comes back from another thread ends the run with an
/// error.
///
/// A world lives as long as the test's process: what a crash dropped must stay in memory (see
/// `SimulatedProcess.crash`).
package final class World: Sendable {
    struct Event {
        let id: UInt64
        let at: Instant
        let owner: Int?
        let action: @Sendable () -> Void
    }

    struct State {
        var now = Instant(nanoseconds: 0)
        var lanes: [Lane] = []
        /// The earliest last.
        var events: [Event] = []
        var nextEvent: UInt64 = 0
        var steps = 0
        var pumpThread: pthread_t?
        var violation: String?
        var checks: [@Sendable () -> String?] = []
        /// What crashed processes waited for: kept, so that no continuation is ever torn down unresumed.
        var buried: [Event] = []
    }

    /// The seed of everything.
    package let seed: UInt64
    /// How wrong a process's wall time is at most.
    let wallError: Duration
    /// What happened.
    package let trace = Trace()
    let state = Mutex(State())
    private let scheduler: Dice
    private let jobCost: ClosedRange<Duration>
    private let maximumSteps: Int

    private static let worlds = Mutex<[World]>([])

    /// A world whose whole history follows from `seed` and what the test does.
    ///
    /// - Parameters:
    ///   - jobCost: what one job takes; drawn for each.
    ///   - maximumSteps: jobs and events after which a run ends with an error, because something spins.
    package init(
        seed: UInt64, jobCost: ClosedRange<Duration> = .zero ... .microseconds(50), maximumSteps: Int = 5_000_000,
        wallError: Duration = .seconds(3600)
    ) {
        self.seed = seed
        self.wallError = wallError
        self.jobCost = jobCost
        self.maximumSteps = maximumSteps
        scheduler = Dice(seed: seed, stream: "scheduler")
        Self.worlds.withLock { $0.append(self) }
    }

    /// Time since the world began, which no process can see; each has a clock of its own.
    package var now: Instant {
        state.withLock { $0.now }
    }

    /// A stream of draws.
    package func dice(_ stream: String) -> Dice {
        Dice(seed: seed, stream: stream)
    }

    /// Appends a line to the trace, with the time in front.
    package func record(_ line: String) {
        trace.record("\(now) \(line)")
    }

    /// Ends the run: something happened that must never happen. The first violation counts.
    package func violated(_ reason: String) {
        let isFirst = state.withLock { state in
            guard state.violation == nil else { return false }
            state.violation = reason
            return true
        }
        if isFirst { record("VIOLATION: \(reason)") }
    }

    /// Adds an invariant: called after each step, it says what is broken, or nil.
    package func check(_ invariant: @escaping @Sendable () -> String?) {
        state.withLock { $0.checks.append(invariant) }
    }

    /// Has `action` called on the world's thread, outside all processes, `delay` from now.
    @discardableResult
    package func after(_ delay: Duration, _ action: @escaping @Sendable () -> Void) -> ScheduledEvent {
        schedule(at: now + delay, owner: nil, action)
    }

    func schedule(at: Instant, owner: Int?, _ action: @escaping @Sendable () -> Void) -> ScheduledEvent {
        state.withLock { state in
            state.nextEvent += 1
            let event = Event(id: state.nextEvent, at: max(at, state.now), owner: owner, action: action)
            // After every event that is not later, counted from the end: equal times keep their order.
            var place = state.events.endIndex
            while place > 0, state.events[place - 1].at <= event.at { place -= 1 }
            state.events.insert(event, at: place)
            return ScheduledEvent(world: self, id: event.id)
        }
    }

    func cancel(_ id: UInt64) {
        state.withLock { state in
            guard let place = state.events.lastIndex(where: { $0.id == id }) else { return }
            state.events.remove(at: place)
        }
    }
}

/// An event to come, which can be called off.
package struct ScheduledEvent: Sendable {
    fileprivate let world: World
    fileprivate let id: UInt64

    /// Calls it off, if it has not happened yet.
    package func cancel() {
        world.cancel(id)
    }
}

extension World {
    private enum Step {
        case event(@Sendable () -> Void)
        case job(UnownedJob, SimulatedExecutor)
        case ended
        case failed(String)
    }

    /// Runs for `duration` of the world's time.
    ///
    /// - Throws: at the first violation or failed check; when tasks wait and nothing will ever wake them; when it takes
    ///   too many steps.
    package func run(for duration: Duration) throws(SimulationFailure) {
        try run(until: now + duration)
    }

    /// Runs until `condition` holds, which is asked after each step, at most for `limit` of the world's time.
    ///
    /// - Throws: as `run(for:)`, and when the limit is reached first.
    package func run(atMost limit: Duration, until condition: () -> Bool) throws(SimulationFailure) {
        guard try !run(until: now + limit, or: condition) else { return }
        throw SimulationFailure(world: self, reason: "what was waited for did not come within \(limit)")
    }

    @discardableResult
    private func run(until end: Instant, or condition: () -> Bool = { false }) throws(SimulationFailure) -> Bool {
        state.withLock { $0.pumpThread = pthread_self() }
        defer { state.withLock { $0.pumpThread = nil } }
        while true {
            if condition() { return true }
            switch nextStep(before: end) {
            case .ended: return false
            case .failed(let reason): throw SimulationFailure(world: self, reason: reason)
            case .event(let action): action()
            case .job(let job, let executor): unsafe job.runSynchronously(on: executor.asUnownedTaskExecutor())
            }
            let (checks, violation) = state.withLock { ($0.checks, $0.violation) }
            if let violation { throw SimulationFailure(world: self, reason: violation) }
            for check in checks {
                if let broken = check() { throw SimulationFailure(world: self, reason: broken) }
            }
        }
    }

    private func nextStep(before end: Instant) -> Step {
        state.withLock { state in
            state.steps += 1
            guard state.steps <= maximumSteps else { return .failed("\(maximumSteps) steps, and no end") }
            if state.now >= end { return .ended }
            if let event = state.events.last, event.at <= state.now { return Self.takeEvent(&state) }
            if let job = takeJob(&state) { return job }
            if let event = state.events.last, event.at < .distantFuture {
                guard event.at <= end else {
                    state.now = end
                    return .ended
                }
                state.now = event.at
                return Self.takeEvent(&state)
            }
            // A paused process with jobs may yet be resumed by the test, and wake others then.
            let waiting = state.lanes.filter { $0.status == .running && $0.unfinished > 0 }
            let isHeld = state.lanes.contains { $0.status == .paused && !$0.jobs.isEmpty }
            guard waiting.isEmpty || isHeld else {
                let names = waiting.map { "\($0.name) (\($0.unfinished))" }.joined(separator: ", ")
                return .failed("deadlock: nothing is ready and nobody sleeps, yet tasks wait in \(names)")
            }
            state.now = end
            return .ended
        }
    }

    private static func takeEvent(_ state: inout State) -> Step {
        .event(state.events.removeLast().action)
    }

    private func takeJob(_ state: inout State) -> Step? {
        var ready = 0
        for lane in state.lanes.indices where state.lanes[lane].status == .running {
            ready += state.lanes[lane].jobs.count
        }
        guard ready > 0 else { return nil }
        var choice = scheduler.index(below: ready)
        trace.mix(choice)
        for lane in state.lanes.indices where state.lanes[lane].status == .running {
            let count = state.lanes[lane].jobs.count
            guard choice >= count else {
                state.now = state.now + scheduler.duration(in: jobCost)
                return .job(state.lanes[lane].jobs.remove(at: choice), state.lanes[lane].executor)
            }
            choice -= count
        }
        return nil
    }
}

/// Why a run ended early, with all that is needed to see it again.
package struct SimulationFailure: Error, CustomStringConvertible {
    /// What happened that must not happen.
    package let reason: String
    /// The seed of the world.
    package let seed: UInt64
    /// When it happened.
    package let at: Instant
    /// The last lines of the trace.
    package let tail: [String]

    init(world: World, reason: String) {
        self.reason = reason
        seed = world.seed
        at = world.now
        tail = world.trace.tail(60)
    }

    /// The reason, the end of the trace, and how to replay it.
    package var description: String {
        "seed \(seed) at \(at): \(reason)\n\(tail.joined(separator: "\n"))\nreplay: SIMULATION_SEED=\(seed) swift test --filter SimulationTests"
    }
}
