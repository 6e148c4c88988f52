import CheckModel
import ClusterChecks
import Leadership
import Platform
import Replica
import Synchronization

/// A pause or a stop that begins in the middle of an operation.
struct Stall: Sendable {
    enum Place: Sendable {
        /// A leader has made an answer and not written it yet.
        case answer
        /// The same, and the other replica will pass it on.
        case answerToOther
        /// A follower has received a leader's answer and not passed it on yet.
        case relay
        /// A leader has just told an agent what to run: it is killed.
        case telling
    }

    let place: Place
    let time: Duration
}

// What the plan's faults do, and how each ends by itself.
extension SimulatedCluster {
    func perform(_ fault: ClusterPlan.Fault) {
        switch fault {
        case .leaderCrash(let time):
            withLeader(of: fault) { [self] in crash($0, downFor: time) }
        case .leaderCrashWhenTelling(let crash):
            withLeader(of: fault) { [self] in crashWhenTelling($0, crash) }
        case .leaderPause(let time, let inAnswer):
            withLeader(of: fault) { [self] leader in
                guard inAnswer else { return pause(leader.process, for: time) }
                arm(Stall(place: .answer, time: time), leader)
                // It may crash or stop first: then the next leader pauses.
                world.after(.seconds(2)) { [self] in
                    if disarm(leader, .answer) != nil { perform(fault) }
                }
            }
        case .leaderStop(let time, let slowly):
            withLeader(of: fault) { [self] in stop($0, downFor: time, slowly: slowly) }
        case .leaderCut(let time):
            withLeader(of: fault) { [self] in cut($0.process.name, SimulatedLeases.host, for: time) }
        case .followerCrash(let time):
            if let follower { crash(follower, downFor: time) }
        case .followerPause(let time):
            if let follower { pause(follower.process, for: time) }
        case .relayStall(let time):
            withLeader(of: fault) { [self] _ in if let follower { arm(Stall(place: .relay, time: time), follower) } }
        case .nodeCrash(let nodes, let time):
            for node in nodes { crashAgent(Self.agentNames[node], downFor: time) }
        case .nodePause(let node, let time):
            if let agent = state.withLock({ $0.agents[Self.agentNames[node]] }) { pause(agent.process, for: time) }
        case .nodeCut(let node, let time):
            for replica in Self.replicaNames { cut(Self.agentNames[node], replica, for: time) }
        case .outage(let time):
            leases.setRefusing(true)
            server.setRefusing(true)
            world.after(time) { [self] in
                leases.setRefusing(false)
                server.setRefusing(false)
            }
        case .watchesDropped(let compacts):
            if compacts { server.compact() }
            server.dropWatches()
        case .slowLists(let time):
            server.setListTime(.zero ... .seconds(20))
            server.dropWatches()
            world.after(time) { [self] in server.setListTime(.zero ... .milliseconds(50)) }
        case .lostAnswers(let time):
            leases.loseAnswers(0.4)
            server.loseAnswers(0.4)
            world.after(time) { [self] in
                leases.loseAnswers(0)
                server.loseAnswers(0)
            }
        case .replicasCut(let time):
            cut(Self.replicaNames[0], Self.replicaNames[1], for: time)
        case .badNetwork(let time):
            var conditions = NetworkConditions()
            (conditions.slowShare, conditions.lostShare) = (0.2, 0.05)
            network.setConditions(conditions)
            world.after(time) { [self] in network.setConditions(NetworkConditions()) }
        }
    }

    /// The leader; the fault waits until there is one.
    private func withLeader(of fault: ClusterPlan.Fault, _ act: (SimulatedReplica) -> Void) {
        guard let leader = replicas.first(where: { $0.process.status == .running && $0.term != nil }) else {
            return _ = world.after(.seconds(1)) { [self] in perform(fault) }
        }
        act(leader)
    }

    private var follower: SimulatedReplica? {
        replicas.first { $0.process.status == .running && $0.term == nil }
    }

