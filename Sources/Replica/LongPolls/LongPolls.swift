import CheckModel
import ClusterChecks
import HTTPServer
import Leadership
import Platform
import Synchronization

/// Parks calls that wait for a change, and answers each when there is one or its wait is over.
///
/// One task serves everybody who waits, and no thread: a parked call is an entry in the `WaitingRoom`. Whoever answers
/// a call takes it out first, under the lock, so that none is answered twice; no answer is computed or written under
/// the lock. A call is parked before its node is looked at, so that no change in between is missed. A leader learns of
/// changes from its Handler; a follower keeps one call to the leader open on behalf of everybody who waits there.
final class LongPolls: Sendable {
    /// A parked call, and the path that it asked for.
    private struct Guest: Sendable {
        let responder: Responder
        let path: String
    }

    private typealias Waiter = WaitingRoom<Guest>.Waiter

    /// A parked call of a follower, which waits for a change of any node.
    private struct FollowerCall: Sendable {
        let request: FollowRequest
        let arrival: Instant
        let until: Instant
        let responder: Responder
    }

    private struct State {
        var room = WaitingRoom<Guest>(resolution: LongPolls.tick)
        /// What those who wait rely on: when it changes they are answered.
        var leadership = LeadershipState.unknown
        var isClosed = false
        /// Kept while leading.
        var log: ChangeLog
        var followers: [UInt64: FollowerCall] = [:]
        var nextFollower: UInt64 = 0
        /// Kept while following.
        var mirror = LeaderMirror()

        var isIdle: Bool { room.count == 0 && followers.isEmpty }

        /// Takes out every parked call.
        mutating func removeAll() -> (waiters: [Waiter], followers: [FollowerCall]) {
            defer { followers = [:] }
            return (room.empty(), followers.sorted { $0.key < $1.key }.map(\.value))
        }

        /// Notes who leads now, and takes out every call that was parked while that was different.
        mutating func update(_ leadership: LeadershipState) -> (waiters: [Waiter], followers: [FollowerCall]) {
            guard self.leadership != leadership else { return ([], []) }
            self.leadership = leadership
            log.restart()
            mirror.reset(to: nil)
            return removeAll()
        }
    }

    /// How often waits that are over and a change of leadership are looked for.
    private static let tick = Duration.milliseconds(100)
    /// More replicas than anybody runs.
    private static let maximumFollowers = 64
    /// How much earlier than asked a wait may end: those due soon are answered together with those due now.
    private static let dueTogether = Duration.milliseconds(200)

    private let api: API
    private let clock: any Clock
    private let token: @Sendable () -> String
    private let peers: any ReplicaTransport
    private let mirrors: MirrorServer
    private let state: Mutex<State>
    private let arrivals = Watched<Void>(())
    private let counters = LongPollCounters()

    /// - Parameters:
    ///   - token: what this replica presents to the leader now.
    ///   - peers: carries calls to the leader.
    ///   - mirrors: says what may be told.
    init(
        api: API, clock: any Clock, token: @escaping @Sendable () -> String, peers: any ReplicaTransport,
        mirrors: MirrorServer
    ) {
        self.api = api
        self.clock = clock
        self.token = token
        self.peers = peers
        self.mirrors = mirrors
        state = Mutex(State(log: ChangeLog(limit: api.options.maximumWaiting)))
    }

    /// Answers parked calls as their nodes change and their waits end, until cancelled.
    func run() async {
        async let _ = tickUntilCancelled()
        let changes = api.handler.changes
        var seen = changes.current
        while true {
            answerChanged()
            guard let next = try? await changes.next(after: seen.version) else { return }
            seen = next
        }
    }

    /// Answers every parked call, and refuses those to come: this replica is about to stop serving.
    func close() {
        let (waiters, followers) = state.withLock { state in
            state.isClosed = true
            return state.removeAll()
        }
        refuse(waiters, followers, with: .stopping)
    }

    /// Writes how many calls are parked, and why others were answered.
    func collect(into writer: inout MetricsWriter) {
        let (waiting, followers) = state.withLock { ($0.room.count, $0.followers.count) }
        counters.collect(waiting: waiting, followers: followers, into: &writer)
    }

    // MARK: Changes and time

    /// Answers those whose nodes changed, and everybody if leadership did.
    private func answerChanged() {
        let now = clock.now()
        checkLeadership(now)
        let changed = api.handler.drainChangedNodes().sortedTexts()
        let waiters = state.withLock { state in
            state.log.append(changed)
            return changed.flatMap { state.room.waiters(of: $0) }
        }
        for waiter in waiters { answerIfChanged(waiter, now) }
        answerFollowers(now)
    }

    /// Refuses everybody who waits for the word of another term or another leader.
    private func checkLeadership(_ now: Instant) {
        let leadership = api.handler.leadership(at: now)
        let (waiters, followers) = state.withLock { $0.update(leadership) }
        refuse(waiters, followers, with: .termEnded)
    }

