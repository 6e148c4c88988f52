package import CheckModel
package import ClusterChecks
import HTTPServer
package import Kubernetes
import NodeAgentAPI
import Platform

/// One process of the cluster-agent: the real Handler (with its Dispatcher and ClusterStore), node-agents' API and LeaderElector, joined as the
/// composition root joins them, over the simulated network and Lease.
package final class SimulatedReplica: Sendable {
    /// Told of what happens inside, in the job in which it happens.
    struct Observer: Sendable {
        /// The store may have changed.
        let changed: @Sendable (SimulatedReplica) -> Void
        /// A request has come.
        let asked: @Sendable (SimulatedReplica, HTTPRequest) -> Void
        /// An answer was made, and is not written yet.
        let answered: @Sendable (SimulatedReplica, HTTPRequest, HTTPResponse) -> Void
        /// The leader's answer to a call that this replica sent on came back, and is not passed on yet.
        let relayed: @Sendable (SimulatedReplica) -> Void
        /// An answer was written, after its gate was asked.
        let written: @Sendable (SimulatedReplica, HTTPRequest, HTTPResponse) -> Void
    }

    /// The token that callers need.
    static let token = "simulation-0123456789abcdef0123456789"
    /// What it patches into each config.
    static let patch = ConfigPatch(extraTags: ["simulated:true"])
    /// How long it serves on as a follower after it has released the Lease.
    private static let shutdownDelay = Duration.seconds(2)

    /// The process.
    package let process: SimulatedProcess
    /// What it should dispatch, as far as its sources have told it.
    package let configs: DesiredConfigs
    /// The elector.
    package let elector: LeaderElector
    /// The Handler.
    package let handler: Handler
    private let leadership = ElectedLeadership()
    private let api: APIMachine
    private let network: SimulatedNetwork
    private let observer: Observer
    private let isStopping = Watched(false)

    init(
        _ process: SimulatedProcess, plan: ClusterPlan, network: SimulatedNetwork, leases: SimulatedLeases,
        observer: Observer
    ) throws(KubernetesError) {
        self.process = process
        self.network = network
        self.observer = observer
        let published = ["cluster-agent/address": network.address(of: process.name)]
        elector = try LeaderElector(
            options: LeaderElectionOptions(
                identity: "\(process.name)_\(process.entropy.uuid())", annotations: { published }),
            leases: leases.client(for: process), clock: process.clock, entropy: process.entropy, log: process.log)
        var options = HandlerOptions(patch: Self.patch)
        options.warmup = plan.warmup
        options.nodeExpirationTimeout = plan.nodeExpirationTimeout
        configs = DesiredConfigs(for: options)
        handler = Handler(
            source: configs, leadership: leadership, options: options, clock: process.clock, log: process.log)
        var answering = APIOptions(version: AgentVersion(major: 7, minor: 70, patch: 0))
        answering.longestWait = plan.nodeExpirationTimeout / 3
        api = APIMachine(
            handler: handler, tokens: BearerTokens(Self.token), operators: nil, options: answering,
            clock: process.clock)
    }

    /// Starts to serve and to compete.
    func start() {
        process.onLog { [self] component in
            if component == "cluster-checks" { observer.changed(self) }
        }
        let push = ChangePush(
            api: api, clock: process.clock, token: { Self.token }, send: { [self] in perform($0, $1) })
        network.listen(process, handler: Gateway(replica: self, push: push)) { [self] request, response in
            observer.written(self, request, response)
        }
        process.spawn { [self] in await run(push) }
    }

    /// Asks it to stop, as SIGTERM does.
    func stop() {
        process.world.record("\(process.name): is asked to stop")
        process.post { [isStopping] in isStopping.set(true) }
    }

    /// The term in which it leads at this moment; nil if it does not.
    package var term: Term? {
        guard process.status != .crashed, case .leader(let term, _) = handler.role(at: process.clock.now()) else {
            return nil
        }
        return term
    }

    /// The check IDs of these configs as it sends them.
    static func checkIDs(of configs: [CheckConfig]) -> [String] {
        configs.flatMap { (try? patch.encode($0).instanceIDs) ?? [] }
    }

    /// The order of the composition root: the term ends, the Lease is released, it serves on as a follower, the port closes.
    private func run(_ push: ChangePush) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [self] in await elector.run() }
            group.addTask { [self] in await leadership.follow(elector.state) }
            group.addTask { await push.run() }
            await withTaskGroup(of: Void.self) { dispatching in
                dispatching.addTask { [self] in await handler.run() }
                _ = try? await isStopping.next(after: 1)
                dispatching.cancelAll()
            }
            let clock = process.clock
            try? await clock.sleep(until: api.forwardedUntil.instant)
            await elector.release()
            try? await clock.sleep(until: clock.now() + Self.shutdownDelay)
            push.close()
            network.close(process)
            group.cancelAll()
        }
        process.world.record("\(process.name): has stopped")
    }

    /// Performs what the API decides.
    private struct Gateway: HTTPHandler {
        let replica: SimulatedReplica
        let push: ChangePush

        func handle(_ request: HTTPRequest, _ responder: Responder) {
            replica.observer.asked(replica, request)
            push.handle(
                request,
                Responder { [replica] response in
                    // What the leader answered was looked at there.
                    let isOwn = HTTPHeaders(response.headers)["X-DCA-Forwarded"] == nil
                    if isOwn { replica.observer.answered(replica, request, response) }
                    responder.respond(response)
                })
        }
    }

    private func perform(_ forward: Forward, _ completion: @escaping @Sendable (ForwardResult) -> Void) {
        let parts = forward.target.split(separator: "?", maxSplits: 1).map(String.init)
        let request = HTTPRequest(
            method: forward.method == "POST" ? .post : .get, path: parts[0],
            query: parts.count > 1 ? parts[1] : nil, headers: HTTPHeaders(forward.headers), body: forward.body ?? [],
            peer: PeerAddress(host: "", port: 0))
        network.send(request, from: process, to: forward.leader.address, deadline: forward.deadline) { [self] result in
            let came: ForwardResult
            switch result {
            case .success(let response):
                came = .answered(
                    status: response.status, headers: response.headers, body: response.joinedBody)
            case .failure(let error):
                came = .failed("\(error)")
            }
            observer.relayed(self)
            completion(came)
        }
    }
}

/// What the elector says, as the Handler follows it. It does what the composition root's does.
private final class ElectedLeadership: Leadership {
    let state = Watched<LeadershipState>(.unknown)

    func follow(_ election: Watched<ElectionState>) async {
        var seen = election.current
        while true {
            switch seen.value {
            case .unknown:
                state.set(.unknown)
            case .following(let leader):
                state.set(
                    .following(leader?.address.map { LeaderEndpoint(address: $0, publicKeyPin: leader?.publicKeyPin) }))
            case .leading(let won):
                state.set(
                    .leading(Term(token: won.token, validUntil: won.validUntil, continuesPrevious: won.continuesOwn)))
            }
            guard let next = try? await election.next(after: seen.version) else { return }
            seen = next
        }
    }
}
