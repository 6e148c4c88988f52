import Platform

/// How busy each worker is: the share of the last 30 to 60 seconds in which it ran a check.
struct WorkerUtilization: Sendable {
    private struct Worker {
        var busySince: Instant?
        var busy: Duration = .zero
        var busyBefore: Duration = .zero
    }

    private static let window: Duration = .seconds(30)

    private var workers: [Worker]
    private var windowStart: Instant
    private var hasWindowBefore = false

    init(count: Int, now: Instant) {
        workers = Array(repeating: Worker(), count: count)
        windowStart = now
    }

    var count: Int {
        workers.count
    }

    /// Marks the first free worker as busy and returns it; nil if there is none.
    mutating func acquire(now: Instant) -> Int? {
        advance(to: now)
        guard let free = workers.firstIndex(where: { $0.busySince == nil }) else { return nil }
        workers[free].busySince = now
        return free
    }

    mutating func release(_ worker: Int, now: Instant) {
        advance(to: now)
        if let since = workers[worker].busySince { workers[worker].busy += now - since }
        workers[worker].busySince = nil
    }

    /// The utilization of each worker, from 0 to 1.
    func utilization(now: Instant) -> [Double] {
        var current = self
        current.advance(to: now)
        let elapsed = now - current.windowStart + (current.hasWindowBefore ? Self.window : .zero)
        guard elapsed > .zero else { return workers.map { _ in 0 } }
        return current.workers.map { worker in
            let running = worker.busySince.map { now - $0 } ?? .zero
            return min(1, (worker.busyBefore + worker.busy + running).seconds / elapsed.seconds)
        }
    }

    /// Starts a new window if the current one is over. The time of a busy worker is split at its start.
    private mutating func advance(to now: Instant) {
        let windows = (now - windowStart).nanoseconds / Self.window.nanoseconds
        guard windows > 0 else { return }
        let start = windowStart + Self.window * Int(windows)
        for index in workers.indices {
            let worker = workers[index]
            let previous = start - Self.window
            var busy: Duration = windows == 1 ? worker.busy : .zero
            if let since = worker.busySince {
                busy += start - max(since, previous)
                workers[index].busySince = start
            }
            workers[index].busyBefore = min(busy, Self.window)
            workers[index].busy = .zero
        }
        windowStart = start
        hasWindowBefore = true
    }
}
