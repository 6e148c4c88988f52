import Kubernetes
import Leadership
import Platform
import Synchronization
import TestKit
import Testing

/// What the elector asks and tells about mirrors, and how it is hastened.
@Suite struct LeaderElectorMirrorTests {
    /// Whom a replica names, and what its elector asked and told.
    private final class Names: Sendable {
        private struct State {
            var replicas: [ExactText] = []
            var asked: [String] = []
            var published: [NamedMirrors?] = []
            var next: [ExactText]?
            var elector: LeaderElector?
        }

        private let state = Mutex(State())

        func name(_ replicas: [ExactText]) {
            state.withLock { $0.replicas = replicas }
        }

        /// The next question is answered as it is, and then the names change and the elector is hastened.
        func change(to replicas: [ExactText], whileAsked elector: LeaderElector) {
            state.withLock { state in
                state.elector = elector
                state.next = replicas
            }
        }

        func ask(_ term: String) -> NamedMirrors? {
            let (replicas, elector) = state.withLock { state in
                state.asked.append(term)
                let replicas = state.replicas
                if let next = state.next { state.replicas = next }
                defer { (state.next, state.elector) = (nil, nil) }
                return (replicas, state.elector)
            }
            elector?.renewNow()
            return replicas.isEmpty ? nil : NamedMirrors(term: term, replicas: replicas)
        }

        func publish(_ mirrors: NamedMirrors?) {
            state.withLock { $0.published.append(mirrors) }
        }

        var asked: [String] { state.withLock { $0.asked } }
        var published: [[ExactText]] { state.withLock { $0.published.map { $0?.replicas ?? [] } } }
    }

    private struct Named: Sendable {
        let elector: LeaderElector
        let names = Names()

        init(_ name: String, _ server: LeaseServer, seed: UInt64) throws(KubernetesError) {
            let options = LeaderElectionOptions(
                identity: name, mirrors: { [names] in names.ask($0) }, published: { [names] in names.publish($0) })
            elector = try LeaderElector(
                options: options, leases: server.client(name), clock: server.clock, entropy: SeededEntropy(seed: seed),
                log: Log(sink: NoLog()))
        }

        var term: Term? {
            if case .leading(let term) = elector.leadership.value { term } else { nil }
        }
    }

    /// Runs `a`, which leads, and `b`. The watch's first event, which is older than the acquisition, is answered before
    /// `body` begins.
    private static func with(_ body: @escaping @Sendable (LeaseServer, Named, Named) async throws -> Void) throws {
        try virtually { clock in
            let server = LeaseServer(clock: clock)
            let (first, second) = (try Named("a", server, seed: 1), try Named("b", server, seed: 2))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await first.elector.run() }
                await clock.sleep(.milliseconds(100))
                group.addTask { await second.elector.run() }
                await clock.sleep(.milliseconds(100))
                #expect(first.term != nil && second.term == nil)
                try await body(server, first, second)
                group.cancelAll()
            }
        }
    }

    private static func updates(_ server: LeaseServer) -> Int {
        server.calls(of: "a").count { $0 == "update" }
    }

    @Test func `the elector asks before each renewal of the term and tells what was stored`() throws {
        try Self.with { server, first, second in
            let token = try #require(first.term?.token)
            let before = Self.updates(server)
            #expect(first.names.asked == Array(repeating: token, count: before - 1))
            first.names.name(["b"])
            await server.clock.sleep(.seconds(4))
            #expect(Self.updates(server) == before + 2)
            #expect(first.names.asked == Array(repeating: token, count: before + 1))
            #expect(first.names.published == Array(repeating: [], count: before) + [["b"], ["b"]])
            #expect(server.lease?.namedMirrors == NamedMirrors(term: token, replicas: ["b"]))
            #expect(second.names.asked.isEmpty && second.names.published.isEmpty)
        }
    }

    @Test func `a slow renewal asks again after it has read the Lease`() throws {
        try Self.with { server, first, _ in
            let (asked, before) = (first.names.asked.count, Self.updates(server))
            server.edit { $0.edit { $0.merge(labels: ["x": "y"]) } }
            await server.clock.sleep(.seconds(2))
            #expect(Self.updates(server) == before + 2)
            #expect(first.names.asked.count == asked + 2)
        }
    }

    @Test func `a named follower may adopt the mirror of a term that was released`() throws {
        try Self.with { server, first, second in
            let token = try #require(first.term?.token)
            #expect(first.term?.adoptable == nil)
            first.names.name(["b"])
            first.elector.renewNow()
            await server.clock.sleep(.milliseconds(10))
            await first.elector.release()
            await server.clock.sleep(.milliseconds(20))
            let term = try #require(second.term)
            #expect(term.adoptable == token)
            #expect(server.lease?.namedMirrors == nil)
            #expect(second.names.published.first == [])
        }
    }

    @Test func `a follower that is not named lets a second pass after a release`() throws {
        try Self.with { server, first, second in
            first.names.name(["c"])
            first.elector.renewNow()
            await server.clock.sleep(.milliseconds(10))
            let before = server.clock.now()
            await first.elector.release()
            while second.term == nil, server.clock.now() < before + .seconds(5) {
                await server.clock.sleep(.milliseconds(1))
            }
            let took = server.clock.now() - before
            #expect(took >= .seconds(1) && took <= .seconds(1) + .milliseconds(20), "\(took)")
            #expect(second.term?.adoptable == nil)
        }
    }

    @Test func `a hastened leader writes at once, and twice at most for many calls`() throws {
        try Self.with { server, first, _ in
            let before = Self.updates(server)
            first.names.name(["b"])
            first.elector.renewNow()
            await server.clock.sleep(.milliseconds(3))
            #expect(Self.updates(server) == before + 1)
            #expect(first.names.published.last == ["b"])
            for _ in 0..<100 { first.elector.renewNow() }
            await server.clock.sleep(.microseconds(500))
            for _ in 0..<100 { first.elector.renewNow() }
            await server.clock.sleep(.milliseconds(50))
            #expect(Self.updates(server) == before + 3)
            await server.clock.sleep(.milliseconds(1500))
            #expect(Self.updates(server) == before + 3)
        }
    }

    @Test func `a follower is not hastened`() throws {
        try Self.with { server, _, second in
            let before = server.calls(of: "b").count
            second.elector.renewNow()
            await server.clock.sleep(.milliseconds(50))
            #expect(server.calls(of: "b").count == before)
        }
    }

    @Test func `who is struck off while the names are asked for is gone from the next write`() throws {
        try Self.with { server, first, _ in
            let before = Self.updates(server)
            first.names.name(["b", "c"])
            first.names.change(to: ["b"], whileAsked: first.elector)
            first.elector.renewNow()
            await server.clock.sleep(.milliseconds(20))
            #expect(first.names.published.suffix(2) == [["b", "c"], ["b"]])
            #expect(Self.updates(server) == before + 2)
        }
    }
}
