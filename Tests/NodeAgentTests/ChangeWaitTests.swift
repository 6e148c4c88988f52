import Platform
import Testing

@testable import NodeAgent

/// Waiting for changes in place of polling for them, in virtual time.
@Suite struct ChangeWaitTests {
    /// An agent that runs `a` at revision 7 and waits for another one.
    static func waiting(_ change: (inout AgentCoreOptions) -> Void = { _ in }) -> AgentSession {
        AgentSession.running(["a"]) { options in
            options.waitsForChanges = true
            change(&options)
        }
    }

    /// How long the call under way would wait; nil if it is not one that waits for a change from `lastChange`.
    static func wait(_ session: AgentSession, from lastChange: Int64 = 7) -> Duration? {
        guard case .wait(lastChange, let wait) = session.pending?.call else { return nil }
        return wait
    }

    /// Lets time pass, and has each call that waits answered when its time is over.
    static func pass(_ duration: Duration, _ session: inout AgentSession) {
        let end = session.now + duration
        while let wait = wait(session), session.now + wait <= end {
            session.pass(wait)
            session.answer(.unchanged)
        }
        session.pass(end - session.now)
    }

    @Test func `a successful poll is followed by a wait for a change`() throws {
        let session = Self.waiting()
        let wait = try #require(Self.wait(session))
        #expect(wait > .milliseconds(7499) && wait <= .seconds(10), "a third of 30 s, and up to a quarter less")
        let request = try #require(session.pending)
        #expect(request.method == "GET" && request.body == nil)
        let seconds = Double(wait.nanoseconds / 1_000_000) / 1000
        #expect(request.path.hasPrefix("/api/v1/clusterchecks/configs/node-1?last_change=7&wait=\(Int(seconds))."))
        #expect(request.deadline == session.now + wait + .seconds(5))
    }

    @Test func `while nothing changes the agent waits again and neither polls nor sends extra heartbeats`() {
        var session = Self.waiting()
        let before = session.calls.count
        Self.pass(.seconds(600), &session)
        let after = session.calls.dropFirst(before)
        #expect(after.allSatisfy { if case .wait(7, _) = $0 { true } else { false } })
        #expect((60...81).contains(after.count), "\(after.count) calls")
        #expect(session.heartbeats.isEmpty)
        #expect(session.sets == [["a"]])
        #expect(session.reports.suffix(1) == [.waiting])
        #expect(session.core.isReachable == true)
    }

    @Test func `a change is applied and the next one is waited for at once`() {
        var session = Self.waiting()
        session.pass(.seconds(3))
        session.answer(.configs(lastChange: 8, configs: [AgentSession.config(["b"])]))
        #expect(session.sets == [["a"], ["b"]])
        #expect(session.core.lastChange == 8)
        #expect(Self.wait(session, from: 8) != nil)
    }

    @Test(arguments: AgentCoreTests.failures)
    func `a failed wait stops no check and is followed by a poll within an interval`(_ failure: AgentFailure) throws {
        var session = Self.waiting()
        Self.pass(.seconds(100), &session)
        session.answer(.failed(failure))
        #expect(session.pending == nil)
        let failed = session.now
        session.pass(.seconds(10))
        #expect(session.pending?.call == .status(lastChange: 7))
        let polled = try #require(session.sent.last?.second)
        #expect(polled > Double(failed.nanoseconds) / 1e9)
        #expect(session.sets == [["a"]])
        #expect(session.reports.last == .polling(failure))
        session.answer(.status(isUpToDate: true))
        #expect(Self.wait(session) != nil, "and waits again")
    }

    @Test func `agents that lose the same leader come back at different moments`() {
        let times = (0..<100).map { number in
            var session = Self.waiting { $0.nodeID = "node-\(number)" }
            session.pass(.seconds(1))
            session.answer(.configs(lastChange: 8, configs: []))
            session.pass(.seconds(10))
            session.answer(.failed(.status(503, text: "the term ended")))
            session.pass(.seconds(10))
            return session.sent.last?.second ?? 0
        }
        for second in 11..<21 {
            let count = times.count { Int($0) == second }
            #expect(count > 1 && count < 30, "\(count) of 100 in second \(second)")
        }
    }

    @Test func `the agent polls while a leader warms up`() {
        var session = Self.waiting()
        session.pass(.seconds(35)) { call in
            if case .wait = call { .failed(.status(503, text: "warming up")) } else { .status(isUpToDate: true) }
        }
        let statuses = session.sent.filter { $0.call == .status(lastChange: 7) }.map(\.second)
        #expect(statuses == [10, 20, 30])
        #expect(session.core.isReachable == true, "the status was answered each time")
    }

