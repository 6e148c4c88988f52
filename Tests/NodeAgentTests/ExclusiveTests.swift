import Platform
import Testing

@testable import NodeAgent

/// Checks that must never run on two agents, in virtual time. They are called `x`; others run on whatever happens.
@Suite struct ExclusiveTests {
    static let configs = [AgentSession.config(["a"]), AgentSession.config(["x"], isExclusive: true)]
    static let list = AgentReply.configs(lastChange: 7, configs: configs)
    static let refused = AgentReply.failed(.unreachable("connection refused"))

    /// An agent that runs `a` and `x`. The last request that was answered was sent when it began.
    static func running(_ change: (inout AgentCoreOptions) -> Void = { _ in }) -> AgentSession {
        var session = AgentSession.connected(change)
        session.answer(.status(isUpToDate: false))
        session.answer(list)
        return session
    }

    /// An agent that has stopped `x`, and will poll again soon.
    static func stopped(_ change: (inout AgentCoreOptions) -> Void = { _ in }) -> AgentSession {
        var session = running(change)
        session.pass(.seconds(25)) { _ in refused }
        #expect(session.sets.last == ["a"])
        return session
    }

    @Test(arguments: [(30, 25_000), (60, 55_000), (11, 6_000), (10, 5_000), (4, 2_000), (1, 500)])
    func `without an answer they are stopped some seconds before the node would expire`(
        _ expiration: Int, _ milliseconds: Int
    ) {
        var session = Self.running { options in
            options.nodeExpirationTimeout = .seconds(expiration)
            options.pollInterval = .seconds(3)
        }
        session.pass(.milliseconds(milliseconds - 1)) { _ in Self.refused }
        #expect(session.sets == [["a", "x"]])
        session.pass(.milliseconds(1)) { _ in Self.refused }
        #expect(session.sets == [["a", "x"], ["a"]])
        #expect(session.reports.last == .exclusiveStopped(configs: 1, after: .milliseconds(milliseconds)))
        #expect(session.core.configs.count == 2 && session.core.lastChange == 7)
        session.pass(.seconds(600)) { _ in Self.refused }
        #expect(session.sets.count == 2, "the others run on")
        #expect(session.reports.count { if case .exclusiveStopped = $0 { true } else { false } } == 1)
    }

    @Test func `the time is counted from when the request was sent`() {
        var session = AgentSession.connected()
        session.answer(.status(isUpToDate: false))
        session.pass(.seconds(8))
        session.answer(Self.list)
        session.pass(.milliseconds(16_999)) { _ in Self.refused }
        #expect(session.sets == [["a", "x"]])
        session.pass(.milliseconds(1)) { _ in Self.refused }
        #expect(session.sets.last == ["a"])
    }

    @Test func `a list that comes too late does not start them`() {
        var session = AgentSession.connected { $0.nodeExpirationTimeout = .seconds(10) }
        session.answer(.status(isUpToDate: false))
        session.pass(.seconds(5))
        session.answer(Self.list)
        #expect(session.sets == [["a"]])
        var again = Self.running { options in
            options.nodeExpirationTimeout = .seconds(10)
            options.pollInterval = .seconds(1)
        }
        again.pass(.seconds(1))
        again.answer(.status(isUpToDate: false))
        again.pass(.milliseconds(4999))
        #expect(again.sets == [["a", "x"]])
        again.pass(.milliseconds(1))
        again.answer(Self.list)
        #expect(again.sets == [["a", "x"], ["a"]])
    }

    @Test func `an event that comes late stops them before anything else runs on`() {
        var session = Self.running { $0.waitsForChanges = true }
        // The process was paused: no tick came in time, and the answer was there when it went on.
        session.freeze(.seconds(25))
        session.answer(Self.list)
        #expect(session.sets == [["a", "x"], ["a"]])
    }

