import Kubernetes
import Leadership
import Platform
import Synchronization
import TestKit
import Testing

/// One replica: an elector with its way to the server.
struct Replica: Sendable {
    let name: String
    let elector: LeaderElector
    let log = RecordingLog()

    init(
        _ name: String, _ server: LeaseServer, seed: UInt64 = 1
    ) throws(KubernetesError) {
        self.name = name
        let options = LeaderElectionOptions(identity: name, annotations: { ["cluster-agent/address": "\(name):5005"] })
        elector = try LeaderElector(
            options: options, leases: server.client(name), clock: server.clock, entropy: SeededEntropy(seed: seed),
            log: Log(sink: log))
    }

    var term: Term? {
        if case .leading(let term) = elector.leadership.value { term } else { nil }
    }

    var followed: LeaderEndpoint? {
        if case .following(let leader) = elector.leadership.value { leader } else { nil }
    }

    func leads(at now: Instant) -> Bool {
        term?.validUntil.isAhead(of: now) ?? false
    }
}

/// The elector as it runs, in virtual time.
@Suite struct LeaderElectorTests {
    /// Runs replicas named `a`, `b`, … on one server; `body` gets them with `a` leading. Cancels all at the end.
    private static func with(
        _ count: Int,
        _ body:
            @escaping @Sendable (LeaseServer, [Replica], inout ThrowingTaskGroup<Void, any Error>) async throws -> Void
    ) throws {
        try virtually { clock in
            let server = LeaseServer(clock: clock)
            let replicas = try (0..<count).map { index in
                let name = String(UnicodeScalar(UInt8(ascii: "a") + UInt8(index)))
                return try Replica(
                    name, server, seed: UInt64(index + 1))
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for replica in replicas {
                    group.addTask { await replica.elector.run() }
                    await clock.sleep(.milliseconds(100))
                }
                #expect(replicas[0].leads(at: clock.now()))
                try await body(server, replicas, &group)
                group.cancelAll()
            }
        }
    }

    @Test func `a follower knows the leader and its address`() throws {
        try Self.with(2) { server, replicas, _ in
            #expect(replicas[1].followed?.address == "a:5005")
            #expect(replicas[0].term?.token == "102.uid-1")
            await server.clock.sleep(.seconds(60))
            #expect(replicas[0].leads(at: server.clock.now()))
            #expect(replicas[0].term?.token == "102.uid-1")
        }
    }

    @Test func `a released Lease is acquired at once`() throws {
        try Self.with(2) { server, replicas, _ in
            let term = try #require(replicas[0].term)
            await replicas[0].elector.release()
            #expect(!term.validUntil.isAhead(of: .distantPast + .seconds(1)))
            #expect(server.lease?.spec.holder == "" || server.lease?.spec.holder == "b")
            await server.clock.sleep(.milliseconds(20))
            #expect(replicas[1].leads(at: server.clock.now()))
            #expect(replicas[1].term?.continued == nil)
            #expect(replicas[0].followed?.address == "b:5005")
        }
    }

    @Test func `a replica that released observes and never competes again`() throws {
        try Self.with(1) { server, replicas, _ in
            await replicas[0].elector.release()
            #expect(server.lease?.annotations == [:])
            await server.clock.sleep(.seconds(300))
            #expect(replicas[0].term == nil)
            #expect(server.lease?.spec.holder == "")
            server.edit { $0.put(held(by: "z"), annotations: ["cluster-agent/address": "z:5005"]) }
            await server.clock.sleep(.milliseconds(1))
            #expect(replicas[0].followed?.address == "z:5005")
        }
    }

    @Test func `a follower releases nothing`() throws {
        try Self.with(2) { server, replicas, _ in
            await replicas[1].elector.release()
            #expect(server.calls(of: "b").allSatisfy { $0 == "get" })
            #expect(replicas[0].leads(at: server.clock.now()))
        }
    }

    @Test func `a release survives a renewal under way`() throws {
        try Self.with(1) { server, replicas, _ in
            var slow = LeaseServer.Conditions()
            slow.latency = .milliseconds(500)
            server.set("a", slow)
            await server.clock.sleep(.milliseconds(2100))
            await replicas[0].elector.release()
            #expect(server.lease?.spec.holder == "")
            #expect(server.calls(of: "a").suffix(3) == ["update", "get", "update"])
        }
    }

