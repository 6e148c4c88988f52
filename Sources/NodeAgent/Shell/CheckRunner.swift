import CheckModel
import CheckOptions
import Platform
import Synchronization

/// Runs the assigned instances on their schedule, and keeps the results.
///
/// One loop handles all events in order. Every run ends by its deadline, also if the executor does not end it.
final class CheckRunner: Sendable {
    private enum Event: Sendable {
        case replace([AssignedInstance])
        case finished(run: UInt64, CheckOutcome)
        case whenIdle(@Sendable () -> Void)
    }

    private struct ActiveRun {
        let worker: Int?
        let started: Instant
        /// When the run counts as timed out, if its executor has not ended it.
        let expires: Instant
        let stop: @Sendable () -> Void
    }

    private struct State {
        var schedule: CheckSchedule
        var workers: WorkerUtilization
        var definitions: [ExactText: Result<CheckDefinition, CheckFailure>] = [:]
        var records: [ExactText: CheckRecord] = [:]
        /// Of all runs, by the name of the check.
        var durations: [ExactText: Histogram] = [:]
        var runs: [UInt64: ActiveRun] = [:]
        var waitingForIdle: [@Sendable () -> Void] = []
        var exclusive: Set<ExactText> = []
        var exclusiveEnd = Instant.distantFuture
        /// What was told of each instance last, and when.
        var told: [ExactText: (failure: CheckFailure?, at: Instant)] = [:]
        var tell: @Sendable ([InstanceResult], _ gone: [ExactText]) -> Void = { _, _ in }
    }

    /// What the runner is doing.
    struct Snapshot: Sendable {
        /// One for each instance, sorted by check ID.
        let records: [CheckRecord]
        /// How long finished runs took, sorted by check.
        let durations: [(checkName: ExactText, histogram: Histogram)]
        /// By worker, from 0 to 1.
        let utilization: [Double]
        /// How many runs are in progress.
        let running: Int
        /// How many instances are due and wait for a worker.
        let waiting: Int
    }

