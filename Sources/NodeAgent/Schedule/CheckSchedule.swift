import Platform

/// An instance and how often it runs.
struct ScheduledInstance: Sendable, Equatable {
    /// The check ID.
    @ExactText private(set) var id: String
    /// From one start to the next (`min_collection_interval`).
    let interval: Duration

    /// An interval under 1 ms counts as 1 ms.
    init(id: String, interval: Duration) {
        self.id = id
        self.interval = max(.milliseconds(1), interval)
    }
}

/// What the schedule asks the runner to do.
enum ScheduleAction: Sendable, Equatable {
    /// Start a run of an instance, and call `finish` when it has ended, with whatever result.
    case start(run: UInt64, id: String)
    /// Stop a run: its instance is no longer assigned to this agent, and its result does not count.
    case cancel(run: UInt64)
    /// Note that an instance was due once more and still waits for a worker.
    case starved(id: String)
}

/// Decides when each instance runs, on a fixed number of workers: (state, event, now) → actions.
///
/// A run that takes longer than `slowAfter` gives its worker back and goes on in a lane for slow runs, and the next run
/// of its instance begins there. So instances that wait for an answer that does not come hold up only each other: the
/// lane has room for `slowLimit` of them, and while they are not yet known to be slow for `unknownLimit`.
///
/// The starts of an instance are one interval apart. When instances are added, a hash of its ID gives each the time of
/// its first start, in a window that grows with their number: a few start at once, many are spread, over at most their
/// interval. An instance never runs twice at once: a start at which it still runs, or waits for a worker, is skipped.
struct CheckSchedule: Sendable {
    private enum Phase: Equatable {
        /// In the queue, until it is due.
        case resting
        /// Due, waiting for a free worker.
        case waiting
        case running(run: UInt64)
    }

    private struct Entry {
        let interval: Duration
        var due: Instant
        var phase: Phase
        /// Whether its last run was slow; nil before the first.
        var isSlow: Bool?
    }

    private struct Run {
        let id: String
        let started: Instant
        /// Whether it is in the lane for slow runs.
        var isSlow: Bool
    }

    /// The average time between the first starts of added instances: 60 of them at the default interval of 15 s use all
    /// of it.
    private static let spacing: Duration = .milliseconds(250)

    /// How long a run may take before it counts as slow.
    static let slowAfter: Duration = .seconds(1)
    /// The most runs that have turned out slow at once. Beyond it they keep their workers.
    static let unknownLimit = 512
    /// The most runs at once of instances that are known to be slow.
    static let slowLimit = 64

    private let workers: Int
    private var entries: [ExactText: Entry] = [:]
    private var queue = DueQueue()
    private var waiting: [String] = []
    /// Whether the next worker is for an instance that is known to be quick, if one waits.
    private var isQuickNext = false
    /// Runs in progress. Those of removed instances are among them: they hold a worker until they have ended.
    private var runs: [UInt64: Run] = [:]
    private var started: UInt64 = 0

    /// An empty schedule, with at most `workers` runs at once.
    init(workers: Int) {
        self.workers = max(1, workers)
    }

    /// When `tick` is due next; nil if there are no instances.
    var nextWake: Instant? {
        guard let due = queue.first?.due else { return nil }
        guard !waiting.isEmpty, slowRuns < Self.unknownLimit else { return due }
        // When the next worker is given back.
        return runs.values.filter { !$0.isSlow }.map { $0.started + Self.slowAfter }.reduce(due, min)
    }

    /// When an instance is due next; nil if it is not scheduled.
    func nextDue(of id: String) -> Instant? { entries[id]?.due }

    private var slowRuns: Int {
        runs.values.count { $0.isSlow }
    }

    var runsInProgress: Int {
        runs.count
    }

    /// How many instances are due and wait for a worker.
    var instancesWaiting: Int {
        waiting.count
    }