    private func tickUntilCancelled() async {
        while !Task.isCancelled {
            let seen = arrivals.current.version
            if state.withLock({ $0.isIdle }) {
                guard (try? await arrivals.next(after: seen)) != nil else { return }
            }
            let next = clock.now() + Self.tick
            guard (try? await clock.sleep(until: next)) != nil else { return }
            let now = clock.now()
            checkLeadership(now)
            let (leadership, due) = state.withLock { state in
                // A follower may end a wait only by the leader's word: see `handle(_:to:_:)`.
                if case .following(_?) = state.leadership { return (state.leadership, [] as [Waiter]) }
                return (state.leadership, state.room.takeDue(at: now))
            }
            for waiter in due { answerIfChanged(waiter, now) }
            if case .following(let leader?) = leadership { follow(leader, now) } else { answerFollowers(now) }
        }
    }

    private func refuse(_ waiters: [Waiter], _ followers: [FollowerCall] = [], with error: APIError) {
        for waiter in waiters { waiter.guest.responder.respond(error.response) }
        for follower in followers { follower.responder.respond(error.response) }
        counters.ended(.term, waiters.count)
    }

    /// To be called before a call is parked: with nobody waiting, a change of leadership went unnoticed.
    private func noteLeadershipIfIdle(_ now: Instant) {
        guard state.withLock({ $0.isIdle }) else { return }
        let leadership = api.handler.leadership(at: now)
        state.withLock { state in
            if state.isIdle { _ = state.update(leadership) }
        }
    }
}

// Node-agents that wait.
extension LongPolls {
    /// Parks a node-agent's call, unless it can be answered at once.
    func park(_ poll: ConfigsPoll, _ responder: Responder, _ now: Instant) {
        let until = now + min(poll.wait, api.options.longestWait)
        let limit = api.options.maximumWaiting
        let guest = Guest(responder: responder, path: poll.path)
        noteLeadershipIfIdle(now)
        let parked: Result<(number: UInt64, wasIdle: Bool), APIError> = state.withLock { state in
            guard !state.isClosed else { return .failure(.stopping) }
            guard state.room.count < limit else { return .failure(.tooManyWait(limit: limit)) }
            let wasIdle = state.isIdle
            let number = state.room.enter(guest, node: poll.node, lastChange: poll.lastChange, until: until)
            return .success((number, wasIdle))
        }
        switch parked {
        case .failure(let error):
            responder.respond(error.response)
        case .success(let (number, wasIdle)):
            if wasIdle { arrivals.set(()) }
            let waiter = Waiter(
                number: number, guest: guest, node: poll.node, lastChange: poll.lastChange, until: until)
            answerIfChanged(waiter, now, isArriving: true)
        }
    }

    /// Answers a parked call if its node changed or its wait is over.
    private func answerIfChanged(_ waiter: Waiter, _ now: Instant, isArriving: Bool = false) {
        switch api.poll(waiter.node, lastChange: waiter.lastChange, now: now) {
        case .answer(let response):
            guard remove(waiter) else { return }
            waiter.guest.responder.respond(response)
            if !isArriving { counters.ended(.term) }
        case .tell(let response, let since, let term):
            guard remove(waiter) else { return }
            mirrors.whenAdmitted(since, in: term) { [counters] error in
                waiter.guest.responder.respond(error?.response ?? response)
                if !isArriving { counters.ended(error == nil ? .change : .term) }
            }
        case .unchanged(let term):
            guard waiter.until <= now, remove(waiter) else { return }
            waiter.guest.responder.respond(api.unchanged(in: term))
            counters.ended(.time)
        case .askLeader(let leader):
            // One that is parked already is refused soon: what it relies on has changed.
            if isArriving { consultMirror(of: leader, for: waiter, now) }
        }
    }

    /// - Returns: whether it was still parked.
    private func remove(_ waiter: Waiter) -> Bool {
        state.withLock { $0.room.leave(waiter.number) } != nil
    }
}

// While leading: followers that wait for a change of any node.
extension LongPolls {
    /// Parks a follower's call, unless it can be answered at once.
    func park(_ request: FollowRequest, _ responder: Responder, _ now: Instant) {
        let until = now + min(request.wait, api.options.longestFollow)
        let call = FollowerCall(request: request, arrival: now, until: until, responder: responder)
        noteLeadershipIfIdle(now)
        let parked: Result<(number: UInt64, wasIdle: Bool), APIError> = state.withLock { state in
            guard !state.isClosed else { return .failure(.stopping) }
            guard state.followers.count < Self.maximumFollowers else {
                return .failure(.tooManyWait(limit: Self.maximumFollowers))
            }
            let wasIdle = state.isIdle
            state.nextFollower += 1
            state.followers[state.nextFollower] = call
            return .success((state.nextFollower, wasIdle))
        }
        switch parked {
        case .failure(let error): responder.respond(error.response)
        case .success(let (number, wasIdle)):
            if wasIdle { arrivals.set(()) }
            answerIfChanged(call, number, now)
        }
    }

