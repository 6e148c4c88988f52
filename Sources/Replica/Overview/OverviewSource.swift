import AutoConf
import CheckModel
import ClusterChecks
import Leadership
import Platform

/// Makes the leader's overview from the parts that know.
struct OverviewSource: Sendable {
    let handler: Handler
    let results: CheckResults
    /// How many configs are wanted.
    let wanted: @Sendable () -> Int
    let problems: @Sendable () -> [ReportedProblem]
    let replicas: @Sendable () -> [(name: String, isNamed: Bool)]
    let apiSilence: @Sendable () -> Duration?
    let certificateExpiry: @Sendable () -> WallTime?
    /// By which the Lease names this replica.
    let name: String
    let clock: any Clock

    /// How long ago the oldest entry of the history may have been.
    private static let remembered = Duration.seconds(3600)

    /// The overview as of now, in a term that began at `since`, without its version.
    ///
    /// - Throws: `notLeading`, `startingUp`.
    func make(since: WallTime) throws(ClusterChecksError) -> (overview: OverviewAnswer, term: Term) {
        let (now, time) = (clock.now(), clock.wallTime())
        let state = try handler.snapshot(now: now)
        var overview = OverviewAnswer()
        let shown = Self.shown(name)
        (overview.time, overview.madeBy, overview.leader) = (time, shown, (shown, since))
        overview.replicas =
            [OverviewAnswer.Replica(name: shown, role: "leader")]
            + replicas().map { .init(name: Self.shown($0.name), role: $0.isNamed ? "may take over" : "catching up") }
        overview.remainingWarmUp = state.isWarmingUp ? state.remainingWarmUp : nil
        (overview.apiSilence, overview.certificateExpiry) = (apiSilence(), certificateExpiry())
        overview.dangling = state.dangling.count
        overview.configs =
            state.isWarmingUp ? wanted() : state.nodes.reduce(state.dangling.count) { $0 + $1.configs.count }
        overview.endpointsChecks = state.endpointsChecks.count
        overview.nodes = state.nodes.map(Self.node)
        overview.checks = checks(state, now)
        overview.problems = problems().map { StateAnswer.Problem($0) } + state.rejected.map(Self.problem)
        let oldest = WallTime(nanoseconds: time.nanoseconds - Self.remembered.nanoseconds)
        overview.history = handler.knownHistory.entries(since: oldest)
        return (overview, state.term)
    }

    /// An identity in the Lease without what tells two processes of one pod apart; names of pods have no underscore.
    private static func shown(_ identity: String) -> String { String(identity.prefix { $0 != "_" }) }

    private func checks(_ state: StateSnapshot, _ now: Instant) -> [OverviewAnswer.Check] {
        var checks: [OverviewAnswer.Check] = []
        for (index, node) in state.nodes.enumerated() {
            let known = results.of(node.id, now: now)
            for config in node.configs {
                let source = Self.source(config)
                for id in config.instanceIDs {
                    checks.append(OverviewAnswer.Check(id: id, source: source, node: index, result: known[id]))
                }
            }
        }
        for dangling in state.dangling {
            let config = dangling.config
            for id in config.instanceIDs.isEmpty ? [config.checkName] : config.instanceIDs {
                checks.append(
                    OverviewAnswer.Check(
                        id: id, source: Self.source(config), reason: dangling.reason.description))
            }
        }
        return checks
    }

    /// Where a config comes from, without the name of the provider in front.
    private static func source(_ config: EncodedConfig) -> String {
        let source = config.key.source
        guard let place = source.firstRange(of: "://"), let colon = source[..<place.lowerBound].lastIndex(of: ":")
        else { return source }
        return String(source[source.index(after: colon)...])
    }

    private static func problem(_ rejected: (key: ConfigKey, reason: String)) -> StateAnswer.Problem {
        StateAnswer.Problem(
            object: rejected.key.source, reason: rejected.reason, severity: "error", since: "", keepsLast: false)
    }

    private static func node(_ node: StateSnapshot.Node) -> OverviewAnswer.Node {
        OverviewAnswer.Node(
            id: node.id, kind: node.refreshInterval != nil ? "prometheus" : node.type == 1 ? "runner" : "agent",
            pod: node.conditions.pod, address: node.address, conditions: node.remarks, silence: node.silence,
            configs: node.configs.count, cost: node.load, capacity: node.capacity)
    }
}
