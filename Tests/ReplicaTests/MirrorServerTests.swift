import CheckModel
import ClusterChecks
import HTTPServer
import Leadership
import Platform
import Synchronization
import TestKit
import Testing

@testable import Replica

/// The leader's side of the mirrors, by itself.
@Suite(.timeLimit(.minutes(1))) struct MirrorServerTests {
    /// What became of what was asked or held, in order.
    private final class Outcomes: Sendable {
        private let state = Mutex((answers: [(name: String, response: HTTPResponse)](), told: [String](), renewals: 0))

        func responder(_ name: String) -> Responder {
            Responder { [self] response in state.withLock { $0.answers.append((name, response)) } }
        }

        func tell(_ name: String) -> @Sendable (APIError?) -> Void {
            { [self] error in state.withLock { $0.told.append(error.map { "\(name): \($0.response.status)" } ?? name) }
            }
        }

        func renew() { state.withLock { $0.renewals += 1 } }

        var told: [String] { state.withLock { $0.told } }
        var renewals: Int { state.withLock { $0.renewals } }

        func status(_ name: String) -> Int? {
            state.withLock { $0.answers }.last { $0.name == name }?.response.status
        }

        func answer(_ name: String) throws -> MirrorAnswer {
            let response = try #require(state.withLock { $0.answers }.last { $0.name == name }?.response)
            return try MirrorAnswer(parsing: response.body.flatMap { $0 })
        }
    }

    private let outcomes = Outcomes()

    private func run(_ body: (TestReplica, MirrorServer) throws -> Void) async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            let server = MirrorServer(clock: replica.clock, longestWait: .seconds(5))
            server.handle(.termBegan(replica.term, keepsPlacements: false, version: 100))
            let outcomes = outcomes
            try await replica.executor.run({ await server.run { outcomes.renew() } }) {
                try body(replica, server)
            }
        }
    }

    private func ask(_ name: String, _ known: MirrorRequest.Known, _ server: MirrorServer, _ replica: TestReplica) {
        let request = MirrorRequest(replica: "b", term: replica.term.token, known: known, wait: .seconds(5))
        server.handle(request, outcomes.responder(name), replica.api, replica.clock.now())
        replica.settle()
    }

    /// Has the Lease name the follower.
    private func name(_ server: MirrorServer, _ replica: TestReplica) throws {
        let named = try #require(server.nominate(inTerm: replica.term.token))
        #expect(named.replicas == ["b"])
        server.stored(named)
    }

    private func change(_ count: Int, to version: UInt64, _ server: MirrorServer, _ replica: TestReplica) {
        let changes = (0..<count).map { StoreChange.nodeHeard(id: "n\($0)") }
        server.handle(.changed(changes, in: replica.term, version: version))
        replica.settle()
    }

    /// Makes a change that a named follower has not acknowledged, and has it told as `held` when it may be.
    private func hold(_ server: MirrorServer, _ replica: TestReplica) throws {
        ask("a", .version(100), server, replica)
        try name(server, replica)
        change(1, to: 101, server, replica)
        server.whenAdmitted(101, in: replica.term, outcomes.tell("held"))
    }

    private func pass(_ duration: Duration, _ replica: TestReplica) {
        for _ in 0..<(duration.nanoseconds / 50_000_000) {
            replica.clock.advance(by: .milliseconds(50))
            replica.settle()
        }
    }

    @Test func `many changes come in several answers, each of which is acknowledged`() async throws {
        try await run { replica, server in
            ask("first", .version(100), server, replica)
            #expect(outcomes.status("first") == nil, "nothing has changed")
            change(2_500, to: 2_600, server, replica)
            var known: UInt64 = 100
            for (name, count) in [("first", 1_000), ("second", 1_000), ("third", 500)] {
                if name != "first" { ask(name, .version(known), server, replica) }
                let answer = try outcomes.answer(name)
                #expect(answer.changes.count == count)
                #expect(answer.version == known + UInt64(count))
                known = answer.version
            }
            ask("last", .version(known), server, replica)
            #expect(outcomes.status("last") == nil)
        }
    }

    @Test func `who knows a version that was never told, or another term, gets the store from its beginning`()
        async throws
    {
        try await run { replica, server in
            ask("future", .version(7_000), server, replica)
            let future = try outcomes.answer("future")
            #expect(future.isFirst)
            ask("page", .pages(upTo: 900, version: 1), server, replica)
            let page = try outcomes.answer("page")
            #expect(page.isFirst)
        }
    }

    @Test func `a second call of a follower supersedes the first`() async throws {
        try await run { replica, server in
            ask("first", .version(100), server, replica)
            ask("second", .version(100), server, replica)
            #expect(outcomes.status("first") == 503)
            #expect(outcomes.status("second") == nil)
            pass(.seconds(6), replica)
            let second = try outcomes.answer("second")
            #expect(second.changes.isEmpty)
        }
    }

    @Test func `what a named follower has not acknowledged is held until it has`() async throws {
        try await run { replica, server in
            try hold(server, replica)
            server.whenAdmitted(100, in: replica.term, outcomes.tell("known"))
            #expect(outcomes.told == ["known"])
            ask("b", .version(101), server, replica)
            #expect(outcomes.told == ["known", "held"])
            #expect(outcomes.renewals == 0)
        }
    }

    @Test func `who lags is struck off by a write of the Lease, and nobody is told before it`() async throws {
        try await run { replica, server in
            try hold(server, replica)
            pass(.milliseconds(50), replica)
            #expect(outcomes.renewals == 0)
            pass(.milliseconds(100), replica)
            #expect(outcomes.renewals == 1)
            #expect(outcomes.told.isEmpty)
            #expect(server.nominate(inTerm: replica.term.token) == nil)
            server.stored(nil)
            #expect(outcomes.told == ["held"])
        }
    }

    @Test func `while the Lease cannot be written nothing is told, and the call fails in the end`() async throws {
        try await run { replica, server in
            try hold(server, replica)
            pass(.milliseconds(4_900), replica)
            #expect(outcomes.told.isEmpty)
            pass(.milliseconds(200), replica)
            #expect(outcomes.told == ["held: 503"])
            #expect((2...6).contains(outcomes.renewals), "once a second: \(outcomes.renewals)")
        }
    }

    @Test func `the end of the term ends whatever waits`() async throws {
        try await run { replica, server in
            try hold(server, replica)
            server.handle(.termEnded(replica.term))
            #expect(outcomes.told == ["held: 503"])
            // A renewal before the release names whom it named.
            #expect(server.nominate(inTerm: replica.term.token)?.replicas == ["b"])
            #expect(server.nominate(inTerm: "another") == nil)
            // What is told in another term its gate decides upon.
            server.whenAdmitted(900, in: replica.term, outcomes.tell("late"))
            #expect(outcomes.told.last == "late")
        }
    }

    @Test func `a snapshot that is not read on is given up, so that it keeps no follower out`() async throws {
        try await run { replica, server in
            for number in 0..<InSyncReplicas.limit {
                let request = MirrorRequest(replica: "half-\(number)", term: "", known: .nothing, wait: .seconds(5))
                server.handle(request, outcomes.responder("\(number)"), replica.api, replica.clock.now())
            }
            replica.settle()
            ask("early", .nothing, server, replica)
            #expect(outcomes.status("early") == 503)
            pass(.seconds(31), replica)
            ask("late", .nothing, server, replica)
            #expect(outcomes.status("late") == 200)
        }
    }

    @Test func `a flood of made-up followers is refused`() async throws {
        try await run { replica, server in
            for number in 0..<100 {
                let request = MirrorRequest(
                    replica: "made-up-\(number)", term: "", known: .nothing, wait: .seconds(5))
                server.handle(request, outcomes.responder("\(number)"), replica.api, replica.clock.now())
            }
            #expect((0..<100).count { outcomes.status("\($0)") == 200 } == InSyncReplicas.limit)
        }
    }
}