    private func answerFollowers(_ now: Instant) {
        let followers = state.withLock { $0.followers.sorted { $0.key < $1.key } }
        for (number, call) in followers { answerIfChanged(call, number, now) }
    }

    private func answerIfChanged(_ call: FollowerCall, _ number: UInt64, _ now: Instant) {
        // The version first: what changes after this is told again.
        let (version, changed) = state.withLock { state in
            let isOfTerm = state.leadership.leads(inTerm: call.request.term)
            return (state.log.version, isOfTerm ? state.log.changes(since: call.request.since) : nil)
        }
        if let changed, changed.isEmpty, now < call.until { return }
        let response = api.changes(of: changed, version: version, arrival: call.arrival, now: now)
        guard state.withLock({ $0.followers.removeValue(forKey: number) }) != nil else { return }
        call.responder.respond(response)
    }
}

// While following: what the leader says, and what follows from it for those who wait here.
extension LongPolls {
    /// Decides what becomes of a call that was parked just now.
    private func consultMirror(of leader: LeaderEndpoint, for waiter: Waiter, _ now: Instant) {
        switch state.withLock({ $0.mirror.knowledge(of: waiter.node, running: waiter.lastChange, by: leader, now: now) }
        ) {
        case .revision(waiter.lastChange), .pending:
            break
        case .revision, .unknown:
            if remove(waiter) { ask(leader, for: waiter, now, isArriving: true) }
        case .broken:
            if remove(waiter) {
                waiter.guest.responder.respond(APIError.leaderNotFollowed("it gave no answer a moment ago").response)
            }
        }
        follow(leader, now)
    }

    /// Makes the next call to the leader, if it is time.
    private func follow(_ leader: LeaderEndpoint, _ now: Instant) {
        if let call = state.withLock({ nextCall(to: leader, &$0, now) }) { send(call, now) }
    }

    private func nextCall(to leader: LeaderEndpoint, _ state: inout State, _ now: Instant) -> LeaderMirror.Call? {
        guard !state.isClosed else { return nil }
        return state.mirror.nextCall(
            to: leader, isWaitedFor: state.room.count > 0, due: state.room.nextDue, longest: api.options.longestFollow,
            now: now)
    }

    private func send(_ call: LeaderMirror.Call, _ now: Instant) {
        let forward = Forward(
            to: call.leader, "POST", Route.followPath, token: token(), body: call.request.encoded(), now: now,
            timeout: call.request.wait + Forward.answerTime)
        peers.send(forward) { [self] result in
            let now = clock.now()
            switch api.leaderChanges(forward, result, now: now) {
            case .success(let changes):
                handle(changes, to: call, now)
            case .failure(let error):
                refuse(state.withLock { $0.mirror.fail(call, now: now) ? $0.room.empty() : [] }, with: error)
            }
        }
    }

    private func handle(_ changes: API.LeaderChanges, to call: LeaderMirror.Call, _ now: Instant) {
        var (due, changed, refused): ([Waiter], [Waiter], [Waiter]) = ([], [], [])
        let next: LeaderMirror.Call? = state.withLock { state in
            switch state.mirror.apply(changes.answer, term: changes.term, to: call, now: now) {
            case .ignored:
                return nil
            case .refused:
                refused = state.room.empty()
                return nil
            case .applied(let nodes):
                let touched = nodes.map { $0.sortedTexts().flatMap { state.room.waiters(of: $0) } } ?? state.room.all
                changed = touched.filter { state.mirror.revision(of: $0.node) != $0.lastChange }
                for waiter in changed { _ = state.room.leave(waiter.number) }
                due = state.room.takeDue(at: now + Self.dueTogether)
                for waiter in due { _ = state.room.leave(waiter.number) }
                return nextCall(to: call.leader, &state, now)
            }
        }
        refuse(refused, with: .leaderNotFollowed("it tells changes to what this replica does not know"))
        if let next { send(next, now) }
        for waiter in due { waiter.guest.responder.respond(api.unchanged(as: changes)) }
        counters.ended(.time, due.count)
        for waiter in changed { ask(call.leader, for: waiter, now) }
    }

    /// Answers a call, which is no longer parked, with what the leader says that its node should run.
    private func ask(_ leader: LeaderEndpoint, for waiter: Waiter, _ now: Instant, isArriving: Bool = false) {
        let forward = Forward(
            to: leader, "GET", waiter.guest.path, token: token(), now: now, timeout: api.options.forwardTimeout)
        peers.send(forward) { [api, clock, counters] result in
            let response = api.finish(forward, result, now: clock.now())
            waiter.guest.responder.respond(response)
            guard !isArriving else { return }
            let isSame = response.status == 200 && response.hasRevision(waiter.lastChange)
            counters.ended(response.status != 200 ? .term : isSame ? .spurious : .change)
        }
    }
}

extension HTTPResponse {
    /// Whether it begins as an answer with this revision does.
    fileprivate func hasRevision(_ revision: Int64) -> Bool {
        body.first?.starts(with: "{\"last_change\":\(revision),".utf8) == true
    }
}
