import CheckModel
import Platform
import Testing

@testable import NodeAgent

/// How an agent that is asked to stop takes leave, in virtual time.
@Suite struct GoodbyeTests {
    /// An agent that runs `a` at revision 7, was asked to stop 3 s later, and has said that it is leaving.
    static func leaving(_ change: (inout AgentCoreOptions) -> Void = { _ in }) -> AgentSession {
        var session = AgentSession.running(["a"], change)
        session.pass(.seconds(3))
        session.handle(.stop)
        return session
    }

    /// How long after the stop the agent was done; nil if it is not.
    static func duration(_ session: AgentSession) -> Duration? {
        session.finished.map { $0 - Instant(nanoseconds: 3_000_000_000) }
    }

    static func seconds(of call: AgentCall, _ session: AgentSession) -> [Double] {
        session.sent.filter { $0.call == call }.map { $0.second - 3 }
    }

    /// Says that all runs have ended, and that the agent may go.
    static func letGo(_ session: inout AgentSession) {
        #expect(session.sets.last == [])
        #expect(session.awaitsIdle)
        session.handle(.idle)
        #expect(session.pending?.call == .departure(.gone, lastChange: 0))
        session.answer(.status(isUpToDate: true))
    }

    static let isLeaving = AgentCall.departure(.leaving, lastChange: 7)

    @Test func `with nothing to hand over it stops its checks, waits for them and is gone`() throws {
        var session = Self.leaving()
        #expect(session.pending?.call == Self.isLeaving)
        let body = try #require(session.pending?.body)
        #expect(String(decoding: body, as: UTF8.self) == #"{"last_change":7,"node_type":2,"departure":"leaving"}"#)
        #expect(session.pending?.path == "/api/v1/clusterchecks/status/node-1")
        #expect(session.sets == [["a"]])
        session.answer(.status(isUpToDate: true))
        #expect(session.sets == [["a"], []])
        #expect(session.awaitsIdle && session.pending == nil)
        session.handle(.idle)
        let gone = try #require(session.pending?.body)
        #expect(String(decoding: gone, as: UTF8.self) == #"{"last_change":0,"node_type":2,"departure":"gone"}"#)
        #expect(session.finished == nil)
        session.answer(.status(isUpToDate: true))
        #expect(Self.duration(session) == .zero)
        #expect(session.reports.last == .left(handedOver: 0, unconfirmed: 0, after: .zero, nil))
        let calls = session.calls
        session.pass(.seconds(600))
        #expect(session.calls == calls && session.core.nextWake == .distantFuture)
    }

    @Test func `it runs its checks until the last is handed over, and fetches its configs on the way`() {
        var session = Self.leaving()
        session.pass(.milliseconds(50))
        session.answer(.status(isUpToDate: true, handingOver: 3))
        session.pass(.milliseconds(200))
        session.answer(.status(isUpToDate: false, handingOver: 2))
        #expect(session.pending?.call == .configs)
        session.answer(.configs(lastChange: 8, configs: []))
        #expect(session.sets == [["a"], []])
        session.answer(.status(isUpToDate: true, handingOver: 9))
        session.pass(.milliseconds(200))
        #expect(session.pending?.call == .departure(.leaving, lastChange: 8))
        #expect(!session.awaitsIdle)
        session.answer(.status(isUpToDate: true, handingOver: 0))
        Self.letGo(&session)
        let asked =
            Self.seconds(of: Self.isLeaving, session)
            + Self.seconds(
                of: .departure(.leaving, lastChange: 8), session)
        #expect(zip(asked, [0, 0.2, 0.4]).allSatisfy { abs($0 - $1) < 0.001 } && asked.count == 3, "\(asked)")
        #expect(session.reports.last == .left(handedOver: 3, unconfirmed: 0, after: .milliseconds(450), nil))
    }

    @Test func `after five seconds it stops what is not handed over`() {
        var session = Self.leaving()
        session.pass(.milliseconds(4999)) { _ in .status(isUpToDate: true, handingOver: 2) }
        #expect(session.calls.count { $0 == Self.isLeaving } == 25)
        #expect(session.sets == [["a"]])
        session.pass(.milliseconds(1)) { _ in .status(isUpToDate: true, handingOver: 2) }
        Self.letGo(&session)
        #expect(session.reports.last == .left(handedOver: 0, unconfirmed: 2, after: .seconds(5), nil))
    }

    @Test func `a call that is under way at the end of the hand-over is cut short`() {
        var session = Self.leaving()
        session.pass(.milliseconds(4700)) { _ in .status(isUpToDate: true, handingOver: 2) }
        session.pass(.milliseconds(299))
        #expect(session.pending?.call == Self.isLeaving)
        let cut = session.pending?.id
        session.pass(.milliseconds(1))
        #expect(session.cancelled.last == cut)
        Self.letGo(&session)
        #expect(Self.duration(session) == .seconds(5))
    }

