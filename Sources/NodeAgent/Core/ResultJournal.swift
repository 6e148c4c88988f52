import CheckModel
import JSON
import Platform

/// The results of what an agent runs, each with the number of its last change, and up to which number the leader has
/// them; and when to tell it of the rest.
///
/// A flip is told within a second. Without any, the leader is told now and then that nothing has changed: it takes
/// results of which it has heard nothing for a while for stale.
struct ResultJournal: Sendable {
    /// How long news waits for more, so that what fails together is told together.
    private static let gathering: Duration = .milliseconds(200)
    /// The shortest time between two reports.
    private static let shortestPause: Duration = .seconds(1)
    /// How soon it is asked again whether it keeps results, after it said nothing of them, or nothing at all.
    private static let retry: Duration = .seconds(10)

    private struct Entry: Sendable {
        var result: InstanceResult
        var change: Int64
    }

    private let session: Int64
    private var entries: [ExactText: Entry] = [:]
    /// The instances that are gone, and the number of that change; the oldest first.
    private var gone: [(id: ExactText, change: Int64)] = []
    private var latest: Int64 = 0
    /// Up to which number the leader has the results; 0: it has none.
    private var acknowledged: Int64 = 0
    /// When the next report is due.
    private var due = Instant.distantFuture
    private var lastSent = Instant.distantPast

    init(session: Int64) {
        self.session = session
    }

    /// When to send the next report; `distantFuture` before there is a result.
    var nextReport: Instant { due }

    /// Notes results, and which instances are gone.
    mutating func note(_ results: [InstanceResult], gone ids: [ExactText], now: Instant) {
        for result in results where result.id.utf8.count <= CheckResult.longestID {
            latest += 1
            entries[ExactText(result.id)] = Entry(result: result, change: latest)
        }
        for id in ids where entries.removeValue(forKey: id) != nil {
            latest += 1
            gone.append((id, latest))
        }
        guard latest > acknowledged else { return }
        // Too many to name: the leader gets what is there, as if it had nothing.
        if gone.count > ResultsReport.most { (gone, acknowledged) = ([], 0) }
        due = min(due, max(now + Self.gathering, lastSent + Self.shortestPause))
    }

    /// The report to send now.
    mutating func report(_ now: Instant) -> ResultsReport {
        (lastSent, due) = (now, now + Self.retry)
        let changed = entries.values.filter { $0.change > acknowledged }.sorted { $0.change < $1.change }
        var (results, room) = ([CheckResult](), ResultsReport.mostBytes)
        var to = latest
        for entry in changed {
            let result = entry.result.said(at: now)
            room -= result.json.encoded().count + 1
            guard room >= 0, results.count < ResultsReport.most else {
                to = entry.change - 1
                break
            }
            results.append(result)
        }
        let from = acknowledged
        let gone = from == 0 ? [] : gone.filter { $0.change > from && $0.change <= to }.map(\.id)
        return ResultsReport(session: session, from: from, to: to, results: results, gone: gone)
    }

    /// Takes the leader's word up to which number it has the results; nil if it keeps none.
    mutating func acknowledge(_ version: Int64?, now: Instant) {
        guard let version else {
            acknowledged = 0
            return due = now + Self.retry
        }
        acknowledged = min(version, latest)
        gone.removeAll { $0.change <= acknowledged }
        due = acknowledged < latest ? lastSent + Self.shortestPause : lastSent + ResultsReport.period
    }
}
