import CheckModel
import ClusterChecks
import HTTPServer
import Leadership
import Platform
import Synchronization

/// What people see at a glance, from any replica: the leader's overview, and the last one known while nobody leads.
///
/// An overview is made once for all who look at the same time, and apart from what serves agents. Who looks on waits
/// here, in bounded number, and is told of a change twice a second at most. A follower keeps the leader's newest one.
final class Overviews: Sendable {
    /// What somebody who looks gets.
    enum Look: Sendable {
        /// The leader's overview in a term.
        case current([[UInt8]], Term)
        /// The last one known.
        case lastKnown([[UInt8]])
        /// There is no other one than the caller has.
        case unchanged
        case refused(APIError)
    }

    /// An overview without its freshness, and as of when it is true.
    private struct Made: Sendable {
        let version: String
        /// Nil for another replica's.
        let term: Term?
        let rest: [UInt8]
        let at: Instant
    }

    private struct Waiter: Sendable {
        let version: String
        let until: Instant
        let answer: @Sendable (Look) -> Void
    }

    private struct State {
        /// Nil until the replica is whole.
        var source: OverviewSource?
        /// Counts what is worth another look, and up to which count `made` shows it.
        var changes: UInt64 = 0
        var shown: UInt64 = 0
        var termBegan: WallTime?
        var made: Made?
        /// Whether one is being made here, or the leader is being asked for one.
        var isMaking = false
        var isAsking = false
        /// When this replica last asked the leader, or made an overview.
        var lastTry = Instant.distantPast
        var waiters: [UInt64: Waiter] = [:]
        var nextWaiter: UInt64 = 0
        var isClosed = false

        var hasNews: Bool { changes != shown }
    }

    /// How often one is made at most.
    private static let shortestPause = Duration.milliseconds(500)
    /// How many may wait at one time; further ones are refused.
    static let maximumWaiting = 64

    /// How often the newest one is kept, whoever looks, and after which time it is worth another look that nothing
    /// seems to have changed: how long nodes and the API server are silent is not counted as a change.
    private let period: Duration
    private let peers: any ReplicaTransport
    /// What replicas present to each other; nil if they share no secret.
    private let token: (@Sendable () -> String)?
    private let background: any BackgroundExecutor
    private let clock: any Clock
    private let state = Mutex(State())
    private let nudges = Watched<Void>(())

    init(
        period: Duration = .seconds(10), peers: any ReplicaTransport, token: (@Sendable () -> String)?,
        background: any BackgroundExecutor,
        clock: any Clock
    ) {
        self.period = period
        self.peers = peers
        self.token = token
        self.background = background
        self.clock = clock
    }

    /// Sets the source of overviews; until then there are none.
    func set(_ source: OverviewSource) {
        state.withLock { $0.source = source }
    }

    private func leadership(_ now: Instant) -> LeadershipState {
        state.withLock { $0.source }?.handler.leadership(at: now) ?? .unknown
    }

    /// Notes that something is worth another look.
    func noteChange() {
        let isFirst = state.withLock { state in
            defer { state.changes += 1 }
            return !state.hasNews
        }
        if isFirst { nudges.set(()) }
    }

    /// Notes an event of the store.
    func handle(_ event: StoreEvent) {
        if case .termBegan(_, let keepsPlacements, _) = event {
            let time = clock.wallTime()
            state.withLock { if !keepsPlacements || $0.termBegan == nil { $0.termBegan = time } }
            rememberResults()
        }
        noteChange()
    }

    /// Has a term begin with the results that were known last.
    private func rememberResults() {
        let (made, source) = state.withLock { ($0.made, $0.source) }
        guard let made, let source else { return }
        let clock = clock
        _ = background.run {
            let known = RememberedResults(made.rest, age: clock.now() - made.at)
            for (node, results) in known.nodes { source.results.remember(results, of: node, now: clock.now()) }
        }
    }

    /// Answers those who wait, and keeps the newest overview, until cancelled.
    func run() async {
        while !Task.isCancelled {
            let seen = nudges.current.version
            let now = clock.now()
            let wake = step(now)
            await nudges.change(after: seen, until: max(wake, now + .milliseconds(10)), clock: clock)
        }
    }

