import AutoConf
import CheckModel
import ClusterChecks
import HTTPServer
import Kubernetes
package import Leadership
import Platform
import Replica

/// One process of the cluster-agent: the real `Replica` over the simulated network and API server.
package final class SimulatedReplica: Sendable {
    /// Told of what happens inside, in the job in which it happens.
    struct Observer: Sendable {
        /// Something happened to the store.
        let happened: @Sendable (SimulatedReplica, StoreEvent) -> Void
        /// A request has come.
        let asked: @Sendable (SimulatedReplica, Call) -> Void
        /// An answer was made, and is not written yet.
        let answered: @Sendable (SimulatedReplica, Call, HTTPResponse) -> Void
        /// The leader's answer to a call that this replica forwarded came back, and is not passed on yet.
        let relayed: @Sendable (SimulatedReplica) -> Void
        /// An answer was written, after its gate was asked.
        let written: @Sendable (SimulatedReplica, HTTPRequest, HTTPResponse) -> Void
    }

    /// A request that came to a replica.
    struct Call: Sendable {
        let id: UInt64
        let request: HTTPRequest
        /// When it came, in the world's time.
        let arrival: Instant
    }

    /// The token that callers need.
    static let token = "simulation-0123456789abcdef0123456789"
    /// The token that operators need.
    static let operatorToken = "simulated-operators-0123456789abcdef"
    /// The token that replicas share.
    private static let replicaToken = "simulated-replicas-0123456789abcdef"
    /// What it patches into each config.
    static let patch = ConfigPatch(extraTags: ["simulated:true"])

    /// The process.
    package let process: SimulatedProcess
    let replica: Replica
    private let network: SimulatedNetwork
    private let observer: Observer
    private let isStopping = Watched(false)
    private let calls = Counter()

    init(
        _ process: SimulatedProcess, plan: ClusterPlan, bug: DeliberateBug?, network: SimulatedNetwork,
        leases: SimulatedLeases, server: SimulatedAPIServer, intent: SimulatedKeptText, observer: Observer
    ) throws(KubernetesError) {
        self.process = process
        self.network = network
        self.observer = observer
        let peers = NetworkTransport(process: process, network: network)
        let store = StoreObserver()
        let endpoint = LeaderEndpoint(address: network.address(of: process.name), publicKeyPin: nil)
        replica = try Replica(
            Self.options(process, plan, bug),
            in: ReplicaSurroundings(
                kubernetes: Self.access(process, plan, leases, server, intent), peers: peers,
                statistics: NoStatistics(), background: ProcessJobs(process: process), files: NoFiles(),
                environment: [:], agentTokens: BearerTokens(Self.token),
                operatorTokens: BearerTokens(Self.operatorToken),
                replicaTokens: ReplicaTokens(
                    accepted: BearerTokens(Self.replicaToken), presented: { Self.replicaToken }), token: { Self.token },
                endpoint: { endpoint }, observe: { store.call($0) }, clock: process.clock,
                entropy: process.entropy, log: process.log))
        peers.relayed.set { [weak self] in if let self { observer.relayed(self) } }
        store.set { [weak self] in if let self { observer.happened(self, $0) } }
    }

    private static func options(
        _ process: SimulatedProcess, _ plan: ClusterPlan, _ bug: DeliberateBug?
    ) -> ReplicaOptions {
        var handler = HandlerOptions(patch: patch)
        #if DEBUG
            handler.bugs.bug = bug
        #endif
        handler.warmup = plan.warmup
        handler.nodeExpirationTimeout = plan.nodeExpirationTimeout
        var api = APIOptions(version: AgentVersion(major: 7, minor: 70, patch: 0))
        api.longestWait = plan.nodeExpirationTimeout / 3
        var options = ReplicaOptions(
            autoConf: AutoConfOptions(watchesServices: true, watchesEndpoints: true, watchesClusterChecks: true),
            handler: handler, api: api,
            election: LeaderElectionOptions(identity: "\(process.name)_\(process.entropy.uuid())"))
        // Often enough to be met by every fault, and seldom enough to cost little in a debug build.
        options.overviewPeriod = .seconds(60)
        return options
    }

    private static func access(
        _ process: SimulatedProcess, _ plan: ClusterPlan, _ leases: SimulatedLeases, _ server: SimulatedAPIServer,
        _ intent: SimulatedKeptText
    ) -> KubernetesAccess {
        var access = KubernetesAccess(
            leases: leases.client(for: process), services: server.source(of: Service.self, for: process),
            endpoints: server.source(of: ServiceEndpoints.self, for: process),
            clusterChecks: server.source(of: ClusterCheck.self, for: process),
            clusterCheckStatuses: SimulatedStatusWriter(server: server, process: process), pods: nil, nodes: nil,
            recorder: nil,
            intent: intent)
        if plan.pods != nil {
            access.pods = server.source(of: Pod.self, for: process)
            access.nodes = server.source(of: KubernetesNode.self, for: process)
        }
        return access
    }

    /// Starts to serve and to compete.
    func start() {
        process.spawn { [self] in
            let gateway = Gateway(replica: self, handler: replica.requestHandler)
            network.listen(process, handler: gateway) { [self] request, response in
                observer.written(self, request, response)
            }
            let failed = await replica.run(
                stopWithin: nil, stopListening: { [self] in network.close(process) },
                until: { [isStopping] in _ = try? await isStopping.next(after: 1) })
            if let failed { process.world.violated("\(process.name): \(failed) ended by itself") }
            process.world.record("\(process.name): has stopped")
        }
    }

    /// Asks it to stop, as SIGTERM does.
    func stop() {
        process.world.record("\(process.name): is asked to stop")
        process.post { [isStopping] in isStopping.set(true) }
    }

    /// The term in which it leads at this moment; nil if it does not.
    package var term: Term? {
        guard process.status != .crashed else { return nil }
        let now = process.clock.now()
        return replica.handler.leadership(at: now).term(at: now)
    }

    /// The check IDs of these configs as it sends them.
    static func checkIDs(of configs: [CheckConfig]) -> [String] {
        configs.flatMap { (try? patch.encode($0).instanceIDs) ?? [] }
    }

    /// Tells the observer of each request and its answer.
    private struct Gateway: HTTPHandler {
        let replica: SimulatedReplica
        let handler: any HTTPHandler

        func handle(_ request: HTTPRequest, _ responder: Responder) {
            replica.calls.add(1)
            let call = Call(id: replica.calls.value, request: request, arrival: replica.process.world.now)
            replica.observer.asked(replica, call)
            handler.handle(
                request,
                Responder { [replica] response in
                    replica.observer.answered(replica, call, response)
                    responder.respond(response)
                })
        }
    }
}