    private func crashWhenTelling(_ leader: SimulatedReplica, _ crash: ClusterPlan.TellingCrash) {
        hinder(follower, crash.follower)
        apply(ClusterPlan.Edit(at: .zero, config: crash.config, version: crash.version))
        // A follower that is struck off for the first edit does not learn of the second one.
        world.after(crash.secondAfter) { [self] in
            if crash.secondAfter > .zero {
                apply(ClusterPlan.Edit(at: .zero, config: crash.config + 1, version: crash.version))
            }
            let lane = leader.process.lane
            state.withLock { $0.news[lane] = $0.mirrors[lane]?.store.version ?? 0 }
            arm(Stall(place: .telling, time: crash.downFor), leader)
        }
    }

    private func hinder(_ follower: SimulatedReplica?, _ hindrance: ClusterPlan.Hindrance) {
        guard let process = follower?.process else { return }
        switch hindrance {
        case .none: break
        case .frozen(let time): pause(process, for: time)
        case .late(let time): server.delayWatches(of: process, for: time)
        }
    }

    /// Stops a replica; perhaps just when it has answered a call that the other sent on, and while messages between the
    /// two are slow.
    private func stop(_ replica: SimulatedReplica, downFor time: Duration, slowly: Bool) {
        guard slowly else {
            replica.stop()
            return restart(replica, after: time)
        }
        var conditions = NetworkConditions()
        conditions.latency = .milliseconds(20) ... .milliseconds(300)
        setReplicaLink(conditions)
        arm(Stall(place: .answerToOther, time: time), replica)
    }

    private func setReplicaLink(_ conditions: NetworkConditions?) {
        network.setConditions(conditions, between: Self.replicaNames[0], and: Self.replicaNames[1])
    }

    private func arm(_ stall: Stall, _ replica: SimulatedReplica) {
        state.withLock { $0.stalls[replica.process.lane] = stall }
    }

    private func disarm(_ replica: SimulatedReplica, _ place: Stall.Place) -> Stall? {
        state.withLock { state in
            guard state.stalls[replica.process.lane]?.place == place else { return nil }
            return state.stalls.removeValue(forKey: replica.process.lane)
        }
    }

    /// Pauses or stops a replica in the middle of what it does, if a fault waits for that.
    func stall(_ replica: SimulatedReplica, at place: Stall.Place) {
        guard place == .relay || replica.term != nil else { return }
        guard let stall = disarm(replica, place) else { return }
        switch place {
        case .answer:
            pause(replica.process, for: stall.time)
        case .answerToOther:
            replica.stop()
            restart(replica, after: stall.time)
            world.after(.seconds(3)) { [self] in setReplicaLink(nil) }
        case .telling:
            world.after(.zero) { [self] in crash(replica, downFor: stall.time) }
            // About when another replica takes over, something new is to be placed.
            let number = plan.configs + 10 + dice.index(below: 20)
            after(.seconds(14) ... .seconds(18)) { [self] in
                apply(ClusterPlan.Edit(at: .zero, config: number, version: 0))
            }
        case .relay:
            pause(replica.process, for: stall.time)
            let leader = replicas.first { $0.process.status == .running && $0.term != nil }
            if let leader { world.after(.zero) { [self] in crash(leader, downFor: .seconds(1)) } }
        }
    }

    private func crash(_ replica: SimulatedReplica, downFor time: Duration) {
        replica.process.crash()
        restart(replica, after: time)
    }

    /// Kills what is left of this incarnation and starts the next one, unless it has been started already.
    private func restart(_ replica: SimulatedReplica, after time: Duration) {
        world.after(time) { [self] in
            guard state.withLock({ $0.replicas[replica.process.name] === replica }) else { return }
            replica.process.crash()
            startReplica(replica.process.name)
        }
    }