    @Test func `a server without long polls is polled until connections are reopened`() {
        var session = Self.waiting()
        let same = AgentReply.configs(lastChange: 7, configs: [AgentSession.config(["a"])])
        func reply(_ call: AgentCall) -> AgentReply {
            if case .wait = call { same } else { .status(isUpToDate: true) }
        }
        session.pass(.seconds(1195), answering: reply)
        #expect(session.calls.count { if case .wait = $0 { true } else { false } } == 2)
        #expect(session.calls.count { $0 == .status(lastChange: 7) } == 119)
        #expect(session.reports.last == .polling(nil))
        session.pass(.seconds(10), answering: reply)
        #expect(session.rebuilds == 1)
        #expect(session.calls.count { if case .wait = $0 { true } else { false } } == 4)
        #expect(session.sets == [["a"]])
    }

    @Test func `one immediate answer is no reason to poll`() {
        var session = Self.waiting()
        let same = AgentReply.configs(lastChange: 7, configs: [AgentSession.config(["a"])])
        for _ in 0..<10 {
            session.answer(same)
            session.pass(.seconds(5))
            session.answer(.unchanged)
        }
        #expect(Self.wait(session) != nil)
    }

    @Test func `a server that always answers at once is asked at most twice a second`() {
        var session = Self.waiting()
        var revision: Int64 = 7
        let before = session.calls.count
        session.pass(.seconds(10)) { _ in
            revision += 1
            return .configs(lastChange: revision, configs: [])
        }
        #expect(session.calls.count - before <= 24)
        var silent = Self.waiting()
        let calls = silent.calls.count
        silent.pass(.seconds(10)) { _ in .unchanged }
        #expect(silent.calls.count - calls <= 24)
    }

    @Test func `endpoints checks are fetched about once an interval`() {
        var session = AgentSession.connected { options in
            options.waitsForChanges = true
            options.kubernetesNodeName = "k8s-1"
        }
        session.answer(.status(isUpToDate: true))
        session.answer(.configs(lastChange: 0, configs: [AgentSession.config(["e"])]))
        for _ in 0..<60 {
            guard let wait = Self.wait(session, from: 0) else { break }
            session.pass(wait)
            session.answer(.unchanged)
            if session.pending?.call == .endpointsConfigs {
                session.answer(.configs(lastChange: 0, configs: [AgentSession.config(["e"])]))
            }
        }
        let times = session.sent.filter { $0.call == .endpointsConfigs }.map(\.second)
        let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
        #expect(gaps.count > 30)
        #expect(gaps.allSatisfy { $0 >= 7.5 && $0 <= 20 }, "\(gaps)")
        #expect(session.sets == [["e"]])
    }

    @Test func `a failure to fetch endpoints checks is followed by a poll`() {
        var session = AgentSession.connected { options in
            options.waitsForChanges = true
            options.kubernetesNodeName = "k8s-1"
        }
        session.answer(.status(isUpToDate: true))
        session.answer(.configs(lastChange: 0, configs: []))
        session.pass(.milliseconds(9999))
        session.answer(.unchanged)
        #expect(session.pending?.call == .endpointsConfigs)
        session.answer(.failed(.status(503, text: "")))
        session.pass(.seconds(10))
        #expect(session.pending?.call == .status(lastChange: 0))
    }

    @Test func `connections are reopened between two waits and never during one`() {
        var session = Self.waiting()
        Self.pass(.seconds(3600), &session)
        #expect(session.rebuilds == 2 || session.rebuilds == 3)
        #expect(session.cancelled.isEmpty)
    }

    @Test func `a wait that is never answered is abandoned`() throws {
        var session = Self.waiting()
        let call = try #require(session.pending)
        session.pass(.seconds(17))
        #expect(session.cancelled == [call.id])
        while session.pending == nil { session.pass(.milliseconds(100)) }
        #expect(session.now < Instant(nanoseconds: 27_000_000_000))
        #expect(session.pending?.call == .status(lastChange: 7))
        #expect(session.rebuilds == 1)
    }

    @Test func `a wait lasts at most a third of the expiration`() throws {
        let wait = try #require(Self.wait(Self.waiting { $0.nodeExpirationTimeout = .seconds(6) }))
        #expect(wait >= .milliseconds(1500) && wait <= .seconds(2))
    }

    @Test func `a 304 to any other request is a failure`() {
        #expect(AgentReply(to: .wait(lastChange: 1, wait: .seconds(1)), status: 304, body: []) == .unchanged)
        #expect(AgentReply(to: .configs, status: 304, body: []) == .failed(.status(304, text: "")))
        #expect(AgentReply(to: .endpointsConfigs, status: 304, body: []) == .failed(.status(304, text: "")))
    }
}
