import CheckModel
import ClusterChecks
import Leadership
import Platform
import Synchronization

/// Reads the runners' statistics and has the Handler rebalance by them: each period while this replica leads, and the statistics alone before an
/// operator's call.
struct Rebalancer: Sendable {
    /// How long an operator waits for statistics at most: less than the command line waits for an answer. What is not read by then is not used.
    private static let patience: Duration = .seconds(10)

    /// Statistics that are being read.
    private struct Reading: Sendable {
        let stop: @Sendable () -> Void
    }

    private let handler: Handler
    private let reader: StatisticsReader
    private let period: Duration
    private let clock: any Clock
    private let log: Log

    init(handler: Handler, reader: StatisticsReader, period: Duration, clock: any Clock, log: Log) {
        self.handler = handler
        self.reader = reader
        self.period = period
        self.clock = clock
        self.log = log.named("rebalancer")
    }

    /// Has the statistics read that an operator's call is decided upon, and then calls `completion`, on any thread.
    func refresh(_ completion: @escaping @Sendable () -> Void) {
        refresh(within: Self.patience, completion)
    }

    /// Rebalances each period of a leadership, until cancelled.
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

    /// Closes the connections to runners.
    func close() async {
        await reader.close()
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
