import HTTPServer
import NodeAgent
import Platform
import Synchronization

/// One process of the node-agent: the real AgentCore with its requests over the simulated network. It schedules its
/// checks without performing them, and reports results that it makes up.
package final class SimulatedNodeAgent: Sendable {
    private struct State {
        var core: AgentCore
        var exchanges: [UInt64: SimulatedExchange] = [:]
        /// The replica to which its connection goes; nil when the next request makes a new one.
        var replica: String?
        var timer: ScheduledEvent?
        var results = SimulatedResults()
        var running: [AssignedInstance] = []
        /// What the last list of configs that it took said, by check ID.
        var told: Set<String> = []
        /// Called when it has taken leave.
        var onLeft: (@Sendable () -> Void)?
    }

    /// The process; its name is the node's.
    package let process: SimulatedProcess
    private let network: SimulatedNetwork
    private let replicas: [String]
    private let dice: Dice
    private let held: HeldResults
    /// When its checks stop going up and down, in the world's time.
    private let calm: Instant
    private let state: Mutex<State>

    /// An agent that has done nothing yet.
    ///
    /// - Parameters:
    ///   - replicas: the replicas behind the Service: each new connection goes to one of them, whether it lives
    ///     or not.
    ///   - held: is told of each result.
    init(
        _ process: SimulatedProcess, plan: ClusterPlan, network: SimulatedNetwork, replicas: [String], held: HeldResults
    ) {
        self.process = process
        self.network = network
        self.replicas = replicas
        self.held = held
        calm = Instant(nanoseconds: 0) + plan.lasting
        dice = process.world.dice("agent \(process.lane)")
        var options = AgentCoreOptions(nodeID: process.name, kubernetesNodeName: process.name)
        options.pollInterval = plan.pollInterval
        options.nodeExpirationTimeout = plan.nodeExpirationTimeout
        options.reconnectPeriod = .seconds(120)
        options.waitsForChanges = dice.chance(0.7)
        options.session = Int64(process.entropy.next() >> 1)
        state = Mutex(State(core: AgentCore(options: options)))
    }

    /// Starts to report.
    func start() {
        process.post { [self] in
            handle(.tick)
            performChecks()
        }
    }

    /// Has it take leave, as on SIGTERM, and calls `finished` when it has.
    func takeLeave(finished: @escaping @Sendable () -> Void) {
        state.withLock { $0.onLeft = finished }
        process.post { [self] in handle(.stop) }
    }

    /// The check IDs of what it runs, sorted.
    package var running: [String] {
        state.withLock { $0.running.map(\.id) }
    }

    /// What is wrong with the checks that it runs; nil if nothing is.
    ///
    /// They must be those of the last accepted list: no failure of any kind starts or stops a check.
    package var problem: String? {
        state.withLock { state in
            let running = state.running.map(\.id)
            // Exclusive checks it stops by itself, and all when it leaves.
            guard state.onLeft == nil, !state.core.hasStoppedExclusive else { return nil }
            guard Set(running) != state.told || running.count != state.told.count else { return nil }
            return "\(process.name) runs \(running), and was last told to run \(state.told.sorted())"
        }
    }

    private func handle(_ event: AgentEvent) {
        let now = process.clock.now()
        let actions = state.withLock { state in
            if case .answered(let id, _) = event { state.exchanges[id] = nil }
            return state.core.handle(event, now: now) + state.core.handle(.tick, now: now)
        }
        for action in actions { perform(action) }
        let wake = state.withLock { $0.core.nextWake }
        let timer = process.clock.schedule(at: wake) { [self] in process.post { self.handle(.tick) } }
        let former = state.withLock { state in
            defer { state.timer = timer }
            return state.timer
        }
        former?.cancel()
    }

    private func performChecks() {
        let flips = process.world.now < calm && dice.chance(0.3)
        let results = state.withLock { $0.results.perform(flips: flips, dice, now: process.clock.now()) }
        tell(results, gone: [])
        let pause = dice.duration(in: .seconds(1) ... .seconds(15))
        _ = process.clock.schedule(at: process.clock.now() + pause) { [self] in process.post { self.performChecks() } }
    }

    /// Has the agent report results, as its checks would.
    private func tell(_ results: [InstanceResult], gone: [String]) {
        guard !results.isEmpty || !gone.isEmpty else { return }
        for result in results { held.note(result.isUp, of: result.id, on: process.name, at: process.world.now) }
        for id in gone { held.note(nil, of: id, on: process.name, at: process.world.now) }
        process.post { [self] in handle(.results(results, gone: gone.map { ExactText($0) })) }
    }

    private func perform(_ action: AgentAction) {
        switch action {
        case .send(let request):
            send(request)
        case .cancel(let id):
            // Whoever gives up a request closes its connection: the next one goes where the Service sends it.
            let exchange = state.withLock { state in
                state.replica = nil
                return state.exchanges.removeValue(forKey: id)
            }
            exchange?.cancel()
        case .rebuildClient:
            state.withLock { $0.replica = nil }
        case .run(let instances):
            let ids = instances.map(\.id)
            let gone = state.withLock { state in
                state.running = instances
                return state.results.replace(with: ids)
            }
            tell([], gone: gone)
            process.log.info("runs", ["checks": instances.count])
        case .report(let report):
            process.log.info("report", ["report": "\(report)"])
        case .awaitIdle:
            process.post { [self] in handle(.idle) }
        case .finish:
            state.withLock { $0.onLeft }?()
        }
    }

    private func send(_ request: AgentRequest) {
        let known = state.withLock { $0.replica }
        let replica = known ?? dice.pick(replicas)
        state.withLock { $0.replica = replica }
        let target = request.path.split(separator: "?", maxSplits: 1).map(String.init)
        let message = HTTPRequest(
            method: request.method == "POST" ? .post : .get, path: target[0],
            query: target.count > 1 ? target[1] : nil,
            headers: HTTPHeaders([("Authorization", "Bearer \(SimulatedReplica.token)"), ("X-Real-Ip", "")]),
            body: request.body ?? [], peer: PeerAddress(host: "", port: 0))
        let exchange = network.send(
            message, from: process, to: network.address(of: replica), deadline: request.deadline
        ) { [self] result in
            let reply: AgentReply
            switch result {
            case .success(let response):
                reply = AgentReply(
                    to: request.call, status: response.status, body: response.joinedBody)
            case .failure(let error):
                reply = .failed(.unreachable("\(error)"))
                state.withLock { $0.replica = nil }
            }
            if case .configs(_, let configs) = reply, request.call != .endpointsConfigs {
                let told = Set(configs.flatMap(\.instances).map(\.id))
                state.withLock { state in
                    // An answer that arrived while the agent was paused, after the request's deadline, is dropped.
                    if state.exchanges[request.id] != nil { state.told = told }
                }
            }
            handle(.answered(request.id, reply))
        }
        state.withLock { $0.exchanges[request.id] = exchange }
    }
}
