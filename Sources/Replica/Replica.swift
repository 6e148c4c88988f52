import AutoConf
package import CheckModel
package import ClusterChecks
package import HTTPServer
package import Kubernetes
package import Leadership
package import Platform
import Synchronization

/// One replica of the cluster-agent, whole, without sockets: it makes every part, connects them, and runs them from
/// start to shutdown.
///
/// A process wraps it in sockets, a simulation in its network; both build this same type. It does no I/O and starts no
/// thread: all that touches the world is given to it as its surroundings.
package struct Replica: Sendable {
    /// The desired set of configs.
    package let desired: DesiredConfigs
    /// Who leads, as this replica knows it.
    package let leadership: Watched<LeadershipState>
    /// Answers node-agents and dispatches while this replica leads.
    package let handler: Handler
    /// Competes for the Lease; nil if this replica leads alone.
    package let elector: LeaderElector?
    /// What the probes answer.
    package let readiness: Readiness

    private let options: ReplicaOptions
    private let surroundings: ReplicaSurroundings
    private let autoConf: AutoConf
    private let watches: ClusterWatches?
    private let events: CheckConfigEvents?
    /// Nil if no status of ClusterChecks is written.
    private let statuses: ClusterCheckStatuses?
    private let api: API
    private let polls: LongPolls
    private let mirrors: MirrorServer
    /// Nil if no store is mirrored.
    private let mirror: MirrorClient?
    private let overviews: Overviews
    private let rebalancer: Rebalancer
    private let resultsReader: ResultsReader
    private let intents: IntentKeeper
    /// Nil if no token of a ServiceAccount is accepted.
    private let identities: AgentIdentities?
    private let requests: RequestHandler

    /// Makes every part; starts nothing.
    ///
    /// - Throws: `KubernetesError.configuration` for an election that cannot work.
    package init(_ options: ReplicaOptions, in surroundings: ReplicaSurroundings) throws(KubernetesError) {
        self.options = options
        self.surroundings = surroundings
        let (clock, log) = (surroundings.clock, surroundings.log)
        let kubernetes = surroundings.kubernetes
        let leadership = Watched<LeadershipState>(
            options.election != nil ? .unknown : .leading(.unending(token: surroundings.entropy.uuid())))
        self.leadership = leadership
        desired = DesiredConfigs(for: options.handler)
        let mirrors = MirrorServer(
            clock: clock, longestWait: options.api.longestFollow, bugs: options.handler.bugs)
        self.mirrors = mirrors
        mirror = Self.mirrorClient(options, surroundings, leadership)
        let overviews = Overviews(
            period: options.overviewPeriod, peers: surroundings.peers, token: surroundings.replicaTokens?.presented,
            background: surroundings.background, clock: clock)
        self.overviews = overviews
        let events = kubernetes?.recorder.map {
            CheckConfigEvents(recorder: $0, leadership: leadership, clock: clock)
        }
        self.events = events
        autoConf = Self.autoConf(options, surroundings, desired, events, overviews)
        let statuses = Self.statuses(options, surroundings, autoConf)
        self.statuses = statuses
        let readers = Readers(autoConf)
        let intents = IntentKeeper(store: kubernetes?.intent, clock: clock, log: log)
        self.intents = intents
        let results = Self.results(options, statuses, overviews)
        var handling = options.handler
        handling.replica = options.election?.identity ?? ""
        handler = Handler(
            source: desired, leadership: leadership, options: handling, clock: clock, log: log,
            succession: Succession(
                mirror: { [mirror] in mirror?.mirror }, dispatched: { [mirror] in mirror?.dispatched },
                readAnew: { readers.readAnew(since: $0) },
                ask: { [reader = surroundings.statistics] in _ = reader.read($0, until: $1, completion: $2) },
                history: { [mirror] in mirror?.history }, intent: { await intents.kept() }),
            observe: Self.observer(surroundings, autoConf, mirrors, statuses, results, overviews))
        intents.set(handler)
        statuses?.set(handler, results)
        elector = try Self.elector(options, surroundings, handler, mirrors, leadership)
        watches = kubernetes.map { [autoConf, handler] in
            ClusterWatches($0, autoConf, handler, statuses, surroundings)
        }
        readers.set(watches)
        rebalancer = Rebalancer(
            handler: handler, reader: surroundings.statistics, period: options.rebalancePeriod, clock: clock, log: log)
        resultsReader = ResultsReader(
            handler: handler, results: results, reader: surroundings.statistics, period: options.resultsPeriod,
            clock: clock)
        api = API(
            handler: handler, admission: Self.admission(surroundings),
            problems: { [autoConf] in autoConf.reportedProblems }, results: results,
            lastHistory: { [mirror, handler] in handler.knownHistory.continued(or: mirror?.history) },
            options: options.api, clock: clock)
        overviews.set(Self.overviewSource(handling.replica, surroundings, desired, autoConf, handler, results, mirrors))
        identities = kubernetes?.tokenReviewer.map { AgentIdentities(reviewer: $0, clock: clock, log: log) }
        polls = LongPolls(
            api: api, clock: clock, token: surroundings.token, peers: surroundings.peers, mirrors: mirrors)
        requests = RequestHandler(
            api: api, polls: polls, mirrors: mirrors, overviews: overviews, peers: surroundings.peers,
            rebalancer: rebalancer, intents: intents, audit: Audit(handler: handler, clock: clock, log: log),
            identities: identities, background: surroundings.background, clock: clock)
        readiness = Readiness(
            desired: desired, leadership: leadership, watches: watches, elector: elector, mirror: mirror, clock: clock)
    }

    /// The last complete mirror of another replica's store; nil if there is none.
    package var mirroredStore: StoreMirror? { mirror?.mirror }

    /// How checks fare, as far as this replica knows while it leads.
    package var results: CheckResults { resultsReader.results }

    /// Where every request of node-agents, runners, operators and other replicas goes.
    package var requestHandler: any HTTPHandler { requests }

    /// Runs until `stop` returns or a part ends by itself.
    ///
    /// Shutdown has one order: not ready; the Lease names who can take over; the term ends, and no leader's answer is
    /// written any more; the Lease is released; for a short delay this replica serves on as a forwarding follower;
    /// calls that wait are answered; the listener stops; then the rest.
    ///
    /// - Parameters:
    ///   - limit: a stop that takes longer ends the process; nil for no limit.
    ///   - stopListening: stops what accepts requests for `requestHandler`, and returns when the responses under way
    ///     are written or given up.
    ///   - outer: adds parts that start before all of the replica's and stop after them.
    /// - Returns: the name of the part that ended by itself; nil after an ordinary stop.
    package func run(
        stopWithin limit: Duration?, stopListening: @escaping @Sendable () async -> Void,
        outer: (inout Lifecycle) -> Void = { _ in }, until stop: @escaping @Sendable () async -> Void
    ) async -> String? {
        var lifecycle = Lifecycle(log: surroundings.log, clock: surroundings.clock)
        outer(&lifecycle)
        lifecycle.add("pulse", run: { await readiness.run() })
        lifecycle.add("config files", run: { await autoConf.run() })
        if let discovery = surroundings.discovery {
            lifecycle.add("service discovery", run: { await autoConf.runDiscovery(discovery) })
        }
        if let recorder = surroundings.kubernetes?.recorder {
            lifecycle.add("events", run: { await recorder.run() }, afterwards: { await recorder.finish() })
        }
        for watch in watches?.all ?? [] { lifecycle.add(watch.report.resource, run: { await watch.run() }) }
        if let events { lifecycle.add("check events", run: { await events.run(autoConf) }) }
        lifecycle.add("listener", closing: stopListening)
        lifecycle.add("long polls", run: { await polls.run() }, afterwards: { polls.close() })
        if let identities {
            lifecycle.add("identities", run: { await identities.run() }, afterwards: { identities.close() })
        }
        if options.handler.rebalancing.isEnabled { lifecycle.add("rebalancer", run: { await rebalancer.run() }) }
        lifecycle.add("overviews", run: { await overviews.run() }, afterwards: { overviews.close() })
        lifecycle.add("results", run: { await resultsReader.run() })
        lifecycle.add("mirrors", run: { await mirrors.run { elector?.renewNow() } })
        if let mirror { lifecycle.add("mirror", run: { await mirror.run() }) }
        if let statuses { lifecycle.add("cluster check statuses", run: { await statuses.run() }) }
        lifecycle.add("intent", run: { await intents.run() }, afterwards: { intents.close() })
        if let elector { lifecycle.add("election", run: { await elector.run() }) }
        lifecycle.add("dispatcher", run: { await handler.run() }, afterwards: { await releaseLease() })
        if let elector {
            lifecycle.add("last call", closing: { [mirrors] in await mirrors.nameBeforeEnd { elector.renewNow() } })
        }
        lifecycle.add("readiness", closing: { readiness.stop() })
        return await lifecycle.run(stopWithin: limit, until: stop)
    }

    /// Writes the metrics of all parts.
    package func collect(into writer: inout MetricsWriter) {
        handler.collect(into: &writer)
        requests.collect(into: &writer)
        overviews.collect(into: &writer)
        let now = surroundings.clock.now()
        if handler.dispatchingTerm(at: now) != nil {
            resultsReader.results.collect(handler.placedInstances(now: now), into: &writer, now: now)
        }
        autoConf.collect(into: &writer)
        elector?.collect(into: &writer)
        watches?.collect(into: &writer)
        polls.collect(into: &writer)
        identities?.collect(into: &writer)
        mirrors.collect(into: &writer)
        mirror?.collect(into: &writer)
        statuses?.collect(into: &writer)
        surroundings.kubernetes?.contact?.collect(into: &writer)
        surroundings.kubernetes?.recorder?.collect(into: &writer)
    }

    /// Gives the Lease back once the term has ended, and lets followers find the next leader.
    private func releaseLease() async {
        let clock = surroundings.clock
        // Until then a follower may pass on an answer of the term that just ended.
        try? await clock.sleep(until: api.forwardedUntil.instant)
        await elector?.release()
        try? await clock.sleep(until: clock.now() + options.shutdownDelay)
    }

    private static func autoConf(
        _ options: ReplicaOptions, _ surroundings: ReplicaSurroundings, _ desired: DesiredConfigs,
        _ events: CheckConfigEvents?, _ overviews: Overviews
    ) -> AutoConf {
        AutoConf(
            options: options.autoConf, desired: desired, environment: surroundings.environment,
            files: surroundings.files, clock: surroundings.clock, log: surroundings.log,
            onProblems: { changes in
                events?.record(changes)
                overviews.noteChange()
            })
    }

    /// What is told of every event of the store.
    private static func observer(
        _ surroundings: ReplicaSurroundings, _ autoConf: AutoConf, _ mirrors: MirrorServer,
        _ statuses: ClusterCheckStatuses?, _ results: CheckResults, _ overviews: Overviews
    ) -> @Sendable (StoreEvent) -> Void {
        let placementEvents = surroundings.kubernetes?.recorder.map { recorder in
            PlacementEvents { recorder.record($0, reason: $1, message: $2, about: $3) }
        }
        return { [observe = surroundings.observe] event in
            mirrors.handle(event)
            placementEvents?.handle(event) { autoConf.object(ofSource: $0) }
            statuses?.handle(event)
            results.handle(event)
            overviews.handle(event)
            observe?(event)
        }
    }

    private static func admission(_ surroundings: ReplicaSurroundings) -> Admission {
        Admission(
            agents: surroundings.agentTokens, operators: surroundings.operatorTokens,
            replicas: surroundings.replicaTokens, reviewsTokens: surroundings.kubernetes?.tokenReviewer != nil)
    }

    private static func overviewSource(
        _ name: String, _ surroundings: ReplicaSurroundings, _ desired: DesiredConfigs, _ autoConf: AutoConf,
        _ handler: Handler,
        _ results: CheckResults, _ mirrors: MirrorServer
    ) -> OverviewSource {
        OverviewSource(
            handler: handler, results: results, wanted: { desired.count }, problems: { autoConf.reportedProblems },
            replicas: { mirrors.followers },
            apiSilence: { [contact = surroundings.kubernetes?.contact] in
                contact?.silence
            }, certificateExpiry: surroundings.certificateExpiry, name: name, clock: surroundings.clock)
    }

    private static func results(
        _ options: ReplicaOptions, _ statuses: ClusterCheckStatuses?, _ overviews: Overviews
    ) -> CheckResults {
        CheckResults(
            period: options.resultsPeriod, maximumNodes: options.handler.maximumNodes,
            onFlips: { flips in
                statuses?.noteFlips(flips)
                overviews.noteChange()
            })
    }

    private static func statuses(
        _ options: ReplicaOptions, _ surroundings: ReplicaSurroundings, _ autoConf: AutoConf
    ) -> ClusterCheckStatuses? {
        surroundings.kubernetes?.clusterCheckStatuses.map { writer in
            ClusterCheckStatuses(
                writer: writer, interval: options.statusInterval,
                acceptance: { autoConf.acceptance(ofClusterCheck: $0) },
                clock: surroundings.clock, log: surroundings.log)
        }
    }

    private static func elector(
        _ options: ReplicaOptions, _ surroundings: ReplicaSurroundings, _ handler: Handler, _ mirrors: MirrorServer,
        _ leadership: Watched<LeadershipState>
    ) throws(KubernetesError) -> LeaderElector? {
        guard var election = options.election else { return nil }
        guard let kubernetes = surroundings.kubernetes, let leases = kubernetes.leases else {
            throw .configuration("leader election needs access to a Lease")
        }
        let (clock, endpoint) = (surroundings.clock, surroundings.endpoint)
        election.annotations = { LeaseAnnotations.of(endpoint(), handler.summary(now: clock.now())) }
        election.mirrors = { mirrors.nominate(inTerm: $0) }
        election.published = { mirrors.stored($0) }
        return try LeaderElector(
            options: election, leases: leases, leadership: leadership, recorder: kubernetes.recorder, clock: clock,
            entropy: surroundings.entropy, log: surroundings.log)
    }

    private static func mirrorClient(
        _ options: ReplicaOptions, _ surroundings: ReplicaSurroundings, _ leadership: Watched<LeadershipState>
    ) -> MirrorClient? {
        guard let election = options.election, let tokens = surroundings.replicaTokens else { return nil }
        return MirrorClient(
            identity: election.identity, limit: options.handler.maximumConfigs + options.handler.maximumNodes,
            leadership: leadership, peers: surroundings.peers, token: tokens.presented,
            wait: options.api.longestFollow, bugs: options.handler.bugs, clock: surroundings.clock,
            log: surroundings.log)
    }
}

/// What reads the world for a replica, to be read anew when it takes over. The watches feed the Handler, and so are
/// made after it.
private final class Readers: Sendable {
    private let autoConf: AutoConf
    private let watches = Mutex<ClusterWatches?>(nil)

    init(_ autoConf: AutoConf) {
        self.autoConf = autoConf
    }

    func set(_ watches: ClusterWatches?) {
        self.watches.withLock { $0 = watches }
    }

    func readAnew(since instant: Instant) {
        autoConf.readAnew(since: instant)
        watches.withLock { $0 }?.readAnew()
    }
}
