import ClusterChecks
package import HTTPServer
package import Platform
import Synchronization

/// Answers the node-agents' calls: most at once, and those that wait for a change when it comes.
///
/// One task for everybody who waits, and no thread: a waiter is an entry in the `WaitingRoom`. Whoever is answered is taken out of it first, under
/// the lock, so that nobody is answered twice, and no answer is made or given under it. A waiter enters before its node is looked at, so
/// that no change between the two is missed.
package final class ChangePush: HTTPHandler {
    /// Sends a call on to the leader, and gives what came of it to the completion, on any thread.
    package typealias Sender = @Sendable (Forward, @escaping @Sendable (ForwardResult) -> Void) -> Void

    /// Who waits, and the path that it asked for.
    private struct Guest: Sendable {
        let responder: Responder
        let path: String
    }

    private typealias Waiter = WaitingRoom<Guest>.Waiter

    private struct State {
        var room = WaitingRoom<Guest>(resolution: ChangePush.tick)
        var role = ReplicaRole.none
        var isClosed = false
    }

    /// How often it looks whose time is over, and whether this replica is still what it was.
    static let tick = Duration.milliseconds(100)

    private let api: APIMachine
    private let send: Sender
    private let token: @Sendable () -> String
    private let clock: any Clock
    private let state = Mutex(State())
    private let arrivals = Watched<Void>(())
    private let counters = PushCounters()

    /// Answers as `api` decides, and sends on by `send`.
    ///
    /// - Parameter token: what this replica presents to the leader now.
    package init(
        api: APIMachine, clock: any Clock, token: @escaping @Sendable () -> String, send: @escaping Sender
    ) {
        self.api = api
        self.token = token
        self.clock = clock
        self.send = send
    }

    /// Takes a request.
    package func handle(_ request: HTTPRequest, _ responder: Responder) {
        let now = clock.now()
        switch api.handle(request, now: now) {
        case .respond(let response):
            responder.respond(response)
        case .forward(let forward):
            pass(on: forward, responder)
        case .wait(let poll):
            api.arrived(poll, now: now)
            enter(poll, responder, now)
        }
    }

    /// Answers those who wait, as their nodes change and their time ends, until cancelled.
    package func run() async {
        async let _ = tickUntilCancelled()
        var seen = api.handler.changes.current
        while true {
            takeNews()
            guard let next = try? await api.handler.changes.next(after: seen.version) else { return }
            seen = next
        }
    }

    /// Nobody may wait any more: this replica is about to stop serving.
    package func close() {
        let waiters = state.withLock { state in
            state.isClosed = true
            return state.room.empty()
        }
        for waiter in waiters { waiter.guest.responder.respond(APIError.stopping.response) }
        counters.ended(.term, waiters.count)
    }

    /// Writes how many wait, and why others wait no more.
    package func collect(into writer: inout MetricsWriter) {
        counters.collect(waiting: state.withLock { $0.room.count }, into: &writer)
    }

    // MARK: Entering

    private func enter(_ poll: ConfigsPoll, _ responder: Responder, _ now: Instant) {
        let until = api.end(of: poll, now: now)
        let limit = api.options.maximumWaiting
        // What it was before anybody waited, nobody waits through.
        let isEmpty = state.withLock { $0.room.count == 0 }
        let role = isEmpty ? ReplicaRole(api.handler.role(at: now)) : nil
        let guest = Guest(responder: responder, path: poll.path)
        let entered: Result<UInt64, APIError> = state.withLock { state in
            guard !state.isClosed else { return .failure(.stopping) }
            guard state.room.count < limit else { return .failure(.tooManyWait(limit: limit)) }
            if let role, state.room.count == 0 { state.role = role }
            return .success(
                state.room.enter(guest, node: poll.node, lastChange: poll.lastChange, until: until))
        }
        switch entered {
        case .failure(let error):
            responder.respond(error.response)
        case .success(let number):
            if isEmpty { arrivals.set(()) }
            let waiter = Waiter(
                number: number, guest: guest, node: poll.node, lastChange: poll.lastChange, until: until)
            look(after: waiter, now, isArriving: true)
        }
    }

    /// Answers a waiter if there is something to say.
    private func look(after waiter: Waiter, _ now: Instant, isArriving: Bool = false) {
        switch api.look(for: waiter.node, lastChange: waiter.lastChange, now: now) {
        case .answer(let response):
            settle(waiter, response, isArriving ? nil : response.status == 200 ? .change : .term)
        case .unchanged(let term):
            guard waiter.until <= now else { return }
            settle(waiter, api.unchanged(in: term), .time)
        case .askLeader(let leader):
            guard leave(waiter) else { return }
            let forward = Forward(
                to: leader, "GET", waiter.guest.path, token: token(), now: now, timeout: api.options.forwardTimeout)
            pass(on: forward, waiter.guest.responder)
        }
    }

    private func leave(_ waiter: Waiter) -> Bool {
        state.withLock { $0.room.leave(waiter.number) } != nil
    }

    private func settle(
        _ waiter: Waiter, _ response: HTTPResponse, _ reason: PushCounters.Reason?
    ) {
        guard leave(waiter) else { return }
        waiter.guest.responder.respond(response)
        if let reason { counters.ended(reason) }
    }

    private func pass(on forward: Forward, _ responder: Responder) {
        send(forward) { [api, clock] result in
            responder.respond(api.finish(forward, result, now: clock.now()))
        }
    }

    // MARK: News

    /// Looks what this replica is, and after those whose nodes changed.
    private func takeNews() {
        let now = clock.now()
        checkRole(now)
        for node in api.handler.takeChangedNodes().sorted() {
            for waiter in state.withLock({ $0.room.waiters(of: node) }) { look(after: waiter, now) }
        }
    }

    /// Whoever waits for the word of one term, or of one leader, does not wait on for that of another.
    private func checkRole(_ now: Instant) {
        let role = ReplicaRole(api.handler.role(at: now))
        let waiters = state.withLock { state in
            guard state.role != role else { return [] as [Waiter] }
            state.role = role
            return state.room.empty()
        }
        for waiter in waiters { waiter.guest.responder.respond(APIError.termEnded.response) }
        counters.ended(.term, waiters.count)
    }

    private func tickUntilCancelled() async {
        while !Task.isCancelled {
            let seen = arrivals.current.version
            if state.withLock({ $0.room.count == 0 }) {
                guard (try? await arrivals.next(after: seen)) != nil else { return }
            }
            let next = clock.now() + Self.tick
            guard (try? await clock.sleep(until: next)) != nil else { return }
            let now = clock.now()
            checkRole(now)
            for waiter in state.withLock({ $0.room.takeDue(at: now) }) { look(after: waiter, now) }
        }
    }
}