    /// Schedules exactly `instances`. Those that stay keep their start times; runs of those that go are cancelled.
    mutating func replace(_ instances: [ScheduledInstance], now: Instant) -> [ScheduleAction] {
        let wanted = Dictionary(instances.map { (ExactText($0.id), $0) }) { first, _ in first }
        var actions: [ScheduleAction] = []
        for (number, run) in runs.sorted(by: { $0.key < $1.key })
        where wanted[run.id] == nil && entries[run.id] != nil {
            actions.append(.cancel(run: number))
        }
        entries = entries.filter { wanted[$0.key] != nil }
        waiting.removeAll { wanted[$0] == nil }
        let added = wanted.values.filter { entries[$0.id] == nil }
        for instance in added {
            let window = min(instance.interval, Self.spacing * added.count)
            let due = now + Self.offset(of: instance.id, in: window)
            entries[instance.id] = Entry(interval: instance.interval, due: due, phase: .resting)
            queue.add(.init(due: due, id: instance.id))
        }
        dropStaleEntries()
        return actions + startWhatIsDue(now)
    }

    /// Starts the instances that are due.
    mutating func tick(now: Instant) -> [ScheduleAction] {
        startWhatIsDue(now)
    }

    /// Frees the worker of a run that has ended.
    ///
    /// - Returns: the instance that ran, or nil if the result does not count, and what to do next.
    mutating func finish(run: UInt64, now: Instant) -> (instance: String?, actions: [ScheduleAction]) {
        guard let ended = runs.removeValue(forKey: run) else { return (nil, []) }
        let counts = entries[ended.id]?.phase == .running(run: run)
        if counts {
            entries[ended.id]?.phase = .resting
            entries[ended.id]?.isSlow = now - ended.started >= Self.slowAfter
        }
        return (counts ? ended.id : nil, startWhatIsDue(now))
    }

    private mutating func startWhatIsDue(_ now: Instant) -> [ScheduleAction] {
        var actions = queueWhatIsDue(now)
        for (number, run) in runs.sorted(by: { $0.key < $1.key })
        where !run.isSlow && now - run.started >= Self.slowAfter && slowRuns < Self.unknownLimit {
            runs[number]?.isSlow = true
        }
        var busy = Set(texts: runs.values.map(\.id))
        while let index = nextWaiting(busy) {
            let id = waiting.remove(at: index)
            started += 1
            runs[started] = Run(id: id, started: now, isSlow: entries[id]?.isSlow == true)
            busy.insert(id)
            entries[id]?.phase = .running(run: started)
            actions.append(.start(run: started, id: id))
        }
        return actions
    }

    /// The instance to start next. Every other time it is the first whose last run was quick, if there is one: when
    /// many servers fall silent at once, or are silent when this agent starts, their runs do not keep all workers.
    private mutating func nextWaiting(_ busy: Set<ExactText>) -> Int? {
        let slow = slowRuns
        let (hasSlowRoom, hasWorker) = (slow < Self.slowLimit, runs.count - slow < workers)
        guard !waiting.isEmpty, hasSlowRoom || hasWorker else { return nil }
        let first = waiting.firstIndex { id in
            (entries[id]?.isSlow == true ? hasSlowRoom : hasWorker) && !busy.contains(id)
        }
        guard let first else { return nil }
        isQuickNext.toggle()
        guard isQuickNext, hasWorker else { return first }
        return waiting[first...].firstIndex { entries[$0]?.isSlow == false && !busy.contains($0) } ?? first
    }

    private mutating func queueWhatIsDue(_ now: Instant) -> [ScheduleAction] {
        var actions: [ScheduleAction] = []
        while let first = queue.first, first.due <= now {
            queue.removeFirst()
            guard var entry = entries[first.id], entry.due == first.due else { continue }
            switch entry.phase {
            case .resting:
                entry.phase = .waiting
                waiting.append(first.id)
            case .waiting: actions.append(.starved(id: first.id))
            case .running: break
            }
            let late = (now - entry.due).nanoseconds / entry.interval.nanoseconds
            entry.due = entry.due + .nanoseconds(entry.interval.nanoseconds * (late + 1))
            entries[first.id] = entry
            queue.add(.init(due: entry.due, id: first.id))
        }
        return actions
    }

    private mutating func dropStaleEntries() {
        guard queue.count > 2 * entries.count else { return }
        let entries = entries
        queue.removeAll { entries[$0.id]?.due == $0.due }
    }

    /// A place in `window` that is always the same for an ID: the high bits of its hash, scaled to the window.
    private static func offset(of id: String, in window: Duration) -> Duration {
        let hash = FNV1a(id).value
        let mixed = (hash ^ (hash >> 32)) &* 0x9E37_79B9_7F4A_7C15
        return .nanoseconds(Int64(mixed.multipliedFullWidth(by: UInt64(max(0, window.nanoseconds))).high))
    }
}