    private func crashAgent(_ name: String, downFor time: Duration?) {
        guard let agent = state.withLock({ $0.agents[name] }) else { return }
        agent.process.crash()
        guard let time else {
            // No later fault brings it back.
            return _ = state.withLock { $0.agents.removeValue(forKey: name) }
        }
        world.after(time) { [self] in
            // In a pod that is on its way out nothing is started any more; the next one brings its own agent.
            guard state.withLock({ $0.agents[name] === agent && $0.pods.canRun(on: name) }) else { return }
            startAgent(name)
        }
    }

    func pause(_ process: SimulatedProcess, for time: Duration) {
        process.pause()
        // The longer of two overlapping pauses counts.
        let end = max(world.now + time, state.withLock { $0.pausedUntil[process.lane] } ?? .distantPast)
        state.withLock { $0.pausedUntil[process.lane] = end }
        world.after(time) { [self] in
            if world.now >= state.withLock({ $0.pausedUntil[process.lane] }) ?? .distantPast { process.resume() }
        }
    }

    func cut(_ one: String, _ other: String, for time: Duration) {
        network.cut(one, other)
        world.after(time) { [self] in network.mend(one, other) }
    }
}

// What holds once nothing goes wrong any more.
extension SimulatedCluster {
    /// What still differs from the state at rest; nil when the cluster is quiet.
    var problemOfQuiet: String? {
        let leaders = replicas.compactMap { snapshot(of: $0) }
        guard leaders.count == 1, let leader = leaders.first else { return "\(leaders.count) replicas lead" }
        if leader.isWarmingUp { return "the leader warms up" }
        let live = agents.map(\.process.name) + servers.map(\.process.name)
        guard leader.nodes.map(\.id) == live else { return "nodes \(leader.nodes.map(\.id)) report, \(live) live" }
        let wishes = replicas.map(wanted).map(\.count).max() ?? 0
        if wishes > 0 { return "operators still want \(wishes) things" }
        if !leader.dangling.isEmpty { return "\(leader.dangling.count) configs dangle" }
        let desired = state.withLock { $0.desired }
        let configs = expectations.configs(desired)
        let wanted = configs.map(\.key).sorted()
        let placed = leader.nodes.flatMap { $0.configs.map(\.key) }.sorted()
        guard placed == wanted else { return "\(placed.count) configs are placed, \(wanted.count) are wanted" }
        let handingOver = leader.nodes.filter { $0.handingOver > 0 }.map(\.id)
        guard handingOver.isEmpty else { return "\(handingOver) hand over" }
        if let problem = problemOfMirrors(of: leader.term.token) ?? problemOfStatuses(leader) { return problem }
        let assignments = assignments
        for node in leader.nodes {
            let assigned = node.configs.flatMap(\.instanceIDs).sorted()
            let running = assignments[node.id] ?? []
            guard running == assigned else { return "\(node.id) runs \(running), not \(assigned)" }
            if let problem = problemOfResults(of: node.id) { return problem }
        }
        let running = assignments.values.flatMap(\.self).sorted()
        guard running == SimulatedReplica.checkIDs(of: configs).sorted() else { return "old versions still run" }
        return nil
    }

    /// How the follower's mirror differs from the leader's store; nil if it does not.
    private func problemOfMirrors(of term: String) -> String? {
        for replica in replicas where replica.process.status == .running && replica.term == nil {
            guard let mirror = replica.replica.mirroredStore, mirror.term == term else {
                return "\(replica.process.name) does not mirror the leader's store"
            }
            let (held, mirrored) = state.withLock { state in
                (state.succession.held(by: term), SuccessionChecker.shown(mirror.store))
            }
            guard held == mirrored else { return "\(replica.process.name) has another store than the leader" }
        }
        return nil
    }

    /// The checks that each node runs.
    var assignments: [String: [String]] {
        Dictionary(
            uniqueKeysWithValues: agents.map { ($0.process.name, $0.running) }
                + servers.map { ($0.process.name, $0.running) })
    }
}