    /// Writes who leads, and since when if it is this replica; and when the certificate expires.
    func collect(into writer: inout MetricsWriter) {
        let (source, since, waiting) = state.withLock { ($0.source, $0.termBegan, $0.waiters.count) }
        guard let source else { return }
        let leader: String?
        switch leadership(clock.now()) {
        case .leading:
            leader = source.name
            writer.gauge(
                "cluster_agent_term_start_time_seconds", help: "Since when this replica leads, in seconds since 1970.",
                since.map { Double($0.nanoseconds) / 1e9 })
        case .following(let endpoint): leader = endpoint?.address
        case .unknown: leader = nil
        }
        if let leader {
            writer.family(
                "cluster_agent_leader_info", .gauge,
                help: "Always 1; leader is this replica's name if it leads, else the address that it follows.",
                [(["leader": leader], 1)])
        }
        writer.gauge(
            "cluster_agent_overviews_waiting", help: "Calls that wait for another overview.", Double(waiting))
        let time = clock.wallTime()
        writer.gauge(
            "cluster_agent_certificate_expiry_seconds",
            help: "Seconds until the certificate expires that agents see; negative once it has.",
            source.certificateExpiry().map { Double($0.nanoseconds - time.nanoseconds) / 1e9 })
    }

    /// Answers everybody who waits, and refuses those to come.
    func close() {
        let waiters = state.withLock { state in
            state.isClosed = true
            defer { state.waiters = [:] }
            return state.waiters.sorted { $0.key < $1.key }
        }
        for (_, waiter) in waiters { waiter.answer(.refused(.stopping)) }
    }
}

// Looking.
extension Overviews {
    /// The overview as it is now: the leader's if this replica leads, else the last one known.
    ///
    /// - Parameter arrival: when it was asked for: one that was made since then will do.
    func look(since arrival: Instant) -> Look {
        let now = clock.now()
        let recent = state.withLock { state -> Look? in
            guard let made = state.made, let term = made.term, term.isValid(at: now),
                made.at >= arrival || !state.hasNews && now - made.at < Self.shortestPause
            else { return nil }
            return Self.current(made, term)
        }
        return recent ?? make() ?? lastKnown()
    }

    /// The last overview that this replica knows, or why there is none.
    ///
    /// - Parameter reason: why it is not the leader's; nil to find out.
    func lastKnown(because reason: String? = nil) -> Look {
        let now = clock.now()
        guard let made = state.withLock({ $0.made }) else {
            let isUnknown = leadership(now) == .unknown
            return .refused(.clusterChecks(isUnknown ? .startingUp : .notLeading(nil)))
        }
        let freshness = OverviewAnswer.Freshness(age: max(.zero, now - made.at), reason: reason ?? whyNobodyLeads)
        return .lastKnown([freshness.encoded, made.rest])
    }

    private var whyNobodyLeads: String {
        if case .following(let leader?) = leadership(clock.now()) {
            return "this replica does not lead; \(leader.address) does"
        }
        guard let silence = state.withLock({ $0.source })?.apiSilence(), silence > .seconds(5) else {
            return "nobody leads at the moment"
        }
        return "nobody leads: no word from the API server for \(Int(silence.seconds))s"
    }

    /// Answers when there is another overview than the caller has, or its wait is over.
    func look(_ poll: OverviewPoll, _ answer: @escaping @Sendable (Look) -> Void) {
        let until = clock.now() + poll.wait
        let refusal: APIError? = state.withLock { state in
            guard !state.isClosed else { return .stopping }
            guard state.waiters.count < Self.maximumWaiting else { return .tooManyWait(limit: Self.maximumWaiting) }
            state.nextWaiter += 1
            state.waiters[state.nextWaiter] = Waiter(version: poll.version, until: until, answer: answer)
            return nil
        }
        if let refusal { return answer(.refused(refusal)) }
        nudges.set(())
    }

