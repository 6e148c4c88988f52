package import Platform

/// An instance and how often it runs.
package struct ScheduledInstance: Sendable, Equatable {
    /// Its check ID.
    package let id: String
    /// Time from one start to the next (`min_collection_interval`).
    package let interval: Duration

    /// An instance; an interval under 1 ms counts as 1 ms.
    package init(id: String, interval: Duration) {
        self.id = id
        self.interval = max(.milliseconds(1), interval)
    }
}

/// What the schedule wants done, in order.
package enum ScheduleAction: Sendable, Equatable {
    /// Start a run of an instance; tell `finished` when it has ended, however it ended.
    case start(run: UInt64, id: String)
    /// End a run early: its instance is not this agent's any more, and its result does not count.
    case cancel(run: UInt64)
}

/// When which instance runs, on a fixed number of workers: (state, event, now) → actions.
///
/// Each instance keeps a grid of starts, its interval apart. New instances begin at a time that follows from a hash of their
/// ID, in a window that grows with their number: a few start at once, many are spread, over at most their interval. An instance
/// never runs twice at once; a start that finds it still running, or waiting for a worker, is left out, not made up for.
package struct CheckSchedule: Sendable {
    private enum Phase: Equatable {
        /// In the queue, due at its next time.
        case resting
        /// Due, and no worker was free.
        case waiting
        /// Running.
        case running(run: UInt64)
    }

    private struct Entry {
        let interval: Duration
        var due: Instant
        var phase: Phase
    }

    /// New instances are spread so that one starts in each of these on average: a batch of 60 at the default interval of 15 s
    /// uses all of it.
    private static let spacing: Duration = .milliseconds(250)

    private let workers: Int
    private var entries: [String: Entry] = [:]
    private var queue = DueQueue()
    private var waiting: [String] = []
    /// Runs under way, those of instances that are gone included: they hold a worker until they have ended.
    private var runs: [UInt64: String] = [:]
    private var started: UInt64 = 0

    /// A schedule without instances; `workers` runs at most are under way at once.
    package init(workers: Int) {
        self.workers = max(1, workers)
    }

    /// When `tick` is due next; nil when nothing is.
    package var nextWake: Instant? {
        queue.first?.due
    }

    /// Runs under way.
    package var runsUnderWay: Int {
        runs.count
    }

    /// Instances that are due and wait for a worker.
    package var instancesWaiting: Int {
        waiting.count
    }

    /// From now on runs exactly `instances`. Those that stay keep their times; the runs of those that go are cancelled.
    package mutating func replace(_ instances: [ScheduledInstance], now: Instant) -> [ScheduleAction] {
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

    /// Starts what is due.
    package mutating func tick(now: Instant) -> [ScheduleAction] {
        startWhatIsDue(now)
    }

    /// A run has ended: its worker is free.
    ///
    /// - Returns: whose run it was, or nil if its result does not count, and what to do next.
    package mutating func finished(run: UInt64, now: Instant) -> (instance: String?, actions: [ScheduleAction]) {
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
