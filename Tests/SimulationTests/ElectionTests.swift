import Kubernetes
import Leadership
import Platform
import Simulation
import Synchronization
import Testing

/// The real elector on a simulated API server: three candidates, and whatever can go wrong between them and the server.
@Suite struct ElectionTests {
    @Test(arguments: seeds(50)) func `no two terms are ever valid at once`(seed: UInt64) throws {
        let election = ElectionSetting(seed: seed)
        election.start()
        election.disturb(for: .seconds(240))
        // Each disturbance ends by itself within 50 s.
        try election.world.run(for: .seconds(290))
        // The Lease of a holder that crashed last expires 15 s after its last renewal was seen; a deleted one is waited
        // for as long.
        try election.world.run(atMost: .seconds(20)) { election.leader != nil }
        let leader = election.leader
        try election.world.run(for: .seconds(60))
        #expect(election.leader == leader)
    }

    @Test func `a released Lease is acquired at once`() throws {
        let election = ElectionSetting(seed: 1)
        election.start()
        try election.world.run(atMost: .seconds(20)) { election.leader != nil }
        let first = try #require(election.candidates.first { $0.isLeading })
        let before = election.world.now
        first.stop()
        try election.world.run(atMost: .seconds(20)) { election.leader != nil && election.leader != first.process.name }
        #expect(election.world.now - before < .seconds(1))
    }

    @Test func `a crashed leader is replaced when its Lease expires`() throws {
        let election = ElectionSetting(seed: 2)
        election.start()
        try election.world.run(atMost: .seconds(20)) { election.leader != nil }
        let first = try #require(election.candidates.first { $0.isLeading })
        try election.world.run(for: .seconds(7))
        let before = election.world.now
        first.process.crash()
        try election.world.run(atMost: .seconds(20)) { election.leader != nil }
        #expect((.seconds(12) ... .seconds(16)).contains(election.world.now - before))
    }

    @Test func `a leader that cannot renew stops before another begins`() throws {
        let election = ElectionSetting(seed: 3)
        election.start()
        try election.world.run(atMost: .seconds(20)) { election.leader != nil }
        let first = try #require(election.candidates.first { $0.isLeading })
        try election.world.run(for: .seconds(7))
        election.network.cut(first.process.name, SimulatedLeases.host)
        let before = election.world.now
        try election.world.run(atMost: .seconds(20)) { election.leader == nil }
        let stopped = election.world.now - before
        #expect((.seconds(8) ... .seconds(10)).contains(stopped))
        try election.world.run(atMost: .seconds(20)) { election.leader != nil }
        #expect(election.leader != first.process.name)
        #expect((.seconds(12) ... .seconds(16)).contains(election.world.now - before))
    }
}

/// One incarnation of a candidate.
private final class Candidate: Sendable {
    let process: SimulatedProcess
    let elector: LeaderElector
    private let task: Task<Void, Never>

    init(_ process: SimulatedProcess, _ leases: SimulatedLeases) throws {
        let options = LeaderElectionOptions(identity: "\(process.name)_\(process.entropy.uuid())")
        let elector = try LeaderElector(
            options: options, leases: leases.client(for: process), clock: process.clock, entropy: process.entropy,
            log: process.log)
        self.process = process
        self.elector = elector
        task = process.spawn { await elector.run() }
    }

    /// Stops as a process does on SIGTERM.
    func stop() {
        process.spawn { [task, elector] in
            task.cancel()
            await task.value
            await elector.release()
        }
    }

    var hasSeenTheLease: Bool {
        if case .unknown = elector.leadership.value { process.status == .crashed } else { true }
    }

    var isLeading: Bool {
        guard process.status != .crashed, case .leading(let term) = elector.leadership.value else { return false }
        return term.validUntil.isAhead(of: process.clock.now())
    }
}

private final class ElectionSetting: Sendable {
    let world: World
    let network: SimulatedNetwork
    let leases: SimulatedLeases
    private let current = Mutex<[String: Candidate]>([:])
    private let deleted = Mutex(Instant.distantPast)
    private static let names = ["a", "b", "c"]

    init(seed: UInt64) {
        world = World(seed: seed)
        network = SimulatedNetwork(world: world)
        leases = SimulatedLeases(world: world, network: network)
    }

    var candidates: [Candidate] {
        current.withLock { $0.sorted { $0.key < $1.key }.map(\.value) }
    }

    var leader: String? {
        candidates.first(where: \.isLeading)?.process.name
    }

    func start() {
        for name in Self.names { start(name) }
        let checker = TermChecker(leases: leases)
        world.check { [self] in checker.problem(candidates.map { ($0.process, $0.elector) }) }
    }

    private func start(_ name: String) {
        guard let candidate = try? Candidate(SimulatedProcess(name, in: world), leases) else {
            return world.violated("the options are refused")
        }
        current.withLock { $0[name] = candidate }
    }

    /// Starts the next incarnation of a candidate, unless that was done already.
    private func restart(_ candidate: Candidate) {
        guard current.withLock({ $0[candidate.process.name] === candidate }) else { return }
        // A process that never saw the Lease cannot tell a deletion from a new installation: whoever deletes the Lease
        // of running replicas and starts one within a renew deadline may see two of them lead.
        let early = deleted.withLock { $0 } + .seconds(10) - world.now
        guard early <= .zero else {
            world.after(early) { [self] in restart(candidate) }
            return
        }
        candidate.process.crash()
        start(candidate.process.name)
    }

    func disturb(for duration: Duration) {
        let dice = world.dice("disturbance")
        for _ in 0..<dice.number(in: 5...20) {
            let pause = dice.duration(in: .seconds(1) ... .seconds(40))
            let name = dice.pick(Self.names)
            let kind = dice.index(below: 8)
            world.after(dice.duration(in: .zero...duration)) { [self] in disturb(kind, name, pause) }
        }
    }

    private func disturb(_ kind: Int, _ name: String, _ pause: Duration) {
        guard let candidate = current.withLock({ $0[name] }) else { return }
        switch kind {
        case 0:
            candidate.process.crash()
            world.after(pause) { [self] in restart(candidate) }
        case 1:
            candidate.process.pause()
            world.after(pause) { candidate.process.resume() }
        case 2:
            candidate.stop()
            world.after(pause) { [self] in restart(candidate) }
        case 3:
            network.cut(name, SimulatedLeases.host)
            world.after(pause) { [self] in network.mend(name, SimulatedLeases.host) }
        case 4:
            leases.setRefusing(true)
            world.after(pause) { [self] in leases.setRefusing(false) }
        case 5:
            leases.loseAnswers(0.5)
            world.after(pause) { [self] in leases.loseAnswers(0) }
        case 6:
            var conditions = NetworkConditions()
            (conditions.slowShare, conditions.lostShare) = (0.3, 0.1)
            network.setConditions(conditions)
            world.after(pause) { [self] in network.setConditions(NetworkConditions()) }
        default:
            guard candidates.allSatisfy(\.hasSeenTheLease) else { return }
            deleted.withLock { $0 = world.now }
            leases.delete()
        }
    }
}