    @Test func `a cluster-agent that hangs delays the exit by little more than a second`() {
        var session = Self.leaving()
        session.pass(.milliseconds(999))
        #expect(session.sets == [["a"]])
        session.pass(.milliseconds(1))
        #expect(session.sets == [["a"], []])
        session.handle(.idle)
        #expect(session.pending?.call == .departure(.gone, lastChange: 0), "a new connection may be better")
        session.pass(.seconds(10))
        #expect(Self.duration(session) == .milliseconds(1250))
        #expect(
            session.reports.last
                == .left(handedOver: 0, unconfirmed: 0, after: .milliseconds(1250), .timedOut(after: .seconds(1))))
    }

    @Test(arguments: [
        AgentFailure.unreachable("connection refused"), .status(500, text: ""), .status(404, text: "not enabled"),
        .status(403, text: "no"), .malformed("line 1, column 1: expected a value"),
    ]) func `any other failure brings the end forward`(_ failure: AgentFailure) {
        var session = Self.leaving()
        session.answer(.failed(failure))
        Self.letGo(&session)
        #expect(Self.duration(session) == .zero)
        #expect(session.reports.last == .left(handedOver: 0, unconfirmed: 0, after: .zero, failure))
        var fetching = Self.leaving()
        fetching.answer(.status(isUpToDate: false, handingOver: 2))
        fetching.answer(.failed(failure))
        #expect(fetching.sets.last == [])
        #expect(fetching.core.lastChange == 0)
    }

    @Test func `while there is no leader it asks again`() {
        var session = Self.leaving()
        session.pass(.seconds(2)) { _ in .failed(.status(503, text: "no leader")) }
        #expect(session.calls.count { $0 == Self.isLeaving } == 11)
        #expect(session.sets == [["a"]])
        session.pass(.milliseconds(200)) { call in
            call == .configs ? .failed(.status(503, text: "")) : .status(isUpToDate: false, handingOver: 1)
        }
        #expect(session.calls.suffix(2) == [Self.isLeaving, .configs])
        session.pass(.milliseconds(200)) { _ in .status(isUpToDate: true) }
        Self.letGo(&session)
        #expect(session.reports.last == .left(handedOver: 1, unconfirmed: 0, after: .milliseconds(2400), nil))

        var leaderless = Self.leaving()
        leaderless.pass(.seconds(5)) { _ in .failed(.status(503, text: "no leader")) }
        Self.letGo(&leaderless)
        #expect(Self.duration(leaderless) == .seconds(5))
    }

    @Test func `runs that do not end and an answer that does not come hold it up for three seconds`() {
        var session = Self.leaving()
        session.answer(.status(isUpToDate: true))
        session.pass(.milliseconds(1999))
        #expect(session.pending == nil)
        session.pass(.milliseconds(1))
        #expect(session.pending?.call == .departure(.gone, lastChange: 0))
        session.pass(.milliseconds(999))
        #expect(session.finished == nil)
        session.handle(.idle)
        session.pass(.milliseconds(1))
        #expect(Self.duration(session) == .seconds(3))
    }

    @Test func `a long poll and a heartbeat in flight are cancelled, and their answers change nothing`() throws {
        var session = AgentSession.running(["a"]) { options in
            options.waitsForChanges = true
            options.nodeExpirationTimeout = .seconds(12)
        }
        session.pass(.seconds(1))
        session.answer(.configs(lastChange: 7, configs: [AgentSession.config(["a"])]))
        session.pass(.seconds(7))
        let (poll, heartbeat) = (try #require(session.pending), try #require(session.heartbeats.last))
        session.handle(.stop)
        #expect(session.cancelled == [poll.id, heartbeat.id])
        #expect(session.pending?.call == Self.isLeaving)
        session.handle(.answered(poll.id, .configs(lastChange: 9, configs: [])))
        session.handle(.answered(heartbeat.id, .status(isUpToDate: true)))
        #expect(session.sets == [["a"]] && session.core.lastChange == 7)
        #expect(session.pending?.call == Self.isLeaving)
    }

    @Test func `whoever never connected says nothing`() {
        var session = AgentSession()
        session.handle(.stop)
        #expect(session.finished == session.now)
        #expect(session.cancelled.count == 1 && session.calls == [.version])
        var refused = AgentSession()
        refused.answer(.failed(.unreachable("refused")))
        refused.handle(.stop)
        #expect(refused.finished == refused.now)
        #expect(refused.reports.allSatisfy { if case .left = $0 { false } else { true } })
    }

    @Test func `a second stop changes nothing`() {
        var session = Self.leaving()
        session.handle(.stop)
        #expect(session.calls.count { $0 == Self.isLeaving } == 1)
        session.answer(.status(isUpToDate: true))
        session.handle(.stop)
        Self.letGo(&session)
    }

    @Test func `endpoints checks run until the end too`() {
        var session = AgentSession.connected { $0.kubernetesNodeName = "k8s-1" }
        session.answer(.status(isUpToDate: true))
        session.answer(.configs(lastChange: 0, configs: [AgentSession.config(["e"])]))
        session.handle(.stop)
        session.answer(.status(isUpToDate: false, handingOver: 1))
        session.answer(.configs(lastChange: 5, configs: [AgentSession.config(["c"])]))
        #expect(session.sets == [["e"], ["c", "e"]])
        session.pass(.milliseconds(200)) { _ in .status(isUpToDate: true) }
        Self.letGo(&session)
    }
}
