package import CheckModel
package import Platform
import Synchronization

/// Which checks fail now, and why: the results that agents tell with their reports, and that runners' statistics say.
///
/// It decides nothing, and so is apart from the Dispatcher and its lock. A leader keeps it for its term. Memory: about
/// 450 bytes for each instance, and the bytes of its check ID and of its reason beyond 15 each.
package final class CheckResults: Sendable {
    fileprivate struct State {
        var nodes: [ExactText: NodeResults] = [:]
        var strips = ResultStrips()
    }

    /// Of how many periods without a word a result is stale.
    private static let stalePeriods = 3

    private let staleAfter: Duration
    private let maximumNodes: Int
    private let onFlips: @Sendable ([ExactText]) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - period: how often runners are asked.
    ///   - maximumNodes: of how many nodes results are kept.
    ///   - onFlips: called with check IDs, sorted: those that are new, went up or down, fail in another way, have
    ///     become stale, or are gone.
    package init(
        period: Duration = .seconds(30), maximumNodes: Int = 10_000,
        onFlips: @escaping @Sendable ([ExactText]) -> Void = { _ in }
    ) {
        // Agents say it in a period of their own, whatever the one for runners is.
        staleAfter = max(period, ResultsReport.period) * Self.stalePeriods
        self.maximumNodes = maximumNodes
        self.onFlips = onFlips
    }

    /// Takes what a node's agent reports of its results.
    ///
    /// - Returns: up to which number they are known now.
    package func take(_ report: ResultsReport, of node: String, now: Instant, at time: WallTime) -> Int64 {
        let (version, flips) = state.withLock { state -> (Int64, [ExactText]) in
            guard state.makeRoom(for: node, now, maximumNodes) else { return (0, []) }
            let flips = state.nodes[node]?.take(report, now) ?? []
            for id in flips where state.strips.runner(of: id) == node {
                guard let kept = state.nodes[node]?.results[id] else { continue }
                state.strips.note(id, isUp: kept.result.isUp, by: node, at: time)
            }
            return (state.nodes[node]?.version ?? 0, flips)
        }
        tell(flips)
        return version
    }

    /// A result that another leader knew.
    package struct Remembered: Sendable {
        let result: CheckResult
        let age: Duration

        /// A result, and how long ago its agent said so.
        package init(result: CheckResult, age: Duration) {
            self.result = result
            self.age = age
        }
    }

    /// Takes what another leader knew of a node's instances, unless its agent has spoken: it counts, with its age,
    /// until the agent does.
    package func remember(_ remembered: [Remembered], of node: String, now: Instant) {
        let flips = state.withLock { state -> [ExactText] in
            guard state.nodes[node] == nil, let newest = remembered.map(\.age).min(),
                state.makeRoom(for: node, now - newest, maximumNodes)
            else { return [] }
            return remembered.flatMap { state.nodes[node]?.remember($0.result, saidAt: now - $0.age) ?? [] }
        }
        tell(flips)
    }

    /// Takes the statistics of runners. Those of agents that report their results themselves are not looked at.
    package func take(_ readings: [StatisticsReading], now: Instant, at time: WallTime) {
        let flips = state.withLock { state in
            readings.flatMap { reading -> [ExactText] in
                guard let statistics = reading.statistics,
                    state.nodes[reading.id]?.isSpeaking(now, staleAfter: staleAfter) != true,
                    state.makeRoom(for: reading.id, now, maximumNodes)
                else { return [] }
                return state.nodes[reading.id]?.take(statistics, now, time) ?? []
            }
        }
        tell(flips)
    }

    /// The instances that nodes run: what an agent says of any other one is not counted.
    package typealias Placed = [(node: String, ids: [String])]

    /// Notes which results have become stale, and how all others are now. Call it once in a period.
    package func noteState(of placed: Placed, now: Instant, at time: WallTime) {
        let flips = state.withLock { state -> [ExactText] in
            let flips = state.nodes.keys.flatMap { state.nodes[$0]?.noteStale(now, after: staleAfter) ?? [] }
            state.noteStrips(placed, time)
            return flips
        }
        tell(flips)
    }

    /// How one instance has fared in the last 24 hours, as far as this term goes back; nil if nothing has been heard of
    /// it.
    package func strip(of id: String, at time: WallTime) -> ResultStrip? {
        state.withLock { $0.strips.strip(of: id, at: time) }
    }

    private func tell(_ flips: [ExactText]) {
        if !flips.isEmpty { onFlips(flips.sorted()) }
    }

    /// Whether a node's agent reports its results itself.
    package func reportsItself(_ node: String, now: Instant) -> Bool {
        state.withLock { $0.nodes[node]?.isSpeaking(now, staleAfter: staleAfter) == true }
    }

    /// The results of one node, by check ID.
    package func of(_ node: String, now: Instant) -> [ExactText: ShownResult] {
        state.withLock { $0.nodes[node] }?.shown(now, staleAfter: staleAfter) ?? [:]
    }

    /// The result of one instance on a node; nil if its agent has said nothing of it.
    package func result(of id: String, on node: String, now: Instant) -> ShownResult? {
        state.withLock { $0.nodes[node]?.shown(id, now, staleAfter: staleAfter) }
    }

    /// Writes how many checks fail, by kind, and of how many nothing has been heard for three periods. A kind that
    /// agents of ours do not know is `error`.
    package func collect(_ placed: Placed, into writer: inout MetricsWriter, now: Instant) {
        var (failing, stale, passing) = ([ExactText: Int](), 0, 0)
        let nodes = state.withLock { $0.nodes }
        for (id, checks) in placed {
            guard let node = nodes[id] else { continue }
            for shown in checks.compactMap({ node.shown($0, now, staleAfter: staleAfter) }) {
                let kind = shown.result.kind
                if shown.isStale {
                    stale += 1
                } else if shown.result.isUp {
                    passing += 1
                } else {
                    failing[ExactText(Self.kinds.contains(kind) ? kind : "error"), default: 0] += 1
                }
            }
        }
        writer.family(
            "cluster_checks_passing", .gauge, help: "Check instances whose last run succeeded.",
            [([:], Double(passing))])
        writer.family(
            "cluster_checks_failing", .gauge, help: "Check instances that fail, by kind.",
            Self.kinds.map { (["kind": $0], Double(failing[$0] ?? 0)) })
        writer.family(
            "cluster_checks_stale", .gauge, help: "Check instances of which nothing has been heard for three periods.",
            [([:], Double(stale))])
    }

    /// The kinds of failure: those of our agents, and that of a runner, which names none.
    private static let kinds = (FailureKind.allCases.map(\.rawValue) + ["error"]).sortedByBytes()

    /// Forgets nodes that are gone, and everything when another term begins.
    package func handle(_ event: StoreEvent) {
        switch event {
        case .termBegan: state.withLock { $0 = State() }
        case .termEnded: break
        case .changed(let changes, _, _):
            let gone = changes.compactMap { if case .nodeExpired(let id, _) = $0 { id } else { nil } }
            guard !gone.isEmpty else { return }
            state.withLock { state in
                for node in gone { state.nodes[node] = nil }
            }
        }
    }
}