    @Test func `a release waits for a write in flight that may yet acquire the Lease`() throws {
        try virtually { clock in
            let server = LeaseServer(clock: clock)
            let replica = try Replica("a", server)
            var slow = LeaseServer.Conditions()
            slow.latency = .seconds(2)
            server.set("a", slow)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await replica.elector.run() }
                // The reading took 4 s; the writing is under way and arrives at 6 s.
                await clock.sleep(.milliseconds(4500))
                server.set("a", .init())
                await replica.elector.release()
                await clock.sleep(.seconds(10))
                group.cancelAll()
            }
            #expect(server.calls(of: "a").prefix(5) == ["get", "update", "get", "get", "update"])
            #expect(server.lease?.spec.holder == "")
        }
    }

    @Test func `a release that conflicts with an edit is retried`() throws {
        try Self.with(1) { server, replicas, group in
            group.addTask {
                // Between the reading and the writing, which take 2 ms each.
                await server.clock.sleep(.milliseconds(1) + .microseconds(500))
                server.edit { $0.edit { $0.replaceAnnotations(prefix: "x", with: ["x": "y"]) } }
            }
            await replicas[0].elector.release()
            #expect(server.lease?.spec.holder == "")
            #expect(server.lease?.annotations == ["x": "y"])
            #expect(server.calls(of: "a").filter { $0 == "update" }.count == 4)
        }
    }

    @Test func `a release takes no longer than a request`() throws {
        try Self.with(1) { server, replicas, _ in
            var cut = LeaseServer.Conditions()
            cut.isCut = true
            server.set("a", cut)
            let start = server.clock.now()
            await replicas[0].elector.release()
            #expect(server.clock.now() - start <= .seconds(5))
            #expect(replicas[0].term == nil)
        }
    }

    @Test func `a dead leader is replaced when its last renewal expires`() throws {
        try Self.with(2) { server, replicas, _ in
            await server.clock.sleep(.seconds(11))
            var cut = LeaseServer.Conditions()
            cut.isCut = true
            server.set("a", cut)
            let start = server.clock.now()
            let seen = replicas[1].elector.leadership.current
            _ = try await replicas[1].elector.leadership.next(after: seen.version)
            while !replicas[1].leads(at: server.clock.now()) { await server.clock.sleep(.milliseconds(1)) }
            let took = server.clock.now() - start
            #expect(took <= .seconds(15) + .milliseconds(10), "\(took)")
            #expect(took >= .seconds(12), "\(took)")
        }
    }

    @Test func `without a watch a dead leader is replaced soon after the expiry`() throws {
        try virtually { clock in
            let server = LeaseServer(clock: clock)
            var blind = LeaseServer.Conditions()
            blind.isWatched = false
            server.set("a", blind)
            server.set("b", blind)
            let (first, second) = (try Replica("a", server), try Replica("b", server, seed: 2))
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await first.elector.run() }
                await clock.sleep(.seconds(1))
                group.addTask { await second.elector.run() }
                await clock.sleep(.seconds(30))
                #expect(first.leads(at: clock.now()))
                blind.isCut = true
                server.set("a", blind)
                await clock.sleep(.seconds(15) + .milliseconds(4400) + .milliseconds(10))
                #expect(second.leads(at: clock.now()))
                group.cancelAll()
            }
            #expect(second.log.messages.filter { $0.hasPrefix("the watch of the Lease broke") }.count == 1)
        }
    }

    @Test func `a leader that is cut off follows at the end of its term`() throws {
        try Self.with(1) { server, replicas, _ in
            await server.clock.sleep(.seconds(3))
            let term = try #require(replicas[0].term)
            var cut = LeaseServer.Conditions()
            cut.isCut = true
            server.set("a", cut)
            let seen = replicas[0].elector.leadership.current
            let end = term.validUntil.instant
            _ = try await replicas[0].elector.leadership.next(after: seen.version)
            #expect(server.clock.now() == end)
            #expect(!term.validUntil.isAhead(of: .distantPast))
            server.set("a", .init())
            await server.clock.sleep(.seconds(5))
            let next = try #require(replicas[0].term)
            #expect(next.continued != nil)
            #expect(next.validUntil !== term.validUntil)
            #expect(next.token != term.token)
        }
    }

    private static func version(_ term: Term) -> Int {
        Int(term.token.prefix { $0 != "." }) ?? 0
    }

    @Test func `a frozen leader comes back in a new term that continues the old one`() throws {
        try Self.with(1) { server, replicas, _ in
            await server.clock.sleep(.seconds(3))
            let term = try #require(replicas[0].term)
            server.clock.freeze(.seconds(60))
            #expect(!term.validUntil.isAhead(of: server.clock.now()))
            await server.clock.sleep(.milliseconds(100))
            let next = try #require(replicas[0].term)
            #expect(next.continued != nil)
            #expect(next.validUntil !== term.validUntil)
            #expect(!term.validUntil.isAhead(of: .distantPast))
            #expect(Self.version(next) > Self.version(term))
        }
    }

    @Test func `cancellation ends the term and keeps the Lease`() throws {
        try virtually { clock in
            let server = LeaseServer(clock: clock)
            let replica = try Replica("a", server)
            var term: Term?
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await replica.elector.run() }
                await clock.sleep(.seconds(1))
                term = replica.term
                group.cancelAll()
            }
            #expect(term != nil)
            #expect(replica.term == nil)
            #expect(term?.validUntil.isAhead(of: clock.now()) == false)
            #expect(server.lease?.spec.holder == "a")
            await replica.elector.release()
            #expect(server.lease?.spec.holder == "")
        }
    }

    @Test func `the metrics show who leads`() throws {
        try Self.with(2) { _, replicas, _ in
            let pages = replicas.map { replica in
                var page = MetricsWriter()
                replica.elector.collect(into: &page)
                return page.text
            }
            #expect(pages[0].contains("leader_election_master_status{name=\"bar\"} 1\n"))
            #expect(pages[1].contains("leader_election_master_status{name=\"bar\"} 0\n"))
        }
    }

    @Test func `an unnamed Lease is refused`() throws {
        struct Nameless: LeaseClient {
            let namespace = "foo"
            let name = ""
            func get(deadline: Instant) async -> LeaseResult { .notFound }
            func create(_ lease: Lease, deadline: Instant) async -> LeaseResult { .notFound }
            func update(_ lease: Lease, deadline: Instant) async -> LeaseResult { .notFound }
            func watch(
                deadline: Instant, onEvent: @escaping @Sendable (LeaseEvent) -> Void
            ) async -> KubernetesError? { nil }
        }
        #expect(throws: KubernetesError.configuration("the Lease's name is empty")) {
            try LeaderElector(
                options: LeaderElectionOptions(identity: "a"), leases: Nameless(), clock: SystemClock(),
                entropy: SystemEntropy(), log: Log(sink: NoLog()))
        }
    }
}

