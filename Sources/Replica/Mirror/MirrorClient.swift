import ClusterChecks
import HTTPServer
import Leadership
import Platform
import Synchronization

/// The follower's side of the mirrors: keeps a mirror of the leader's store, page by page at first, then change by
/// change, and acknowledges each with the next call.
///
/// The last complete mirror stays when the leader is lost, until that of another term is complete.
final class MirrorClient: Sendable {
    fileprivate struct State {
        var leader: LeaderEndpoint?
        var complete: StoreMirror?
        /// What happened, as the leader tells it.
        var history = History()
        /// As of when `complete` was the leader's store.
        var currentAt: Instant?
        /// The mirror before, while the leader of `complete` has not dispatched yet and that of this one had.
        var former: StoreMirror?
        /// The mirror that is being filled, and the page to ask for next.
        var partial: (mirror: StoreMirror, page: Int)?
        /// Whether the leader's answers add to `complete`.
        var isCurrent = false
        var isNamed = false
        var call: UInt64 = 0
        var isInFlight = false
        var failures = 0
        var backoff = MirrorClient.freshBackoff
        var retryAt = Instant.distantPast

        /// The most configs and nodes together that a mirror may have.
        let limit: Int

        init(limit: Int) {
            self.limit = limit
        }

        /// Starts over with another leader, or none.
        mutating func follow(_ leader: LeaderEndpoint?) {
            guard self.leader != leader else { return }
            self.leader = leader
            (partial, isCurrent, isNamed, isInFlight) = (nil, false, false, false)
            succeed()
            call += 1
        }

        /// The leader answers: whatever failed before does not count.
        mutating func succeed() {
            (failures, backoff, retryAt) = (0, MirrorClient.freshBackoff, .distantPast)
        }

        /// What to tell the leader that is known.
        var known: (term: String, MirrorRequest.Known) {
            if let (mirror, page) = partial { return (mirror.term, .pages(upTo: page, version: mirror.version)) }
            if isCurrent, let complete { return (complete.term, .version(complete.version)) }
            return ("", .nothing)
        }
    }

    /// One or two failures are ordinary when the leader stops.
    private static let failuresToTell = 4
    /// Between two calls of which the first was answered at once, without any news.
    private static let shortestPause = Duration.milliseconds(20)
    fileprivate static let freshBackoff = Backoff(initial: .milliseconds(100), limit: .seconds(5))

    private let identity: String
    private let leadership: Watched<LeadershipState>
    private let peers: any ReplicaTransport
    private let token: @Sendable () -> String
    private let wait: Duration
    private let bugs: DeliberateBugs
    private let clock: any Clock
    private let log: Log
    private let state: Mutex<State>
    private let nudges = Watched<Void>(())

    /// - Parameters:
    ///   - identity: by which the Lease names this replica.
    ///   - token: what replicas present to each other now.
    ///   - wait: how long the leader may hold a call.
    ///   - limit: the most configs and nodes together that a leader's store may have.
    init(
        identity: String, limit: Int, leadership: Watched<LeadershipState>, peers: any ReplicaTransport,
        token: @escaping @Sendable () -> String, wait: Duration, bugs: DeliberateBugs = DeliberateBugs(),
        clock: any Clock, log: Log
    ) {
        state = Mutex(State(limit: limit))
        self.identity = identity
        self.leadership = leadership
        self.peers = peers
        self.token = token
        self.wait = wait
        self.bugs = bugs
        self.clock = clock
        self.log = log.named("mirror")
    }

    /// The last complete mirror of another replica's store.
    var mirror: StoreMirror? { state.withLock { $0.complete } }

    /// What happened under the leader and those before it, as far as it was told.
    var history: History { state.withLock { $0.history } }

    /// The last complete mirror of a leader that dispatched.
    var dispatched: StoreMirror? {
        state.withLock { state in
            state.complete.flatMap { $0.store.isDispatching ? $0 : nil } ?? state.former
        }
    }

