import CheckModel
import ClusterChecks
import Leadership
import Platform
import Synchronization

/// Reads the statistics of node-agents and runners and rebalances by them: each period while this replica dispatches.
/// Before an operator's call it only reads them.
struct Rebalancer: Sendable {
    /// How long an operator's call waits for statistics: less than the command line waits for an answer. What is not
    /// read by then is not used.
    private static let patience: Duration = .seconds(10)

    /// A read in progress.
    private struct Reading: Sendable {
        let stop: @Sendable () -> Void
    }

    private let handler: Handler
    private let reader: any StatisticsReader
    private let period: Duration
    private let clock: any Clock
    private let log: Log

    init(handler: Handler, reader: any StatisticsReader, period: Duration, clock: any Clock, log: Log) {
        self.handler = handler
        self.reader = reader
        self.period = period
        self.clock = clock
        self.log = log.named("rebalancer")
    }

    /// Reads the statistics by which an operator's call is decided, then calls `completion`, on any thread.
    func refreshStatistics(_ completion: @escaping @Sendable () -> Void) {
        refresh(within: Self.patience, completion)
    }

    /// Rebalances each period while this replica dispatches, until cancelled.
    func run() async {
        var schedule = RebalanceSchedule(period: period)
        while (try? await clock.sleep(until: clock.now() + schedule.tick)) != nil {
            let now = clock.now()
            guard schedule.isDue(term: handler.dispatchingTerm(at: now)?.token, now: now) else { continue }
            let stop = Mutex<Reading?>(nil)
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let reading = refresh(within: period) { continuation.resume() }
                    stop.withLock { $0 = Reading(stop: reading) }
                    if Task.isCancelled { reading() }
                }
            } onCancel: {
                stop.withLock { $0 }?.stop()
            }
            do {
                _ = try handler.rebalance(isForced: false)
            } catch {
                log.info("not rebalanced", ["reason": error])
            }
        }
    }

    @discardableResult
    private func refresh(
        within limit: Duration, _ completion: @escaping @Sendable () -> Void
    ) -> @Sendable () -> Void {
        let started = clock.now()
        return reader.read(handler.statisticsTargets(now: started), until: started + limit) {
            [handler, clock] readings in
            handler.record(readings, duration: clock.now() - started)
            completion()
        }
    }
}
