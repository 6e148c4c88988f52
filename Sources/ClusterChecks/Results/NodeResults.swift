import CheckModel
import Platform

/// What one node's agent has said of the instances that it runs.
struct NodeResults: Sendable {
    /// A result, and when it was said.
    struct Kept: Sendable {
        var result: CheckResult
        var saidAt: Instant
    }

    /// The most results that are kept of one node, and the most bytes of their texts. An agent's further ones are not.
    static let (most, mostBytes) = (10_000, 4 << 20)

    /// The agent's process that says so; nil for a runner, whose statistics say it.
    private(set) var session: Int64?
    /// Up to which number of that process they are known.
    private(set) var version: Int64 = 0
    /// When the agent last said how its checks are, or that nothing has changed.
    private(set) var confirmedAt: Instant
    private(set) var results: [ExactText: Kept] = [:]
    /// Of the texts of `results`.
    private var bytes = 0
    /// Whether it has been noted that they are stale.
    private(set) var areStale = false

    init(_ now: Instant) {
        confirmedAt = now
    }

    /// Takes a report of an agent.
    ///
    /// - Returns: the check IDs that went up or down, or are gone. Nil if something before the report is not known
    ///   here: then it counts for nothing, and the agent is told what is known.
    mutating func take(_ report: ResultsReport, _ now: Instant) -> [ExactText]? {
        if report.session != session { (session, version) = (report.session, 0) }
        guard report.from == version || report.from == 0 else { return nil }
        var flipped = confirm(now)
        if report.from == 0 {
            let named = Set(report.results.map { ExactText($0.id) })
            let stale = results.keys.filter { !named.contains($0) }
            for id in stale { remove(id) }
            flipped += stale
        }
        for id in report.gone where remove(id) { flipped.append(id) }
        for result in report.results { if set(result, now) { flipped.append(ExactText(result.id)) } }
        version = report.to
        return flipped
    }

    /// Takes the statistics of a runner, which say nothing of kinds of failure, nor since when.
    ///
    /// - Parameter time: the wall time at `now`, by which runners date their successes.
    /// - Returns: the check IDs that went up or down, or are gone.
    mutating func take(_ statistics: NodeStatistics, _ now: Instant, _ time: WallTime) -> [ExactText] {
        (session, version) = (nil, 0)
        var flipped = confirm(now)
        let gone = results.keys.filter { statistics.checks[$0] == nil }
        for id in gone { remove(id) }
        flipped += gone
        for (id, stats) in statistics.checks {
            let result = CheckResult(id: id.text, stats, former: results[id], now, time)
            if set(result, now) { flipped.append(id) }
        }
        return flipped
    }

    /// Takes what another leader knew of an instance.
    ///
    /// - Returns: its check ID, if it is new.
    mutating func remember(_ result: CheckResult, saidAt: Instant) -> [ExactText] {
        set(result, saidAt) ? [ExactText(result.id)] : []
    }

    /// Whether the agent says how its checks are, as far as it has been heard lately: another agent, one that does not,
    /// may have taken its name.
    func isSpeaking(_ now: Instant, staleAfter limit: Duration) -> Bool {
        session != nil && now - confirmedAt <= limit
    }

    /// - Returns: all check IDs, if nothing has been heard of them for longer than this since the last call.
    mutating func noteStale(_ now: Instant, after limit: Duration) -> [ExactText] {
        guard now - confirmedAt > limit, !areStale else { return [] }
        areStale = true
        return Array(results.keys)
    }

    /// Notes that the agent has said how its checks are.
    ///
    /// - Returns: the check IDs that are not stale any more.
    private mutating func confirm(_ now: Instant) -> [ExactText] {
        confirmedAt = now
        guard areStale else { return [] }
        areStale = false
        return Array(results.keys)
    }

    /// - Returns: whether it was there.
    @discardableResult
    private mutating func remove(_ id: ExactText) -> Bool {
        guard let former = results.removeValue(forKey: id) else { return false }
        bytes -= Self.size(former.result)
        return true
    }

    private static func size(_ result: CheckResult) -> Int { result.id.utf8.count + result.reason.utf8.count }

    /// - Returns: whether it is new, went up or down, or fails in another way.
    private mutating func set(_ result: CheckResult, _ now: Instant) -> Bool {
        let id = ExactText(result.id)
        let former = results[id]?.result
        let growth = Self.size(result) - (former.map(Self.size) ?? 0)
        guard growth <= 0 || bytes + growth <= Self.mostBytes, former != nil || results.count < Self.most else {
            return false
        }
        bytes += growth
        results[id] = Kept(result: result, saidAt: now)
        return former?.isUp != result.isUp || former?.kind != result.kind
    }
}

extension CheckResult {
    /// What a runner's statistics say of an instance.
    fileprivate init(
        id: String, _ stats: RunnerStats, former: NodeResults.Kept?, _ now: Instant, _ time: WallTime
    ) {
        let success = stats.lastSuccess.map { Duration.nanoseconds(max(0, time.nanoseconds - $0.nanoseconds)) }
        let isUp = !stats.lastExecFailed
        // It has been so since it was first seen so; a failing check at the latest since its last success.
        let seen = former.flatMap { $0.result.isUp == isUp ? $0.result.lasted + (now - $0.saidAt) : nil } ?? .zero
        self.init(
            id: id, isUp: isUp, kind: isUp ? "" : "error",
            reason: isUp ? "" : visibleLine(Scrubbing.scrubbed(stats.lastError)),
            lasted: isUp ? seen : max(seen, success ?? .zero), lastSuccess: success,
            duration: .milliseconds(stats.averageExecutionTime))
    }
}