/// Many handovers under faults: no Lease is acquired by one replica while another's term is valid.
@Suite struct LeaderElectorSafetyTests {
    private final class Watchman: Sendable {
        let replicas = Mutex<[Replica]>([])
        let violations = Mutex<[String]>([])
        let handovers = Mutex<(holder: String, count: Int)>(("", 0))

        /// At the commit of a write by `name`: nobody else may still believe to lead.
        func check(_ lease: Lease, by name: String, at now: Instant) {
            guard lease.spec.holder == name else { return }
            for other in replicas.withLock({ $0 }) where other.name != name && other.leads(at: now) {
                violations.withLock { $0.append("\(name) acquired at \(now) while \(other.name) leads") }
            }
            handovers.withLock { state in
                if state.holder != name { state = (name, state.count + 1) }
            }
        }
    }

    /// Ten minutes of trouble, then quiet. Returns the handovers.
    private static func run(seed: UInt64) throws -> Int {
        try virtually { clock in
            let watchman = Watchman()
            let server = LeaseServer(clock: clock, seed: seed) { lease, name in
                watchman.check(lease, by: name, at: clock.now())
            }
            let replicas = try (0..<3).map { try Replica("r\($0)", server, seed: seed &* 31 &+ UInt64($0)) }
            watchman.replicas.withLock { $0 = replicas }
            await withTaskGroup(of: Void.self) { group in
                for replica in replicas { group.addTask { await replica.elector.run() } }
                await Self.trouble(server, replicas, SeededEntropy(seed: seed))
                for replica in replicas { server.set(replica.name, .init()) }
                await clock.sleep(.seconds(25))
                let leaders = replicas.filter { $0.leads(at: clock.now()) }
                #expect(leaders.count == 1, "seed \(seed)")
                for replica in replicas where replica.name != leaders.first?.name {
                    #expect(replica.followed?.address == leaders.first.map { "\($0.name):5005" }, "seed \(seed)")
                }
                group.cancelAll()
            }
            #expect(watchman.violations.withLock { $0 } == [], "seed \(seed)")
            return watchman.handovers.withLock { $0.count }
        }
    }

    private static func trouble(_ server: LeaseServer, _ replicas: [Replica], _ entropy: SeededEntropy) async {
        for _ in 0..<60 {
            let replica = replicas[Int(entropy.next() % UInt64(replicas.count))]
            var conditions = LeaseServer.Conditions()
            switch entropy.next() % 6 {
            case 0: conditions.isCut = true
            case 1: conditions.lostShare = 0.5
            case 2: conditions.delay = .seconds(6)
            case 3: conditions.isWatched = false
            case 4: server.clock.freeze(.seconds(Int(entropy.next() % 20)))
            default: server.edit { $0.edit { $0.replaceAnnotations(prefix: "x", with: ["x": "\(entropy.next())"]) } }
            }
            server.set(replica.name, conditions)
            await server.clock.sleep(.seconds(10) * entropy.fraction() * 2)
        }
    }

    @Test func `no two terms overlap under faults`() throws {
        var handovers = 0
        for seed in 1...20 { handovers += try Self.run(seed: UInt64(seed)) }
        #expect(handovers > 80)
    }
}
