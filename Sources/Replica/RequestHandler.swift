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
    /// Held while a background answer is made: one at a time.
    private let making = Mutex(())

    init(
        api: API, polls: LongPolls, mirrors: MirrorServer, overviews: Overviews, peers: any ReplicaTransport,
        rebalancer: Rebalancer, intents: IntentKeeper, background: any BackgroundExecutor, clock: any Clock
    ) {
        self.api = api
        self.polls = polls
        self.mirrors = mirrors
        self.overviews = overviews
        self.peers = peers
        self.rebalancer = rebalancer
        self.intents = intents
        self.background = background
        self.clock = clock
    }

    func handle(_ request: HTTPRequest, _ responder: Responder) {
        let now = clock.now()
        switch api.handle(request, now: now) {
        case .respond(let response):
            responder.respond(response)
        case .tell(let response, let since, let term):
            if mirrors.admits(since, in: term) {
                return responder.respond(api.told(response, in: term, to: request, arrival: now))
            }
            mirrors.whenAdmitted(since, in: term) { [api] error in
                let told = error?.response ?? api.told(response, in: term, to: request, arrival: now)
                responder.respond(told)
            }
        case .respondInBackground(let make):
            inBackground(responder, make)
        case .look(let poll?):
            overviews.look(poll) { [api] in responder.respond(api.answer($0)) }
        case .look(nil):
            inBackground(responder) { [self] in api.answer(overviews.look()) }
        case .lookAtLeader(let forward):
            peers.send(forward) { [api, overviews, clock] result in
                var response = api.finish(forward, result, now: clock.now())
                if case .failed(let reason) = result {
                    let reason = "the leader at \(forward.leader.address) gives no answer: \(reason)"
                    response = api.answer(overviews.lastKnown(because: reason))
                }
                responder.respond(response)
            }
        case .forward(let forward):
            peers.send(forward) { [api, clock] result in
                responder.respond(api.finish(forward, result, now: clock.now()))
            }
        case .wait(let poll):
            api.heartbeat([NodeHeartbeat(id: poll.node, revision: poll.lastChange)], now: now)
            polls.park(poll, responder, now)
        case .follow(let call):
            api.heartbeat(call.heard, now: now)
            polls.park(call, responder, now)
        case .mirror(let call):
            mirrors.handle(call, responder, api, now)
        case .intend(let intention):
            intents.carryOut(intention.command) { [api, clock] outcome in
                responder.respond(api.finish(intention, outcome, now: clock.now()))
            }
        case .rebalance(let rebalancing):
            rebalancer.refreshStatistics { [api, clock] in
                responder.respond(api.finish(rebalancing, now: clock.now()))
            }
        }
    }
    private func inBackground(_ responder: Responder, _ make: @escaping @Sendable () -> HTTPResponse) {
        let isTaken = background.run { [self] in responder.respond(making.withLock { _ in make() }) }
        if !isTaken { responder.respond(APIError.noThread.response) }
    }
}
