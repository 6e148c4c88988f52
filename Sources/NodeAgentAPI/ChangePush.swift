import CheckModel
import ClusterChecks
package import HTTPServer
import Leadership
package import Platform
import Synchronization

/// Answers the node-agents' calls: most at once, and those that wait for a change when it comes.
///
/// One task for everybody who waits, and no thread: a waiter is an entry in the `WaitingRoom`. Whoever is answered is taken out of it first, under
/// the lock, so that nobody is answered twice, and no answer is made or given under it. A waiter enters before its node is looked at, so
/// that no change between the two is missed. A leader knows of changes from its Handler; a follower asks the leader, by one call for all who wait.
package final class ChangePush: HTTPHandler {
    /// Sends a call on to the leader, and gives what came of it to the completion, on any thread.
    package typealias Sender = @Sendable (Forward, @escaping @Sendable (ForwardResult) -> Void) -> Void

    /// Has the runners asked for their statistics, and then calls the completion, on any thread.
    package typealias Refresher = @Sendable (@escaping @Sendable () -> Void) -> Void

    /// Who waits, and the path that it asked for.
    struct Guest: Sendable {
        let responder: Responder
        let path: String
    }

    typealias Waiter = WaitingRoom<Guest>.Waiter

    /// A follower's call, which waits for a change of any node.
    struct Follower: Sendable {
        let request: FollowRequest
        let cameAt: Instant
        let until: Instant
        let responder: Responder
    }

    struct State {
        var room = WaitingRoom<Guest>(resolution: ChangePush.tick)
        var leadership = LeadershipState.unknown
        var isClosed = false
        /// A leader's.
        var log: ChangeLog
        var followers: [UInt64: Follower] = [:]
        var nextFollower: UInt64 = 0
        /// A follower's.
        var mirror = LeaderMirror()

        var isIdle: Bool { room.count == 0 && followers.isEmpty }
    }

    /// How often it looks whose time is over, and whether this replica is still what it was.
    static let tick = Duration.milliseconds(100)

    let api: APIMachine
    let clock: any Clock
    let token: @Sendable () -> String
    let send: Sender
    private let refresh: Refresher
    /// Held by the one that is shown what it asked for.
    private let showing = Mutex(())
    let state: Mutex<State>
    let arrivals = Watched<Void>(())
    let counters = PushCounters()

    /// Answers as `api` decides, and sends on by `send`.
    ///
    /// - Parameters:
    ///   - token: what this replica presents to the leader now.
    ///   - refresh: has statistics read before an operator's call is decided; without it, it is decided upon what there is.
    package init(
        api: APIMachine, clock: any Clock, token: @escaping @Sendable () -> String, send: @escaping Sender,
        refresh: @escaping Refresher = { $0() }
    ) {
        self.api = api
        self.refresh = refresh
        self.token = token
        self.clock = clock
        self.send = send
        state = Mutex(State(log: ChangeLog(limit: api.options.maximumWaiting)))
    }

    /// Takes a request.
    package func handle(_ request: HTTPRequest, _ responder: Responder) {
        let now = clock.now()
        switch api.handle(request, now: now) {
        case .respond(let response):
            responder.respond(response)
        case .show(let make):
            show(make, responder)
        case .forward(let forward):
            send(forward) { [api, clock] result in
                responder.respond(api.finish(forward, result, now: clock.now()))
            }
        case .wait(let poll):
            api.heard([poll.node], now: now)
            enter(poll, responder, now)
        case .follow(let call):
            api.heard(call.heard, now: now)
            enter(call, responder, now)
        case .operate(let operation):
            refresh { [api, clock] in
                responder.respond(api.finish(operation, now: clock.now()))
            }
        }
    }

    /// Answers from a thread of its own, one such call after the other.
    private func show(_ make: @escaping @Sendable () -> HTTPResponse, _ responder: Responder) {
        let thread = NamedThread("show") { [self] in
            responder.respond(showing.withLock { _ in make() })
        }
        if let thread { thread.detach() } else { responder.respond(APIError.noThread.response) }
    }

    /// Answers those who wait, as their nodes change and their time ends, until cancelled.
    package func run() async {
        async let _ = tickUntilCancelled()
        let changes = api.handler.changes
        var seen = changes.current
        while true {
            takeNews()
            guard let next = try? await changes.next(after: seen.version) else { return }
            seen = next
        }
    }

    /// Nobody may wait any more: this replica is about to stop serving.
    package func close() {
        let (waiters, followers) = state.withLock { state in
            state.isClosed = true
            return state.takeAll()
        }
        turnOut(waiters, followers, by: .stopping)
    }

    /// Writes how many wait, and why others wait no more.
    package func collect(into writer: inout MetricsWriter) {
        let (waiting, followers) = state.withLock { ($0.room.count, $0.followers.count) }
        counters.collect(waiting: waiting, followers: followers, into: &writer)
    }

    // MARK: Time and news

    /// Looks what this replica is, and after those whose nodes changed.
    private func takeNews() {
        let now = clock.now()
        checkRole(now)
        let changed = api.handler.takeChangedNodes().sorted()
        let waiters = state.withLock { state in
            state.log.append(changed)
            return changed.flatMap { state.room.waiters(of: $0) }
        }
        for waiter in waiters { look(after: waiter, now) }
        lookAfterFollowers(now)
    }

    /// Whoever waits for the word of one term, or of one leader, does not wait on for that of another.
    private func checkRole(_ now: Instant) {
        let leadership = api.handler.leadership(at: now)
        let (waiters, followers) = state.withLock { $0.become(leadership) }
        turnOut(waiters, followers, by: .termEnded)
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
            checkRole(now)
            let (leadership, due) = state.withLock { state in
                // What a follower may say, and when, the leader decides: see `take(_:to:)`.
                if case .following(_?) = state.leadership { return (state.leadership, [] as [Waiter]) }
                return (state.leadership, state.room.takeDue(at: now))
            }
            for waiter in due { look(after: waiter, now) }
            if case .following(let leader?) = leadership { follow(leader, now) } else { lookAfterFollowers(now) }
        }
    }

    /// Answers who has left the room by an error.
    func turnOut(_ waiters: [Waiter], _ followers: [Follower] = [], by error: APIError) {
        for waiter in waiters { waiter.guest.responder.respond(error.response) }
        for follower in followers { follower.responder.respond(error.response) }
        counters.ended(.term, waiters.count)
    }
}

extension ChangePush.State {
    /// Empties the room.
    mutating func takeAll() -> (waiters: [ChangePush.Waiter], followers: [ChangePush.Follower]) {
        defer { followers = [:] }
        return (room.empty(), followers.sorted { $0.key < $1.key }.map(\.value))
    }

    /// What it is now; returns those who waited while it was something else.
    mutating func become(_ leadership: LeadershipState) -> (
        waiters: [ChangePush.Waiter], followers: [ChangePush.Follower]
    ) {
        guard self.leadership != leadership else { return ([], []) }
        self.leadership = leadership
        log.restart()
        mirror.reset(to: nil)
        return takeAll()
    }
}