    /// In seconds. A check may take 10 s if its author does not say otherwise.
    private static let durationBounds = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30]
    /// How long after its deadline a run that has not ended counts as timed out.
    private static let slack: Duration = .seconds(1)
    /// How soon another reason of the same kind of failure is told, and how soon a result that stays the same.
    private static let (reasonPause, refreshPause) = (Duration.seconds(30), Duration.seconds(300))

    private let executor: any CheckExecutor
    private let clock: any Clock
    private let log: Log
    private let inbox: Inbox<Event>
    private let state: Mutex<State>

    /// A runner without instances, with at most `workers` runs at once.
    init(workers: Int, executor: any CheckExecutor, clock: any Clock, log: Log) {
        self.executor = executor
        self.clock = clock
        self.log = log
        inbox = Inbox(clock: clock)
        state = Mutex(
            State(
                schedule: CheckSchedule(workers: workers), workers: WorkerUtilization(count: workers, now: clock.now()))
        )
    }

    /// Runs exactly `instances` from now on.
    func replace(_ instances: [AssignedInstance]) {
        inbox.put(.replace(instances))
    }

    /// Starts exclusive instances until this instant only. A start that is due later is passed over.
    func allowExclusive(until end: Instant) {
        state.withLock { $0.exclusiveEnd = end }
    }

    /// From now on, calls `tell` with results that have changed, and with instances that are no longer run: with the
    /// first one of each instance, with each flip and each other kind of failure at once.
    func tellResults(to tell: @escaping @Sendable ([InstanceResult], _ gone: [ExactText]) -> Void) {
        state.withLock { $0.tell = tell }
    }

    /// Calls `body` when no run is in progress: after `replace([])`, when all have ended. Not called if the runner is
    /// stopped before.
    func whenIdle(_ body: @escaping @Sendable () -> Void) {
        inbox.put(.whenIdle(body))
    }

    var snapshot: Snapshot {
        let now = clock.now()
        return state.withLock { state in
            Snapshot(
                records: state.records.sorted { $0.key < $1.key }.map(\.value),
                durations: state.durations.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
                utilization: state.workers.utilization(now: now), running: state.schedule.runsInProgress,
                waiting: state.schedule.instancesWaiting)
        }
    }

    /// Runs checks until the task is cancelled, then stops all runs.
    func run() async {
        while !Task.isCancelled {
            for event in await inbox.take(until: nextWake) { handle(event) }
            expireRuns()
            perform(state.withLock { $0.schedule.tick(now: clock.now()) })
            tellIfIdle()
        }
        let stops = state.withLock { $0.runs.values.map(\.stop) }
        for stop in stops { stop() }
        await executor.shutdown()
    }

    private var nextWake: Instant {
        state.withLock { state in
            let lost = state.runs.values.map(\.expires).min() ?? .distantFuture
            return min(lost, state.schedule.nextWake ?? .distantFuture)
        }
    }

    private func handle(_ event: Event) {
        switch event {
        case .replace(let instances): apply(instances)
        case .finished(let run, let outcome): finish(run, outcome)
        case .whenIdle(let body): state.withLock { $0.waitingForIdle.append(body) }
        }
    }

    private func tellIfIdle() {
        let waiting = state.withLock { state in
            guard state.runs.isEmpty else { return [] as [@Sendable () -> Void] }
            defer { state.waitingForIdle = [] }
            return state.waitingForIdle
        }
        for body in waiting { body() }
    }

    private func apply(_ instances: [AssignedInstance]) {
        let definitions = instances.map { instance in
            (instance, CheckDefinition.of(instance))
        }
        var unusual: [(id: String, warnings: [String])] = []
        var stopped: [ExactText] = []
        let actions = state.withLock { state in
            state.definitions = [:]
            state.exclusive = Set(instances.lazy.filter(\.isExclusive).map { ExactText($0.id) })
            var records: [ExactText: CheckRecord] = [:]
            var scheduled: [ScheduledInstance] = []
            for (instance, definition) in definitions {
                let interval = CheckDefinition.interval(ofInstance: instance.instance)
                state.definitions[instance.id] = definition
                if state.records[instance.id] == nil, let warnings = try? definition.get().warnings, !warnings.isEmpty {
                    unusual.append((instance.id, warnings))
                }
                records[instance.id] =
                    state.records[instance.id]
                    ?? CheckRecord(id: instance.id, checkName: instance.checkName, instance: instance.instance)
                scheduled.append(ScheduledInstance(id: instance.id, interval: interval))
            }
            let gone = state.told.keys.filter { records[$0] == nil }.sorted()
            for id in gone { state.told[id] = nil }
            if !gone.isEmpty { stopped = gone }
            state.records = records
            return state.schedule.replace(scheduled, now: clock.now())
        }
        if !stopped.isEmpty { state.withLock { $0.tell }([], stopped) }
        for (id, warnings) in unusual {
            log.warning("options of a check are ignored", ["check": id, "options": warnings.joined(separator: "; ")])
        }
        perform(actions)
    }

    private func perform(_ actions: [ScheduleAction]) {
        for action in actions {
            switch action {
            case .start(let run, let id): start(run, id)
            case .cancel(let run): state.withLock { $0.runs[run]?.stop }.map { $0() }
            case .starved(let id): starve(id)
            }
        }
    }

    private func start(_ run: UInt64, _ id: String) {
        let now = clock.now()
        let passedOver = state.withLock { state -> [ScheduleAction]? in
            guard now >= state.exclusiveEnd, state.exclusive.contains(ExactText(id)) else { return nil }
            return state.schedule.finish(run: run, now: now).actions
        }
        if let passedOver { return perform(passedOver) }
        let (definition, worker) = state.withLock { state in (state.definitions[id], state.workers.acquire(now: now)) }
        var stop: @Sendable () -> Void = {}
        var expires = now + Self.slack
        switch definition {
        case .success(let check)?:
            let deadline = now + check.timeout
            expires = deadline + Self.slack
            stop = executor.start(check, deadline: deadline) { [inbox] in inbox.put(.finished(run: run, $0)) }
        case .failure(let failure)?: inbox.put(.finished(run: run, .failure(failure)))
        case nil: inbox.put(.finished(run: run, .failure(CheckFailure(.config, "no such instance"))))
        }
        let active = ActiveRun(worker: worker, started: now, expires: expires, stop: stop)
        state.withLock { $0.runs[run] = active }
    }

    private func expireRuns() {
        let now = clock.now()
        let late = state.withLock { state in
            state.runs.filter { $0.value.expires <= now }.sorted { $0.key < $1.key }
        }
        for (run, active) in late {
            active.stop()
            let limit = durationText(active.expires - Self.slack - active.started)
            finish(run, .failure(CheckFailure(.timeout, "not finished within \(limit)")))
        }
    }

    private func finish(_ run: UInt64, _ outcome: CheckOutcome) {
        let (now, time) = (clock.now(), clock.wallTime())
        let (id, transition, actions, news) = state.withLock { state in
            guard let active = state.runs.removeValue(forKey: run) else {
                return (nil as String?, nil as CheckRecord.Transition?, [] as [ScheduleAction], nil as News?)
            }
            if let worker = active.worker { state.workers.release(worker, now: now) }
            let (id, actions) = state.schedule.finish(run: run, now: now)
            guard let id else { return (nil, nil, actions, nil) }
            let duration = now - active.started
            let transition = state.records[id]?.add(outcome, duration: duration, at: time, now: now)
            // A check that this agent does not know has no runs that are worth a series of their own.
            if let name = state.records[id]?.checkName, CheckDefinition.checkNames.contains(name) {
                state.durations[name, default: Histogram(bounds: Self.durationBounds)].observe(duration.seconds)
            }
            return (id, transition, actions, Self.news(of: id, &state, now))
        }
        if let id, let transition { report(id, transition) }
        if let news { news.tell([news.result], []) }
        perform(actions)
    }

    /// A result to tell, and whom.
    private typealias News = (result: InstanceResult, tell: @Sendable ([InstanceResult], [ExactText]) -> Void)

    /// The result of an instance, if it is to be told now; it counts as told.
    private static func news(of id: String, _ state: inout State, _ now: Instant) -> News? {
        guard let record = state.records[id], let isUp = record.isUp, let since = record.since else { return nil }
        let failure = record.lastFailure
        if let told = state.told[id], told.failure?.kind == failure?.kind {
            let pause = told.failure?.message == failure?.message ? refreshPause : reasonPause
            guard now - told.at >= pause else { return nil }
        }
        state.told[ExactText(id)] = (failure, now)
        let result = InstanceResult(
            id: id, isUp: isUp, kind: failure?.kind.rawValue ?? "", reason: failure?.message ?? "", since: since,
            lastSuccess: record.succeededAt, duration: record.lastDuration, nextRun: state.schedule.nextDue(of: id))
        return (result, state.tell)
    }

    private func starve(_ id: String) {
        let now = clock.now()
        let (transition, news) = state.withLock { state in
            let transition = state.records[id]?.fail(
                CheckFailure(
                    .starved, "not started for an interval: all \(state.workers.count) check_runners are busy"),
                now: now)
            return (transition, Self.news(of: id, &state, now))
        }
        if let transition { report(id, transition) }
        if let news { news.tell([news.result], []) }
    }

    private func report(_ id: String, _ transition: CheckRecord.Transition) {
        switch transition {
        case .failing(let failure):
            log.warning("check failing", ["check": id, "kind": failure.kind.rawValue, "reason": failure.message])
        case .recovered(let failures):
            log.info("check recovered", ["check": id, "failed_runs": failures])
        }
    }
}