    @Test func `every answer of a leader to a heartbeat counts`() {
        var status = Self.running()
        status.pass(.seconds(600)) { call in call == .configs ? Self.refused : .status(isUpToDate: true) }
        #expect(status.sets == [["a", "x"]])
        var wait = Self.running { $0.waitsForChanges = true }
        for _ in 0..<60 {
            ChangeWaitTests.pass(.seconds(10), &wait)
            wait.handle(.answered(wait.heartbeats.last?.id ?? 0, Self.refused))
        }
        #expect(wait.sets == [["a", "x"]])
        // For the leader a plain fetch is none: it may have expired this node meanwhile.
        var list = Self.running { $0.gracePeriod = .zero }
        list.pass(.seconds(600)) { call in call == .configs ? Self.list : .failed(.status(503, text: "")) }
        #expect(list.sets == [["a", "x"], ["a"]])
    }

    @Test func `neither errors nor endpoints checks nor malformed answers count`() {
        for failure in AgentCoreTests.failures {
            var session = Self.running { $0.kubernetesNodeName = "k8s-1" }
            session.pass(.seconds(25)) { call in
                call == .endpointsConfigs ? .configs(lastChange: 0, configs: []) : .failed(failure)
            }
            #expect(session.sets.last == ["a"], "\(failure)")
        }
    }

    @Test func `an extra heartbeat comes after a fifth of the time, and its answer counts`() throws {
        var session = Self.running { $0.pollInterval = .seconds(3000) }
        session.pass(.milliseconds(4_999))
        #expect(session.heartbeats.isEmpty)
        for count in 1...20 {
            session.pass(.milliseconds(count == 1 ? 1 : 4_500))
            #expect(session.heartbeats.count == count)
            let heartbeat = try #require(session.heartbeats.last)
            session.pass(.milliseconds(500))
            session.handle(.answered(heartbeat.id, .status(isUpToDate: true)))
        }
        #expect(session.sets == [["a", "x"]])
        session.pass(.milliseconds(24_499))
        #expect(session.sets == [["a", "x"]])
        session.pass(.milliseconds(1))
        #expect(session.sets.last == ["a"])
    }

