import ClusterChecks
import Platform

/// Asks runners, while this replica dispatches, how their checks fare: those that do not say it with their reports.
struct ResultsReader: Sendable {
    private let handler: Handler
    let results: CheckResults
    private let reader: any StatisticsReader
    private let period: Duration
    private let clock: any Clock

    init(
        handler: Handler, results: CheckResults, reader: any StatisticsReader, period: Duration, clock: any Clock
    ) {
        self.handler = handler
        self.results = results
        self.reader = reader
        self.period = period
        self.clock = clock
    }

    /// Asks them each period, until cancelled. A read ends within the period, so two never overlap.
    func run() async {
        while (try? await clock.sleep(until: clock.now() + period)) != nil {
            let now = clock.now()
            guard handler.dispatchingTerm(at: now) != nil else { continue }
            let silent = handler.reportingNodes(now: now).filter { !results.reportsItself($0.id, now: now) }
            if !silent.isEmpty {
                _ = reader.read(silent, until: now + period * 3 / 4) { [results, clock] readings in
                    results.take(readings, now: clock.now(), at: clock.wallTime())
                }
            }
            results.noteState(of: handler.placedInstances(now: now), now: now, at: clock.wallTime())
        }
    }
}