    /// Whether the Lease names this replica, as the leader said last.
    var isNamed: Bool { state.withLock { $0.isNamed } }

    /// Follows whoever leads, until cancelled.
    func run() async {
        async let _ = nudgeOnLeadership()
        while !Task.isCancelled {
            let seen = nudges.current.version
            let now = clock.now()
            var leader: LeaderEndpoint?
            if case .following(let endpoint) = leadership.value { leader = endpoint }
            let wake = state.withLock { state in
                state.follow(leader)
                return state.isInFlight || leader == nil ? .distantFuture : max(now, state.retryAt)
            }
            guard wake <= now else {
                await nudges.change(after: seen, until: wake, clock: clock)
                continue
            }
            send()
        }
    }

    /// Writes what the mirror knows.
    func collect(into writer: inout MetricsWriter) {
        let (isCurrent, isNamed, configs, currentAt, isFollowing) = state.withLock {
            ($0.isCurrent, $0.isNamed, $0.complete?.store.totalCount ?? 0, $0.currentAt, $0.leader != nil)
        }
        let now = clock.now()
        writer.gauge(
            "cluster_agent_mirror_age_seconds",
            help: "Seconds since this follower's mirror was the leader's store; calls that wait for a change take 5 s.",
            isFollowing ? currentAt.map { (now - $0).seconds } : nil)
        writer.family(
            "mirror_complete", .gauge, help: "1 while this follower mirrors the leader's store, else 0.",
            [([:], isCurrent ? 1 : 0)])
        writer.family(
            "mirror_named", .gauge, help: "1 while the Lease names this follower, else 0.", [([:], isNamed ? 1 : 0)])
        writer.family(
            "mirror_configs", .gauge, help: "Configs in the last complete mirror.", [([:], Double(configs))])
    }

    private func nudgeOnLeadership() async {
        var seen = leadership.current
        while let next = try? await leadership.next(after: seen.version) {
            seen = next
            nudges.set(())
        }
    }

    /// Makes the next call to the leader, unless one is under way.
    private func send() {
        let now = clock.now()
        let next = state.withLock { state -> (UInt64, LeaderEndpoint, MirrorRequest)? in
            guard let leader = state.leader, !state.isInFlight, now >= state.retryAt else { return nil }
            state.isInFlight = true
            state.call += 1
            let (term, known) = state.known
            return (state.call, leader, MirrorRequest(replica: identity, term: term, known: known, wait: wait))
        }
        guard let (number, leader, request) = next else { return }
        let forward = Forward(
            to: leader, "POST", Route.mirrorPath, token: token(), body: request.encoded(), now: now,
            timeout: wait + Forward.answerTime)
        peers.send(forward) { [self] result in handle(result, of: number, sent: now) }
    }

    private func handle(_ result: ForwardResult, of number: UInt64, sent: Instant) {
        let now = clock.now()
        let outcome: Result<(MirrorAnswer, String), MirrorError> = Self.answer(result)
        let (isOurs, news) = state.withLock { state -> (Bool, News?) in
            guard state.isInFlight, state.call == number else { return (false, nil) }
            state.isInFlight = false
            do throws(MirrorError) {
                var (answer, term) = try outcome.get()
                if bugs.has(.missConditions) { answer.missConditions() }
                let wasCurrent = state.isCurrent
                try state.apply(answer, ofTerm: term, sent: sent + answer.held)
                state.succeed()
                // Whoever answers at once and says nothing would be asked as fast as it answers.
                if answer.changes.isEmpty, now - sent < Self.shortestPause { state.retryAt = now + Self.shortestPause }
                return (true, state.isCurrent && !wasCurrent ? .complete(state.complete) : nil)
            } catch {
                (state.partial, state.isCurrent, state.isNamed) = (nil, false, false)
                state.failures += 1
                state.retryAt = now + state.backoff.pause(now: now)
                return (true, state.failures == Self.failuresToTell ? .failed(error.reason) : nil)
            }
        }
        guard isOurs else { return }
        tell(news)
        // At once, without a task in between: the next call is the acknowledgement, and agents may wait for it.
        send()
        nudges.set(())
    }