    @Test func `a heartbeat that fails does not count, and another one follows soon`() throws {
        var session = Self.running { $0.pollInterval = .seconds(3000) }
        session.pass(.seconds(5))
        // As while nobody leads after a leader was killed.
        for count in 1...8 {
            #expect(session.heartbeats.count == count)
            session.handle(.answered(try #require(session.heartbeats.last).id, .failed(.status(503, text: ""))))
            session.pass(.milliseconds(2_100))
        }
        #expect(session.sets == [["a", "x"]])
        session.pass(.seconds(4))
        #expect(session.sets.last == ["a"])
    }

    @Test func `stopped ones are asked for often, and start again by the word that the list still holds`() {
        var session = Self.running { $0.waitsForChanges = true }
        session.pass(.seconds(60)) { _ in .failed(.status(503, text: "")) }
        #expect(session.sets == [["a", "x"], ["a"]])
        let before = session.sent.count
        session.pass(.seconds(10)) { _ in .failed(.status(503, text: "")) }
        #expect(session.sent.dropFirst(before).count { $0.call == .status(lastChange: 7) } >= 4)
        session.pass(.seconds(3))
        #expect(session.pending?.call == .status(lastChange: 7))
        session.answer(.status(isUpToDate: true))
        guard case .wait(7, let wait)? = session.pending?.call else { return #expect(Bool(false), "it does not ask") }
        #expect(wait <= .milliseconds(10))
        session.answer(.unchanged)
        #expect(session.sets == [["a", "x"], ["a"], ["a", "x"]])
    }

    @Test(arguments: [2, 5, 10, 20, 30, 60])
    func `one call that hangs does not stop them while heartbeats are answered`(_ expiration: Int) {
        var session = Self.running { options in
            options.nodeExpirationTimeout = .seconds(expiration)
            options.waitsForChanges = true
        }
        for _ in 0..<600 {
            let before = session.heartbeats.count
            session.pass(.milliseconds(100))
            guard session.heartbeats.count > before, let id = session.heartbeats.last?.id else { continue }
            session.handle(.answered(id, .status(isUpToDate: true)))
        }
        #expect(session.sets == [["a", "x"]])
    }

    @Test func `a status does not start them, and is followed by a fetch`() {
        var session = Self.stopped()
        session.pass(.seconds(10))
        session.answer(.status(isUpToDate: true))
        #expect(session.sets.last == ["a"])
        #expect(session.pending?.call == .configs)
        session.answer(.failed(.status(503, text: "warming up")))
        #expect(session.sets.last == ["a"])
        session.pass(.seconds(10))
        session.answer(.status(isUpToDate: true))
        #expect(session.pending?.call == .configs)
        session.answer(Self.list)
        #expect(session.sets.suffix(2) == [["a"], ["a", "x"]])
        #expect(session.reports.contains(.exclusiveStarted(configs: 1)))
        session.pass(.seconds(10))
        session.answer(.status(isUpToDate: true))
        #expect(session.pending == nil, "nothing is stopped")
    }

    @Test func `a heartbeat does not start them`() throws {
        var session = Self.running { $0.pollInterval = .seconds(3000) }
        session.pass(.seconds(77))
        #expect(session.sets.last == ["a"])
        let heartbeat = try #require(session.heartbeats.last)
        #expect(heartbeat.deadline > session.now, "it is in flight")
        session.handle(.answered(heartbeat.id, .status(isUpToDate: true)))
        #expect(session.sets.last == ["a"])
    }

    @Test func `a list without them starts nothing`() {
        var session = Self.stopped()
        session.pass(.seconds(10))
        session.answer(.status(isUpToDate: true))
        session.answer(.configs(lastChange: 8, configs: [AgentSession.config(["a"])]))
        #expect(session.sets.last == ["a"])
        #expect(!session.reports.contains(.exclusiveStarted(configs: 1)))
        #expect(session.core.configs.count == 1)
    }

    @Test(arguments: [AgentReply.unchanged, list])
    func `an answer to a long poll starts them`(_ reply: AgentReply) throws {
        var session = Self.running { options in
            options.waitsForChanges = true
            options.nodeExpirationTimeout = .seconds(6)
        }
        // Heartbeats hang. The second long poll is still under way when what the first one allowed ends.
        session.pass(.seconds(2))
        session.answer(.unchanged)
        session.pass(.milliseconds(999))
        #expect(session.sets == [["a", "x"]])
        session.pass(.milliseconds(1))
        #expect(session.sets.last == ["a"])
        session.pass(.milliseconds(500))
        session.answer(reply)
        #expect(session.sets.last == ["a", "x"])
        #expect(session.reports.last == .exclusiveStarted(configs: 1))
        // It counts from when it was sent, after 2 s.
        session.pass(.milliseconds(1499))
        #expect(session.sets.last == ["a", "x"])
        session.pass(.milliseconds(1))
        #expect(session.sets.last == ["a"])
    }

    @Test func `endpoints checks are never exclusive`() {
        var session = AgentSession.connected { $0.kubernetesNodeName = "k8s-1" }
        session.answer(.status(isUpToDate: true))
        session.answer(.configs(lastChange: 0, configs: [AgentSession.config(["e"], isExclusive: true)]))
        session.pass(.seconds(600)) { _ in Self.refused }
        #expect(session.sets == [["e"]])
        #expect(session.heartbeats.count <= 24)
    }

    @Test func `an agent that leaves stops them in time too`() {
        var session = Self.running()
        session.pass(.seconds(23)) { _ in Self.refused }
        session.handle(.stop)
        session.pass(.milliseconds(1999)) { _ in .failed(.status(503, text: "")) }
        #expect(session.sets == [["a", "x"]])
        session.pass(.milliseconds(1)) { _ in .failed(.status(503, text: "")) }
        #expect(session.sets.last == ["a"])
    }
}