extension CheckResults.State {
    /// Notes how each instance fares that is not stale.
    fileprivate mutating func noteStrips(_ placed: CheckResults.Placed, _ time: WallTime) {
        for (id, checks) in placed {
            guard let node = nodes[id], !node.areStale else { continue }
            for check in checks {
                guard let kept = node.results[check] else { continue }
                strips.note(ExactText(check), isUp: kept.result.isUp, by: id, at: time)
            }
        }
        strips.forgetOld(at: time)
    }

    /// - Returns: whether there is room.
    fileprivate mutating func makeRoom(for node: String, _ now: Instant, _ limit: Int) -> Bool {
        if nodes[node] != nil { return true }
        guard nodes.count < limit else { return false }
        nodes[ExactText(node)] = NodeResults(now)
        return true
    }
}

extension NodeResults {
    fileprivate func shown(_ now: Instant, staleAfter limit: Duration) -> [ExactText: ShownResult] {
        results.mapValues { shown($0, now, limit) }
    }

    fileprivate func shown(_ id: String, _ now: Instant, staleAfter limit: Duration) -> ShownResult? {
        results[id].map { shown($0, now, limit) }
    }

    private func shown(_ kept: Kept, _ now: Instant, _ limit: Duration) -> ShownResult {
        let (age, since, result) = (now - confirmedAt, now - kept.saidAt, kept.result)
        // While it is up, the agent's word that nothing has changed tells of another success, if it has run again.
        let hasRunAgain =
            result.isUp && session != nil && (result.nextRun.map { confirmedAt - kept.saidAt >= $0 } ?? true)
        return ShownResult(
            result: result, age: age, lasted: result.lasted + since,
            lastSuccess: hasRunAgain ? age : result.lastSuccess.map { $0 + since },
            isStale: age > limit)
    }
}
