import Platform

/// An instance and how often it runs.
struct ScheduledInstance: Sendable, Equatable {
    /// The check ID.
    let id: String
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
}

/// Decides when each instance runs, on a fixed number of workers: (state, event, now) → actions.
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
    }

    /// The average time between the first starts of added instances: 60 of them at the default interval of 15 s use all
    /// of it.
    private static let spacing: Duration = .milliseconds(250)

    private let workers: Int
    private var entries: [String: Entry] = [:]
    private var queue = DueQueue()
    private var waiting: [String] = []
    /// Runs in progress. Those of removed instances are among them: they hold a worker until they have ended.
    private var runs: [UInt64: String] = [:]
    private var started: UInt64 = 0

    /// An empty schedule, with at most `workers` runs at once.
    init(workers: Int) {
        self.workers = max(1, workers)
    }

    /// When `tick` is due next; nil if there are no instances.
    var nextWake: Instant? {
        queue.first?.due
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
        let wanted = Dictionary(instances.map { ($0.id, $0) }) { first, _ in first }
        var actions: [ScheduleAction] = []
        for (run, id) in runs.sorted(by: { $0.key < $1.key }) where wanted[id] == nil && entries[id] != nil {
            actions.append(.cancel(run: run))
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
        guard let id = runs.removeValue(forKey: run) else { return (nil, []) }
        let counts = entries[id]?.phase == .running(run: run)
        if counts { entries[id]?.phase = .resting }
        return (counts ? id : nil, startWhatIsDue(now))
    }

    private mutating func startWhatIsDue(_ now: Instant) -> [ScheduleAction] {
        while let first = queue.first, first.due <= now {
            queue.removeFirst()
            guard var entry = entries[first.id], entry.due == first.due else { continue }
            if entry.phase == .resting {
                entry.phase = .waiting
                waiting.append(first.id)
            }
            let late = (now - entry.due).nanoseconds / entry.interval.nanoseconds
            entry.due = entry.due + .nanoseconds(entry.interval.nanoseconds * (late + 1))
            entries[first.id] = entry
            queue.add(.init(due: entry.due, id: first.id))
        }
        var actions: [ScheduleAction] = []
        var busy = Set(runs.values)
        while runs.count < workers, let index = waiting.firstIndex(where: { !busy.contains($0) }) {
            let id = waiting.remove(at: index)
            started += 1
            runs[started] = id
            busy.insert(id)
            entries[id]?.phase = .running(run: started)
            actions.append(.start(run: started, id: id))
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