    private enum News {
        case complete(StoreMirror?)
        case failed(String)
    }

    private func tell(_ news: News?) {
        switch news {
        case .complete(let mirror):
            log.info(
                "the leader's store is mirrored",
                [
                    "term": mirror?.term ?? "", "nodes": mirror?.store.nodeCount ?? 0,
                    "configs": mirror?.store.totalCount ?? 0,
                ])
        case .failed(let reason):
            log.warning(
                "the leader's store cannot be mirrored, which is retried: if this replica takes over, checks may move",
                ["reason": reason])
        case nil: break
        }
    }

    /// The leader's answer and its term.
    private static func answer(_ result: ForwardResult) -> Result<(MirrorAnswer, String), MirrorError> {
        switch result {
        case .failed(let reason):
            return .failure(MirrorError(reason: reason))
        case .answered(let status, let headers, let body):
            guard status == 200, let term = HTTPHeaders(headers)[Term.headerName] else {
                return .failure(MirrorError(reason: "the leader answered \(status)"))
            }
            do throws(MirrorError) {
                return .success((try MirrorAnswer(parsing: body), term))
            } catch {
                return .failure(error)
            }
        }
    }
}

extension MirrorAnswer {
    /// A mistake, for tests of the simulation.
    fileprivate mutating func missConditions() {
        for (index, change) in changes.enumerated() {
            guard case .nodeConditionsChanged(let id, _) = change else { continue }
            changes[index] = .nodeConditionsChanged(id: id, NodeConditions())
        }
    }
}

extension MirrorClient.State {
    /// - Parameter sent: an instant that is not after the one at which the leader answered.
    fileprivate mutating func apply(
        _ answer: MirrorAnswer, ofTerm term: String, sent: Instant
    ) throws(MirrorError) {
        if isCurrent, partial == nil, var mirror = complete, !answer.isFirst {
            guard mirror.term.hasSameBytes(as: term) else { throw MirrorError(reason: "changes of another term") }
            // Dropped here, so that it need not be copied; and for good if it turns out to be wrong.
            complete = nil
            for change in answer.changes { try mirror.apply(change, sent: sent) }
            history.append(answer.history, version: 0)
            guard mirror.version == answer.version else { throw MirrorError(reason: "changes that lead elsewhere") }
            try checkSize(of: mirror)
            complete = mirror
            currentAt = sent
            if mirror.store.isDispatching { former = nil }
            isNamed = answer.isNamed
            return
        }
        var (mirror, page) = answer.isFirst ? (StoreMirror(term: term, version: answer.version), 0) : try continued()
        guard mirror.term.hasSameBytes(as: term), mirror.version == answer.version else {
            throw MirrorError(reason: "a page of another store")
        }
        partial = nil
        if answer.isFirst { history = History(answer.history) }
        for change in answer.changes { try mirror.fill(change, sent: sent) }
        try checkSize(of: mirror)
        page += 1
        isCurrent = answer.nextPage == nil
        if isCurrent {
            if complete?.store.isDispatching == true { former = complete }
            if mirror.store.isDispatching { former = nil }
            (complete, isNamed, currentAt) = (mirror, false, sent)
        } else {
            guard answer.nextPage == page else { throw MirrorError(reason: "pages out of order") }
            partial = (mirror, page)
        }
    }

    private func checkSize(of mirror: StoreMirror) throws(MirrorError) {
        guard mirror.store.totalCount + mirror.store.nodeCount > limit else { return }
        throw MirrorError(reason: "a store of more than \(limit) configs and nodes: more than a leader takes")
    }

    private func continued() throws(MirrorError) -> (StoreMirror, Int) {
        guard let partial else { throw MirrorError(reason: "a page of a store that was not asked for") }
        return partial
    }
}