    private static func current(_ made: Made, _ term: Term) -> Look {
        .current([OverviewAnswer.Freshness.current.encoded, made.rest], term)
    }

    /// Makes the leader's overview; nil if this replica does not lead.
    private func make() -> Look? {
        let now = clock.now()
        let (source, changes, since) = state.withLock { ($0.source, $0.changes, $0.termBegan) }
        guard let (newest, term) = try? source?.make(since: since ?? clock.wallTime()) else { return nil }
        var overview = newest
        overview.version = "\(term.token).\(changes)"
        let made = Made(version: overview.version, term: term, rest: overview.encoded(), at: now)
        state.withLock { state in
            (state.made, state.shown, state.lastTry) = (made, changes, now)
        }
        return Self.current(made, term)
    }
}

// Keeping the newest.
extension Overviews {
    /// - Returns: when to look again at the latest.
    private func step(_ now: Instant) -> Instant {
        switch leadership(now) {
        case .leading(let term): return lead(term, now)
        case .following(let leader?): keep(of: leader, now)
        case .following(nil), .unknown: break
        }
        // Whoever waits here waited for the word of a term that is over.
        for waiter in takeWaiters({ _ in true }) { waiter.answer(lastKnown()) }
        return now + period
    }

    private func lead(_ term: Term, _ now: Instant) -> Instant {
        let isDue = state.withLock { state in
            let isOfTerm = state.made?.term == term
            guard !state.isMaking, now - state.lastTry >= Self.shortestPause else { return false }
            if now - state.lastTry >= period, !state.waiters.isEmpty { state.changes += 1 }
            let isWanted = !state.waiters.isEmpty || now - state.lastTry >= period
            state.isMaking = isWanted && (state.hasNews || !isOfTerm)
            if state.isMaking { state.lastTry = now }
            return state.isMaking
        }
        if isDue {
            let isTaken = background.run { [self] in
                _ = make()
                state.withLock { $0.isMaking = false }
                nudges.set(())
            }
            if !isTaken { state.withLock { $0.isMaking = false } }
        }
        let made = state.withLock { $0.made }
        let isOfTerm = made?.term == term
        if let made, isOfTerm {
            for waiter in takeWaiters({ $0.version != made.version }) { waiter.answer(Self.current(made, term)) }
        }
        for waiter in takeWaiters({ $0.until <= now }) { waiter.answer(isOfTerm ? .unchanged : lastKnown()) }
        return state.withLock { state in
            guard let end = state.waiters.values.map(\.until).min() else { return now + period }
            return min(end, now + (state.hasNews ? Self.shortestPause : period))
        }
    }

    private func takeWaiters(_ isWanted: (Waiter) -> Bool) -> [Waiter] {
        state.withLock { state in
            let wanted = state.waiters.filter { isWanted($0.value) }.sorted { $0.key < $1.key }
            for (number, _) in wanted { state.waiters[number] = nil }
            return wanted.map(\.value)
        }
    }

    /// Asks the leader for its overview, to have it when nobody leads.
    private func keep(of leader: LeaderEndpoint, _ now: Instant) {
        guard let token else { return }
        let isDue = state.withLock { state in
            guard !state.isAsking, now - state.lastTry >= period else { return false }
            (state.isAsking, state.lastTry) = (true, now)
            return true
        }
        guard isDue else { return }
        // Whole each time: the ages in it count from when it was made.
        let forward = Forward(
            to: leader, "GET", Route.overviewPath, token: token(), now: now, timeout: period)
        peers.send(forward) { [self] result in take(result, sent: now) }
    }

    private func take(_ result: ForwardResult, sent: Instant) {
        let fresh = OverviewAnswer.Freshness.current.encoded
        state.withLock { state in
            state.isAsking = false
            // A picture of this replica's own term is newer than what was asked of a former leader.
            guard state.made.map({ $0.at < sent }) ?? true else { return }
            switch result {
            case .answered(status: 200, _, let body) where body.starts(with: fresh):
                let rest = Array(body.dropFirst(fresh.count))
                state.made = Made(version: "", term: nil, rest: rest, at: sent)
            default: break
            }
        }
    }
}
