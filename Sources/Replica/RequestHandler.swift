import CheckModel
import ClusterChecks
import HTTPServer
import Leadership
import Platform
import Synchronization

/// Where every request of node-agents, runners, operators and other replicas arrives: performs what the `API` decides.
final class RequestHandler: HTTPHandler {
    private let api: API
    private let polls: LongPolls
    private let mirrors: MirrorServer
    private let overviews: Overviews
    private let peers: any ReplicaTransport
    private let rebalancer: Rebalancer
    private let intents: IntentKeeper
    private let background: any BackgroundExecutor
    private let clock: any Clock
    private let audit: Audit
    private let identities: AgentIdentities?
    private let durations = RouteDurations()
    /// Held while a background answer is made: one at a time.
    private let making = Mutex(())

    init(
        api: API, polls: LongPolls, mirrors: MirrorServer, overviews: Overviews, peers: any ReplicaTransport,
        rebalancer: Rebalancer, intents: IntentKeeper, audit: Audit, identities: AgentIdentities?,
        background: any BackgroundExecutor, clock: any Clock
    ) {
        self.api = api
        self.polls = polls
        self.mirrors = mirrors
        self.overviews = overviews
        self.peers = peers
        self.rebalancer = rebalancer
        self.intents = intents
        self.background = background
        self.audit = audit
        self.identities = identities
        self.clock = clock
    }

    /// Writes how long calls took.
    func collect(into writer: inout MetricsWriter) {
        durations.collect(into: &writer)
    }

    func handle(_ request: HTTPRequest, _ responder: Responder) {
        let now = clock.now()
        if request.path == "/" { return responder.respond(PageAnswer.to(request)) }
        do throws(APIError) {
            let route = try Route(path: request.path)
            perform(api.handle(request, route, now: now), Call(request, responder, route, now))
        } catch {
            responder.respond(error.response)
        }
    }

    /// A call that is being answered.
    private struct Call: Sendable {
        let request: HTTPRequest
        let responder: Responder
        let route: Route
        let arrival: Instant

        init(_ request: HTTPRequest, _ responder: Responder, _ route: Route, _ arrival: Instant) {
            self.request = request
            self.responder = responder
            self.route = route
            self.arrival = arrival
        }
    }

    private func perform(_ action: API.Action, _ call: Call) {
        switch action {
        case .respond(let response):
            if [401, 403].contains(response.status), [.operators, .readers].contains(call.route.authority) {
                audit.noteRefusal(call.request, status: response.status)
            }
            answer(call, response)
        case .identify(let token):
            identify(token, call)
        case .refuse(let identity, let error):
            audit.noteRefusal(call.request, of: identity)
            answer(call, error.response)
        case .tell(let response, let since, let term):
            tell(call, response, since, term)
        case .respondInBackground(let make):
            inBackground(call, make)
        case .look(let poll?):
            overviews.look(poll) { [api] in call.responder.respond(api.answer($0)) }
        case .look(nil):
            inBackground(call) { [self] in api.answer(overviews.look(since: call.arrival)) }
        case .lookAtLeader(let forward, let isWaiting):
            lookAtLeader(forward) { [self] response in
                if isWaiting { call.responder.respond(response) } else { answer(call, response) }
            }
        case .forward(let forward):
            peers.send(forward) { [self] result in answer(call, api.finish(forward, result, now: clock.now())) }
        case .wait(let poll):
            api.heartbeat([NodeHeartbeat(id: poll.node, revision: poll.lastChange)], now: call.arrival)
            polls.park(poll, call.responder, call.arrival)
        case .follow(let follow):
            api.heartbeat(follow.heard, now: call.arrival)
            polls.park(follow, call.responder, call.arrival)
        case .mirror(let mirror):
            mirrors.handle(mirror, call.responder, api, call.arrival)
        case .intend(let intention):
            intents.carryOut(intention.command) { [self] outcome in
                audit.note(intention.command.words, call.request, outcome: outcome.words)
                overviews.noteChange()
                answer(call, api.finish(intention, outcome, now: clock.now()))
            }
        case .rebalance(let rebalancing):
            rebalancer.refreshStatistics { [self] in
                let response = api.finish(rebalancing, now: clock.now())
                if !rebalancing.asked.isDry {
                    audit.note("rebalance", call.request, outcome: response.status == 200 ? "done" : "refused")
                    overviews.noteChange()
                }
                answer(call, response)
            }
        }
    }

    private func answer(_ call: Call, _ response: HTTPResponse) {
        call.responder.respond(response)
        durations.note(call.route.kind, clock.now() - call.arrival)
    }

    /// How old a call may be when it is known whose it is: less than an agent waits for an answer.
    private static let longestReview = Duration.seconds(4)

    private func identify(_ token: String, _ call: Call) {
        guard let identities else { return answer(call, APIError.tokenRefused(reason: "none is accepted").response) }
        // What a caller says of where it comes from must not give it more than one turn.
        identities.identify(token, from: call.request.peer.host) { [self] finding in
            switch finding {
            case .identity where clock.now() - call.arrival > Self.longestReview:
                // The agent has given up by now, and what it has said since must not be undone.
                answer(call, APIError.identityUnknown(reason: "it took too long to find out").response)
            case .identity(let identity):
                call.request.noteAuthenticated()
                perform(api.handle(call.request, call.route, from: identity, now: clock.now()), call)
            case .refused(let reason):
                audit.noteRefusal(call.request, ofTokenFor: reason)
                answer(call, APIError.tokenRefused(reason: reason).response)
            case .unknown(let reason):
                answer(call, APIError.identityUnknown(reason: reason).response)
            }
        }
    }

    private func tell(_ call: Call, _ response: HTTPResponse, _ since: UInt64, _ term: Term) {
        if mirrors.admits(since, in: term) {
            return answer(call, api.told(response, in: term, to: call.request, arrival: call.arrival))
        }
        mirrors.whenAdmitted(since, in: term) { [self] error in
            answer(call, error?.response ?? api.told(response, in: term, to: call.request, arrival: call.arrival))
        }
    }

    private func lookAtLeader(_ forward: Forward, _ answer: @escaping @Sendable (HTTPResponse) -> Void) {
        peers.send(forward) { [self] result in
            let why: String
            switch result {
            case .failed(let reason): why = "gives no answer: \(reason)"
            case .answered(status: 404, _, _): why = "is of a version that has no overview"
            case .answered: return answer(api.finish(forward, result, now: clock.now()))
            }
            answer(api.answer(overviews.lastKnown(because: "the leader at \(forward.leader.address) \(why)")))
        }
    }

    private func inBackground(_ call: Call, _ make: @escaping @Sendable () -> HTTPResponse) {
        let isTaken = background.run { [self] in answer(call, making.withLock { _ in make() }) }
        if !isTaken { answer(call, APIError.noThread.response) }
    }
}
