import CheckModel
package import ClusterChecks
import HTTPServer
import JSON
import Kubernetes
import Leadership
import Platform
import Replica
import Synchronization

/// A whole cluster in a world: two replicas of the cluster-agent behind a Service, five nodes with an agent each, an
/// API server, and a prober that asks both replicas continuously. The seed determines its plan; invariants are checked
/// at every step.
package final class SimulatedCluster: Sendable {
    struct State {
        var replicas: [String: SimulatedReplica] = [:]
        var agents: [String: SimulatedNodeAgent] = [:]
        var servers: [String: SimulatedPrometheus] = [:]
        /// The version of each config that is wanted, by its number.
        var desired: [Int: Int] = [:]
        /// What the state of each process, by lane, was when it was last looked at.
        var placements: [Int: ClusterChecker.Placements] = [:]
        /// What each process waits for to be paused, by lane.
        var stalls: [Int: Stall] = [:]
        /// The store of each replica, by lane, as its events tell it.
        var mirrors: [Int: MirroredStore] = [:]
        /// The calls that wait at each replica, by lane.
        var waiting: [Int: WaitingCalls] = [:]
        /// Until when, in the world's time, followers may pass on answers of each replica, by lane.
        var promisedUntil: [Int: Instant] = [:]
        /// How long each replica has listened as the leader, by lane.
        var listened: [Int: Duration] = [:]
        /// By lane and node: how long the replica had listened when the node last reported.
        var heard: [Int: [String: Duration]] = [:]
        /// When each process that is paused goes on, by lane.
        var pausedUntil: [Int: Instant] = [:]
        var answers: [Int: Int] = [:]
        var terms: Set<String> = []
        var lateRequests = 0
        var pods = SimulatedPods()
        /// What the last changes rebalanced.
        var rebalanced: Set<ConfigKey> = []
        /// Until when what operators wanted last may show in what agents run.
        var wishedUntil = Instant.distantPast
        /// Expected checks that no agent ran at the last look.
        var unrun: Set<String> = []
        /// By lane and node: when the node was last to run what has a revision.
        var revisions: [Int: [String: [Int64: Instant]]] = [:]
        /// What the agents of each node have run.
        var ran: [String: Set<String>] = [:]
        var succession = SuccessionChecker()
        /// By lane: the version of the store since which what agents are told is news to who waits for it; `max` once
        /// it has been told.
        var news: [Int: UInt64] = [:]
    }

    /// Counts of what happened.
    package struct Outcome: Sendable {
        /// `Trace.fingerprint`.
        package let fingerprint: String
        /// How many terms answered.
        package let terms: Int
        /// How many requests came to a replica that had led and just woken from a pause, with its term passed.
        package let lateRequests: Int
        /// How many answers were written, by status.
        package let answers: [Int: Int]
    }

    private static let prober = "prober"
    static let replicaNames = ["replica-a", "replica-b"]
    static let agentNames = (1...ClusterPlan.nodes).map { "node-\($0)" }

    /// Where it is.
    package let world: World
    /// What the seed drew.
    package let plan: ClusterPlan
    let network: SimulatedNetwork
    let leases: SimulatedLeases
    let server: SimulatedAPIServer
    /// What operators want of checks; it outlives all replicas.
    package let intent = SimulatedKeptText()
    let expectations: ExpectedConfigs
    let dice: Dice
    private let bug: DeliberateBug?
    let state = Mutex(State())
    let checker: ClusterChecker
    let held = HeldResults()

    /// A cluster in which nothing has started.
    ///
    /// - Parameter bug: a mistake that its replicas make; for debug builds only.
    package convenience init(seed: UInt64, bug: DeliberateBug? = nil) {
        let world = World(seed: seed)
        self.init(world, ClusterPlan(world: world), bug: bug)
    }

    /// A cluster in which nothing has started, and whose leaders will be killed one after the other.
    ///
    /// - Parameter bug: a mistake that its replicas make; for debug builds only.
    package convenience init(successionsOf seed: UInt64, bug: DeliberateBug? = nil) {
        let world = World(seed: seed)
        self.init(world, ClusterPlan(successionsIn: world), bug: bug)
    }

    /// A cluster in which nothing has started, with a plan drawn in its world.
    package init(_ world: World, _ plan: ClusterPlan, bug: DeliberateBug? = nil) {
        self.world = world
        self.plan = plan
        self.bug = bug
        network = SimulatedNetwork(world: world)
        leases = SimulatedLeases(world: world, network: network)
        server = SimulatedAPIServer(world: world, network: network)
        expectations = ExpectedConfigs(clock: SimulatedProcess("expectations", in: world).clock)
        dice = world.dice("cluster")
        checker = ClusterChecker(terms: TermChecker(leases: leases))
    }

    /// Runs the plan, then waits until the cluster is quiet, and sees that it stays so.
    ///
    /// - Throws: at the first thing that must not happen, and when the cluster does not become quiet.
    package func run() throws(SimulationFailure) -> Outcome {
        start()
        // Every fault has ended by then.
        try world.run(for: plan.lasting + .seconds(60))
        // An agent that reached no replica waits up to a minute; then come a term, its warm-up, and two polls.
        var problem = problemOfQuiet
        for _ in 0..<240 where problem != nil {
            try world.run(for: .seconds(1))
            problem = problemOfQuiet
        }
        if let problem { throw SimulationFailure(world: world, reason: "the cluster does not settle: \(problem)") }
        let (settled, writes) = (assignments, server.statusWrites)
        try world.run(for: .seconds(60))
        if let problem = problemOfQuiet { throw SimulationFailure(world: world, reason: "quiet, and then: \(problem)") }
        guard settled == assignments else {
            throw SimulationFailure(world: world, reason: "configs moved in a quiet cluster")
        }
        guard writes == server.statusWrites else {
            throw SimulationFailure(world: world, reason: "the status of a ClusterCheck was written in a quiet cluster")
        }
        return state.withLock { state in
            Outcome(
                fingerprint: world.trace.fingerprint, terms: state.terms.count, lateRequests: state.lateRequests,
                answers: state.answers)
        }
    }

    private func start() {
        for number in 0..<plan.configs {
            state.withLock { $0.desired[number] = 0 }
            store(number, version: 0)
        }
        startPods()
        for name in Self.replicaNames { after(.zero ... .seconds(5)) { [self] in startReplica(name) } }
        for name in Self.agentNames { after(.zero ... .seconds(5)) { [self] in startAgent(name) } }
        startServers()
        for edit in plan.edits { world.after(edit.at) { [self] in apply(edit) } }
        for (at, fault) in plan.faults { world.after(at) { [self] in perform(fault) } }
        for (at, order) in plan.orders { world.after(at) { [self] in carryOut(order) } }
        let prober = SimulatedProcess(Self.prober, in: world)
        world.after(.seconds(1)) { [self] in probe(prober) }
        leases.onRelease { [self] in checkRelease(by: $0) }
        world.check { [self] in everyStep() }
        everySecond()
    }

    func after(_ range: ClosedRange<Duration>, _ action: @escaping @Sendable () -> Void) {
        world.after(dice.duration(in: range), action)
    }

    // MARK: Processes

    /// The newest incarnation of each replica, by name.
    var replicas: [SimulatedReplica] {
        state.withLock { state in Self.replicaNames.compactMap { state.replicas[$0] } }
    }

    /// The newest incarnation of each agent, by name.
    var agents: [SimulatedNodeAgent] {
        state.withLock { state in Self.agentNames.compactMap { state.agents[$0] } }
    }

    /// The newest incarnation of each Prometheus, by name.
    var servers: [SimulatedPrometheus] {
        state.withLock { state in state.servers.sorted { $0.key < $1.key }.map(\.value) }
    }

    func startReplica(_ name: String) {
        let process = SimulatedProcess(name, in: world)
        let observer = SimulatedReplica.Observer(
            happened: { [self] in observe($1, of: $0) },
            asked: { [self] in
                let (lane, call) = ($0.process.lane, $1)
                state.withLock { $0.waiting[lane, default: WaitingCalls()].add(call.id, call.request) }
                noteRequest($1.request, to: $0)
            },
            answered: { [self] in noteAnswer($2, to: $1, by: $0) }, relayed: { [self] in stall($0, at: .relay) },
            written: { [self] in checkWritten($0, $1, $2) })
        let replica: SimulatedReplica
        do throws(KubernetesError) {
            replica = try SimulatedReplica(
                process, plan: plan, bug: bug, network: network, leases: leases, server: server, intent: intent,
                observer: observer)
        } catch {
            return world.violated("the elector's options are refused: \(error)")
        }
        world.record("\(name): starts")
        state.withLock { $0.replicas[name] = replica }
        replica.start()
    }

    func startAgent(_ name: String) {
        world.record("\(name): starts")
        let agent = SimulatedNodeAgent(
            SimulatedProcess(name, in: world), plan: plan, network: network, replicas: Self.replicaNames, held: held)
        state.withLock { $0.agents[name] = agent }
        agent.start()
    }

    // MARK: Configs

    func apply(_ edit: ClusterPlan.Edit) {
        world.record("operator: config \(edit.config) is now \(edit.version.map { "version \($0)" } ?? "gone")")
        state.withLock { $0.desired[edit.config] = edit.version }
        guard edit.version == nil else { return store(edit.config, version: edit.version ?? 0) }
        switch ClusterPlan.described(edit.config, version: 0) {
        case .service(let service):
            server.delete(Service.self, namespace: service.namespace, name: service.name)
        case .clusterCheck(let check):
            server.delete(ClusterCheck.self, namespace: check.metadata.namespace, name: check.metadata.name)
        }
    }

    private func store(_ config: Int, version: Int) {
        switch ClusterPlan.described(config, version: version) {
        case .service(let service): server.apply(service)
        case .clusterCheck(let check): server.edit(check)
        }
    }

    // MARK: Probing

    /// Asks both replicas, for a node of which it knows that there is one, and again after a while.
    private func probe(_ prober: SimulatedProcess) {
        for name in Self.replicaNames {
            let request = HTTPRequest(
                method: .get, path: "/api/v1/clusterchecks/configs/\(dice.pick(Self.agentNames))",
                headers: HTTPHeaders([
                    ("Authorization", "Bearer \(SimulatedReplica.token)"), ("User-Agent", Self.prober),
                ]),
                peer: PeerAddress(host: "", port: 0))
            network.send(
                request, from: prober, to: network.address(of: name), deadline: prober.clock.now() + .seconds(10)
            ) { _ in }
        }
        after(.milliseconds(200) ... .milliseconds(800)) { [self] in probe(prober) }
    }

    // MARK: Checks

    private func noteRunning() {
        for agent in agents {
            let running = agent.running
            state.withLock { $0.ran[agent.process.name, default: []].formUnion(running) }
        }
    }

    /// Notes what each node of a leader's store is to run.
    private func noteRevisions(_ store: ClusterStore, lane: Int) {
        let now = world.now
        state.withLock { state in
            for node in store.nodes where !node.id.isEmpty {
                state.revisions[lane, default: [:]][node.id, default: [:]][node.revision.value] = now
            }
        }
    }

    /// What a node was to run at some time in the last six seconds: an answer is held for five.
    private func recentRevisions(of node: String, lane: Int) -> Set<Int64> {
        let oldest = world.now - .seconds(6)
        let known = state.withLock { $0.revisions[lane]?[node] ?? [:] }
        return Set(known.filter { $0.value >= oldest }.keys)
    }

    /// Whether the leader of a term knows what every agent was told before.
    func knows(_ term: Term) -> Bool {
        state.withLock { $0.succession.knows(term.token) }
    }

    /// Whether the pod of a node is gone: what its agent does until it is killed is not the leader's to know.
    private func hasLostPod(_ node: String) -> Bool {
        plan.pods != nil && state.withLock { $0.pods.pods[node] } == nil
    }

    /// The check IDs that other agents run, or have run.
    func ranElsewhere(than node: String) -> Set<String> {
        noteRunning()
        return state.withLock { state in
            state.ran.filter { $0.key != node }.values.reduce(into: []) { $0.formUnion($1) }
        }
    }

    private func everyStep() -> String? {
        checker.terms.problem(replicas.compactMap { replica in replica.replica.elector.map { (replica.process, $0) } })
    }

    /// Checks what follows from the passing of time alone.
    private func everySecond() {
        world.after(.seconds(1)) { [self] in
            for replica in replicas {
                look(at: replica)
                let problem = problemOfWaiting(at: replica) ?? problemOfResults(at: replica)
                if let problem { world.violated("\(replica.process.name): \(problem)") }
                if replica.process.status == .running, replica.term != nil {
                    state.withLock { $0.listened[replica.process.lane, default: .zero] += .seconds(1) }
                }
            }
            for agent in agents {
                if let problem = agent.problem { world.violated(problem) }
            }
            noteRunning()
            if let problem = problemOfExclusive { world.violated(problem) }
            everySecond()
        }
    }

    /// Applies the changes of a replica's store, and compares the result with the replica's own state.
    private func observe(_ event: StoreEvent, of replica: SimulatedReplica) {
        let lane = replica.process.lane
        if let former = state.withLock({ $0.mirrors[lane]?.store }) { noteRevisions(former, lane: lane) }
        let (mirror, problem) = state.withLock { state in
            let before = state.mirrors[lane]?.store ?? ClusterStore()
            var problem: String?
            if case .termBegan(let term, true, _) = event {
                problem = state.succession.noteKept(before, in: term, of: state.mirrors[lane]?.latest)
            }
            state.mirrors[lane, default: MirroredStore()].apply(event)
            guard case .changed(let changes, let term, _) = event, let store = state.mirrors[lane]?.store else {
                return (state.mirrors[lane], problem)
            }
            let isFirst = before.version == 0
            problem = state.succession.note(
                changes, in: term, store: store, before: before, isFirst: isFirst, now: world.now)
            if isFirst {
                // Those that are adopted were heard when the term began.
                let listened = state.listened[lane] ?? .zero
                for node in store.nodes where node.isAwaited {
                    state.heard[lane, default: [:]][node.id] = listened
                }
            }
            return (state.mirrors[lane], problem)
        }
        if let mirror { noteRevisions(mirror.store, lane: lane) }
        if let problem = problem ?? problemOfRemovals(event) {
            world.violated("\(replica.process.name): \(problem)")
        }
        // The changes that fill an adopted store are told after the beginning of its term.
        if case .changed = event, let snapshot = snapshot(of: replica),
            let problem = mirror?.problem(comparedTo: snapshot)
        {
            world.violated("\(replica.process.name): \(problem)")
        }
        state.withLock { $0.rebalanced = Self.rebalanced(event) }
        look(at: replica)
    }

    private static func rebalanced(_ event: StoreEvent) -> Set<ConfigKey> {
        guard case .changed(let changes, _, _) = event else { return [] }
        return Set(
            changes.compactMap { if case .configMoved(let key, _, _, .rebalanced, _) = $0 { key } else { nil } })
    }

    /// A leader removes no config that is wanted: its sources tell it of what is gone, never of what has not come yet.
    private func problemOfRemovals(_ event: StoreEvent) -> String? {
        guard case .changed(let changes, _, _) = event else { return nil }
        let removed = changes.compactMap { if case .configRemoved(let key) = $0 { key } else { nil } }
        guard !removed.isEmpty else { return nil }
        let wanted = Set(expectations.configs(state.withLock { $0.desired }).map(\.key))
        return removed.first(where: wanted.contains).map { "\($0) is wanted, and is removed" }
    }

    /// Calls that still wait at a leader although their node's configs have changed: every change must wake them.
    private func problemOfWaiting(at replica: SimulatedReplica) -> String? {
        let lane = replica.process.lane
        guard replica.process.status == .running, replica.term != nil else { return nil }
        return state.withLock { state in
            guard let mirror = state.mirrors[lane], mirror.term != nil else { return nil }
            return state.waiting[lane]?.problem(mirror, listened: state.listened[lane] ?? .zero)
        }
    }

    /// The Lease may be released only when its term has ended, and no follower may pass on an answer of it any more.
    private func checkRelease(by name: String) {
        guard let replica = replicas.first(where: { $0.process.name == name }) else { return }
        let lane = replica.process.lane
        let (term, promise) = state.withLock { ($0.mirrors[lane]?.term, $0.promisedUntil[lane] ?? .distantPast) }
        if let term { world.violated("\(name) has released the Lease, and its term \(term.token) has not ended") }
        guard promise > world.now else { return }
        world.violated("\(name) has released the Lease, and followers may pass its answers on until \(promise)")
    }

    private func look(at replica: SimulatedReplica) {
        guard let snapshot = snapshot(of: replica) else { return }
        let lane = replica.process.lane
        let (former, listened, heard, deleted) = state.withLock {
            ($0.placements[lane], $0.listened[lane] ?? .zero, $0.heard[lane] ?? [:], $0.pods.deleted)
        }
        let silences = heard.mapValues { listened - $0 }
        let intent = wanted(by: replica)
        if intent.count > 0 { state.withLock { $0.wishedUntil = world.now + .seconds(60) } }
        let problem =
            checker.problem(in: snapshot, intent) ?? problem(of: intent, in: snapshot)
            ?? checker.problem(from: former, to: snapshot, intent, rebalanced: state.withLock { $0.rebalanced })
            ?? checker.problem(
                from: former, to: snapshot, silences: silences, deletedPods: deleted,
                timeout: plan.nodeExpirationTimeout)
        if let problem { world.violated("\(replica.process.name): \(problem)") }
        state.withLock { $0.placements[lane] = ClusterChecker.Placements(snapshot, intent) }
    }

    /// Counts what waited in a leader's socket until its term had passed, and notes whose heartbeats a call that waits
    /// is.
    private func noteRequest(_ request: HTTPRequest, to replica: SimulatedReplica) {
        let lane = replica.process.lane
        if replica.term != nil {
            let nodes = heartbeats(in: request)
            let isReport = request.path.contains("/status/") || request.path.contains("/targets/")
            let reporter = isReport ? request.path.split(separator: "/").last : nil
            state.withLock { state in
                for node in nodes + (reporter.map { [String($0)] } ?? []) { state.succession.noteHeard(node) }
                for node in nodes { state.heard[lane, default: [:]][node] = state.listened[lane] ?? .zero }
            }
        }
        let (end, led) = state.withLock { ($0.pausedUntil[lane], $0.placements[lane] != nil) }
        guard led, let end, world.now >= end, world.now < end + .milliseconds(5), replica.term == nil else { return }
        state.withLock { $0.lateRequests += 1 }
    }

    private func heartbeats(in request: HTTPRequest) -> [String] {
        if request.path.hasSuffix("/follow") {
            let call = try? JSONValue(parsing: request.body)
            return (call?["heard"]?.arrayValue ?? []).compactMap(\.stringValue)
        }
        let isForwarded = request.headers["X-DCA-Follower-Forwarded"] != nil
        guard request.query?.contains("wait=") == true, !isForwarded else { return [] }
        return request.path.split(separator: "/").suffix(1).map(String.init)
    }

    /// Checks a leader's answer to a waiting call that nothing has changed.
    private func checkUnchanged(_ replica: SimulatedReplica, _ request: HTTPRequest) {
        let node = request.path.split(separator: "/").last.map(String.init) ?? ""
        // It may be right where the bytes are not known yet: then it is known which they are.
        let told = state.withLock { $0.mirrors[replica.process.lane]?.revision(toldTo: node) }
        guard replica.term != nil, let told else {
            return world.violated("\(replica.process.name) says that nothing has changed, and does not know")
        }
        guard request.query?.contains("last_change=\(told)&") == true else {
            return world.violated("\(node) should run \(told), and is told that nothing has changed")
        }
    }

    private func noteAnswer(_ response: HTTPResponse, to call: SimulatedReplica.Call, by replica: SimulatedReplica) {
        let lane = replica.process.lane
        state.withLock { $0.waiting[lane]?.remove(call.id) }
        // What the leader answered was looked at there.
        let headers = HTTPHeaders(response.headers)
        guard headers["X-DCA-Forwarded"] == nil else { return }
        if let validFor = headers["X-Cluster-Agent-Term-Valid-For"].flatMap({ Int64($0) }) {
            // Counted from when the follower sent the call, which is not after it came.
            let until = world.now + .milliseconds(validFor) - (world.now - call.arrival) * 99 / 100
            state.withLock { $0.promisedUntil[lane] = max(until, $0.promisedUntil[lane] ?? .distantPast) }
        }
        checkAnswer(replica, call.request, response, isHeld: world.now > call.arrival)
        stall(replica, at: .answer)
        if call.request.headers["X-DCA-Follower-Forwarded"] != nil { stall(replica, at: .answerToOther) }
    }

    /// - Parameter isHeld: whether it has waited until followers knew it: it says what was so when the request came.
    private func checkAnswer(
        _ replica: SimulatedReplica, _ request: HTTPRequest, _ response: HTTPResponse, isHeld: Bool
    ) {
        let parts = request.path.split(separator: "/").suffix(3).map(String.init)
        if response.status == 304 { return checkUnchanged(replica, request) }
        guard response.status == 200, parts.count == 3, !["follow", "mirror", "intent"].contains(parts[2]) else {
            return
        }
        // One that waited until followers knew it may be made too late: its gate keeps it from leaving.
        guard response.gate?.replacement() == nil else { return }
        if parts[2] == "overview" { return checkOverview(replica, response) }
        let (lane, node) = (replica.process.lane, parts[2])
        guard let snapshot = snapshot(of: replica) else {
            return world.violated("\(replica.process.name) makes a leader's answer and does not lead")
        }
        let problem: String?
        switch (parts[0], parts[1]) {
        case ("clusterchecks", "status"):
            state.withLock { $0.heard[lane, default: [:]][node] = $0.listened[lane] ?? .zero }
            problem = isHeld ? nil : checker.problem(withStatus: response, to: request, of: node, in: snapshot)
        case ("clusterchecks", "configs"):
            noteTold(node, by: replica)
            let running = state.withLock { $0.agents[node] }?.running ?? []
            problem =
                checker.problem(
                    withConfigs: response, for: node, of: snapshot, source: replica.replica.desired, running: running,
                    recent: recentRevisions(of: node, lane: replica.process.lane),
                    elsewhere: !isWished && knows(snapshot.term) && !hasLostPod(node)
                        ? ranElsewhere(than: node) : nil,
                    unplaced: unplaced(snapshot))
                ?? self.problem(withListFor: node, of: snapshot, replica)
        case (_, "targets"):
            state.withLock { $0.heard[lane, default: [:]][node] = $0.listened[lane] ?? .zero }
            noteTold(node, by: replica)
            problem = self.problem(withTargets: response, for: node, of: snapshot, replica)
        case ("endpointschecks", "configs"):
            problem = self.problem(withListFor: node, of: snapshot, replica)
        default:
            problem = "answers \(request.path) with 200"
        }
        if let problem { world.violated("\(replica.process.name): \(problem)") }
    }

    /// Checks what a replica shows people: as the leader's word only what a leader knows.
    private func checkOverview(_ replica: SimulatedReplica, _ response: HTTPResponse) {
        let overview = try? JSONValue(parsing: Array(response.body.joined()), limits: JSONLimits(bytes: 64 << 20))
        guard let overview, let nodes = overview["nodes"]?.arrayValue else {
            return world.violated("\(replica.process.name) answers with an overview that nobody can read")
        }
        guard overview["is_last_known"] == .bool(false) else { return }
        guard let snapshot = snapshot(of: replica) else {
            return world.violated("\(replica.process.name) shows a leader's overview and does not lead")
        }
        guard nodes.count == snapshot.nodes.count else {
            return world.violated("an overview has \(nodes.count) nodes, and there are \(snapshot.nodes.count)")
        }
    }

    /// Whether operators want something, or did a moment ago: then a check may stop that no other agent runs yet.
    var isWished: Bool { world.now < state.withLock { $0.wishedUntil } }

    /// The check IDs that have no node since operators want it so.
    func unplaced(_ state: StateSnapshot) -> Set<String> {
        isWished ? Set(state.dangling.flatMap(\.config.instanceIDs)) : []
    }

    /// Any list: none is made before it is known what belongs into it, from the sources or from the former leader.
    func problem(withListFor node: String, of state: StateSnapshot, _ replica: SimulatedReplica) -> String? {
        guard !self.state.withLock({ $0.succession.isAdopted(state.term.token) }) else { return nil }
        return checker.problem(withListFor: node, of: state, source: replica.replica.desired)
    }

    /// Notes what an agent is told now, by which version of the store.
    private func noteTold(_ node: String, by replica: SimulatedReplica) {
        guard let told = try? replica.replica.handler.configs(of: node, now: replica.process.clock.now()) else {
            return
        }
        let lane = replica.process.lane
        state.withLock { state in
            state.succession.noteTold(told.value.since, inTerm: told.term.token)
            if let armed = state.news[lane], told.value.since > armed { state.news[lane] = .max }
        }
    }

    private func checkWritten(_ replica: SimulatedReplica, _ request: HTTPRequest, _ response: HTTPResponse) {
        if request.headers["User-Agent"] != Self.prober {
            world.record("\(replica.process.name): answers \(request.path) with \(response.status)")
        }
        state.withLock { state in
            state.answers[response.status, default: 0] += 1
            if let token = HTTPHeaders(response.headers)[Term.headerName] { state.terms.insert(token) }
        }
        let isNews = state.withLock { $0.news[replica.process.lane] == .max }
        if isNews, response.status == 200, request.path.contains("/clusterchecks/configs/") {
            stall(replica, at: .telling)
        }
        // What an operator's call has done stays true whoever leads, and is passed on.
        let isPassedOn = HTTPHeaders(response.headers)["X-DCA-Forwarded"] != nil && request.path.hasSuffix("/intent")
        if !isPassedOn, let problem = checker.problem(written: response) {
            world.violated("\(replica.process.name) answers, and \(problem)")
        }
    }

    func snapshot(of replica: SimulatedReplica) -> StateSnapshot? {
        guard replica.process.status != .crashed else { return nil }
        return try? replica.replica.handler.snapshot(now: replica.process.clock.now())
    }
}

extension ClusterChecker.Placements {
    init(_ state: StateSnapshot, _ intent: OperatorIntent) {
        var nodeOfConfig: [ConfigKey: String] = [:]
        for node in state.nodes {
            for config in node.configs { nodeOfConfig[config.key] = node.id }
        }
        self.init(
            term: state.term.token, nodes: Dictionary(uniqueKeysWithValues: state.nodes.map { ($0.id, $0.conditions) }),
            away: Set(state.nodes.filter(\.isAway).map(\.id)), nodeOfConfig: nodeOfConfig, intent: intent)
    }
}
