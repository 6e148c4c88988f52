import Platform
import Testing

@testable import NodeAgent

@Suite struct AgentCoreTests {
    /// Everything that can go wrong with a request.
    static let failures: [AgentFailure] = [
        .unreachable("connection refused"), .status(500, text: "node node-1 is unknown"), .status(503, text: ""),
        .status(404, text: "Cluster-checks are not enabled"), .malformed("line 1, column 1: expected a value"),
        .timedOut(after: .seconds(10)),
    ]

    @Test func `the version is asked for before anything else`() {
        var session = AgentSession()
        #expect(session.calls == [.version])
        session.answer(.version("7.60.0"))
        #expect(session.calls == [.version, .status(lastChange: 0)])
        #expect(session.reports == [.connected(version: "7.60.0")])
    }

    @Test func `the version is retried after one second, doubling up to five minutes`() {
        var session = AgentSession()
        session.pass(.seconds(1500)) { _ in .failed(.status(503, text: "")) }
        let times = session.sent.map(\.second)
        let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
        #expect(gaps == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300])
        #expect(session.calls.allSatisfy { $0 == .version })
        #expect(session.sets.isEmpty)
    }

    @Test func `a version request that is never answered is retried`() {
        var session = AgentSession()
        session.pass(.seconds(60))
        #expect(session.sent.map(\.second) == [0, 12, 25, 40, 59])
    }

    @Test func `status is posted at every poll and configs are not fetched while up to date`() {
        var session = AgentSession.connected()
        session.pass(.seconds(35)) { _ in .status(isUpToDate: true) }
        #expect(session.calls.dropFirst() == Array(repeating: .status(lastChange: 0), count: 4)[...])
        #expect(session.sent.dropFirst().map(\.second) == [0, 10, 20, 30])
    }

    @Test func `outdated configs are fetched and their revision is reported next`() {
        var session = AgentSession.running(["b", "a"])
        #expect(session.sets == [["a", "b"]])
        #expect(session.core.lastChange == 7)
        session.pass(.seconds(10)) { _ in .status(isUpToDate: true) }
        #expect(session.calls == [.version, .status(lastChange: 0), .configs, .status(lastChange: 7)])
    }

    @Test func `a fetched list replaces the set`() {
        var session = AgentSession.running(["a", "b"])
        session.pass(.seconds(10))
        session.answer(.status(isUpToDate: false))
        session.answer(.configs(lastChange: 8, configs: [AgentSession.config(["b", "c"])]))
        #expect(session.sets == [["a", "b"], ["b", "c"]])
        session.pass(.seconds(10))
        session.answer(.status(isUpToDate: false))
        session.answer(.configs(lastChange: 0, configs: []))
        #expect(session.sets.last == [])
        #expect(session.core.lastChange == 0)
    }

    @Test func `fetching the same set again restarts no check`() {
        var session = AgentSession.running(["a"])
        session.pass(.seconds(10))
        session.answer(.status(isUpToDate: false))
        session.answer(.configs(lastChange: 9, configs: [AgentSession.config(["a"])]))
        #expect(session.sets.count == 1)
        #expect(session.core.lastChange == 9)
    }

    @Test(arguments: failures) func `a failure to fetch configs keeps the set and its revision`(_ failure: AgentFailure)
    {
        var session = AgentSession.running(["a"])
        for _ in 0..<3 {
            session.pass(.seconds(10))
            session.answer(.status(isUpToDate: false))
            #expect(session.pending?.call == .configs)
            session.answer(.failed(failure))
        }
        #expect(session.sets == [["a"]])
        #expect(session.core.lastChange == 7)
        #expect(session.core.instances.map(\.id) == ["a"])
    }

    @Test(arguments: failures) func `a failed status within the grace period counts as up to date`(
        _ failure: AgentFailure
    ) {
        var session = AgentSession.running(["a"])
        session.pass(.seconds(65)) { _ in .failed(failure) }
        #expect(session.sent.last?.second == 60)
        #expect(session.calls.count { $0 == .configs } == 1)
        session.pass(.seconds(10)) { _ in .failed(failure) }
        #expect(session.calls.count { $0 == .configs } == 2, "70 s after the last success configs are asked for")
        #expect(session.sets == [["a"]])
    }

    @Test func `there is no grace period before the first successful status`() {
        var session = AgentSession.connected()
        session.answer(.failed(.status(503, text: "")))
        #expect(session.pending?.call == .configs)
    }

    @Test func `until a leader has answered for the first time it asks sooner, then less and less often`() {
        var session = AgentSession.connected()
        session.pass(.seconds(600)) { _ in .failed(.status(503, text: "no leader is known")) }
        let polls = session.sent.filter { $0.call == .status(lastChange: 0) }.map(\.second)
        let pauses = zip(polls, polls.dropFirst()).map { $1 - $0 }
        for (pause, longest) in zip(pauses, [1.0, 2, 4, 8, 10, 10, 10]) {
            #expect(pause >= longest / 2 && pause <= longest, "\(pauses)")
        }
        #expect(polls.count < 130)
        session.pass(.seconds(11)) { call in
            call == .configs ? .configs(lastChange: 7, configs: []) : .status(isUpToDate: false)
        }
        let answered = session.sent.count
        session.pass(.seconds(100)) { _ in .failed(.status(503, text: "")) }
        #expect(session.sent.dropFirst(answered).count { $0.call == .status(lastChange: 7) } == 10)
    }

    @Test func `without a degraded deadline checks run for ever`() {
        var session = AgentSession.running(["a"])
        session.pass(.seconds(86_400)) { _ in .failed(.unreachable("gone")) }
        #expect(session.sets == [["a"]])
    }

    @Test(arguments: failures) func `past the degraded deadline the set is dropped and fetched again later`(
        _ failure: AgentFailure
    ) {
        var session = AgentSession.running(["a"]) { $0.degradedDeadline = .seconds(120) }
        session.pass(.seconds(125)) { _ in .failed(failure) }
        #expect(session.sets == [["a"]])
        session.pass(.seconds(10)) { _ in .failed(failure) }
        #expect(session.sets == [["a"], []])
        #expect(session.core.lastChange == 0)
        #expect(session.reports.contains(.configsDropped(configs: 1, after: .seconds(130))))
        session.pass(.seconds(10))
        #expect(session.pending?.call == .status(lastChange: 0))
        session.answer(.status(isUpToDate: false))
        session.answer(.configs(lastChange: 7, configs: [AgentSession.config(["a"])]))
        #expect(session.sets == [["a"], [], ["a"]])
    }

    @Test func `an answered status postpones the degraded deadline`() {
        var session = AgentSession.running(["a"]) { $0.degradedDeadline = .seconds(60) }
        session.pass(.seconds(600)) { call in
            call == .configs ? .failed(.status(503, text: "warming up")) : .status(isUpToDate: false)
        }
        #expect(session.sets == [["a"]])
    }

    @Test func `an extra heartbeat is sent five seconds before the node would expire`() {
        var session = AgentSession.running(["a"]) { $0.pollInterval = .seconds(90) }
        session.pass(.seconds(80))
        #expect(session.heartbeats.count == 3)
        #expect(session.sent.suffix(3).map(\.second) == [25, 50, 75])
        #expect(session.heartbeats[0].body == Array(#"{"last_change":-1,"node_type":2}"#.utf8))
        #expect(session.heartbeats[0].deadline == Instant(nanoseconds: 30_000_000_000))
    }

    @Test func `the answer to an extra heartbeat is ignored`() {
        var session = AgentSession.running(["a"]) { $0.pollInterval = .seconds(90) }
        session.pass(.seconds(26))
        let before = session.calls
        session.handle(.answered(session.heartbeats[0].id, .status(isUpToDate: false)))
        session.handle(.answered(session.heartbeats[0].id, .failed(.status(403, text: "no"))))
        #expect(session.calls == before)
        #expect(session.core.isReachable == true)
    }

    @Test func `successful polls need no extra heartbeat`() {
        var session = AgentSession.running(["a"])
        session.pass(.seconds(600)) { _ in .status(isUpToDate: true) }
        #expect(session.heartbeats.isEmpty)
    }

    @Test func `a short expiration causes at most one heartbeat a second`() {
        var session = AgentSession.running(["a"]) { $0.nodeExpirationTimeout = .seconds(2) }
        session.pass(.milliseconds(3500)) { _ in .status(isUpToDate: true) }
        #expect(session.heartbeats.count == 1, "the next waits until this one is answered or given up")
        session.handle(.answered(session.heartbeats[0].id, .status(isUpToDate: true)))
        #expect(session.heartbeats.count == 2)
    }

    @Test func `connections are reopened every twenty minutes`() {
        var session = AgentSession.running(["a"])
        session.pass(.seconds(1195)) { _ in .status(isUpToDate: true) }
        #expect(session.rebuilds == 0)
        session.pass(.seconds(2400)) { _ in .status(isUpToDate: true) }
        #expect(session.rebuilds == 2)
    }

    @Test(arguments: [
        (AgentFailure.unreachable("reset"), 1), (.timedOut(after: .seconds(10)), 1), (.status(503, text: ""), 0),
        (.malformed("no"), 0),
    ]) func `a lost connection is reopened before the next poll`(_ failure: AgentFailure, _ rebuilds: Int) {
        var session = AgentSession.running(["a"])
        session.pass(.seconds(10))
        session.answer(.failed(failure))
        session.pass(.seconds(20)) { _ in .status(isUpToDate: true) }
        #expect(session.rebuilds == rebuilds)
    }

    @Test func `an answer to an abandoned request changes nothing`() {
        var session = AgentSession.running(["a"])
        session.pass(.seconds(10))
        session.answer(.status(isUpToDate: false))
        let late = session.pending
        session.pass(.seconds(11))
        #expect(session.cancelled == [late?.id])
        session.handle(.answered(late?.id ?? 0, .configs(lastChange: 99, configs: [])))
        #expect(session.sets == [["a"]])
        #expect(session.core.lastChange == 7)
    }

    @Test func `a late answer is not taken for that of the next request`() {
        var session = AgentSession.running(["a"])
        session.pass(.seconds(10))
        let late = session.pending
        session.pass(.seconds(11))
        #expect(session.pending?.call == late?.call)
        #expect(session.pending?.id != late?.id)
        session.handle(.answered(late?.id ?? 0, .status(isUpToDate: false)))
        #expect(session.pending?.call == .status(lastChange: 7))
    }

    @Test func `a repeated answer counts once`() {
        var session = AgentSession.connected()
        let status = session.pending
        session.answer(.status(isUpToDate: false))
        session.handle(.answered(status?.id ?? 0, .status(isUpToDate: true)))
        #expect(session.pending?.call == .configs)
    }

    @Test func `a poll that takes longer than its interval is followed by one at once`() {
        var session = AgentSession.running(["a"])
        session.pass(.seconds(10))
        session.pass(.seconds(12))
        let polls = session.sent.filter { $0.call == .status(lastChange: 7) }.map(\.second)
        #expect(polls == [10, 21])
    }

    @Test func `endpoints checks are fetched at every poll if the node name is known`() {
        var session = AgentSession.connected { $0.kubernetesNodeName = "k8s-1" }
        session.answer(.status(isUpToDate: false))
        session.answer(.configs(lastChange: 7, configs: [AgentSession.config(["c"])]))
        session.answer(.configs(lastChange: 0, configs: [AgentSession.config(["e"])]))
        #expect(session.sets == [["c"], ["c", "e"]])
        #expect(session.core.lastChange == 7)
        session.pass(.seconds(10))
        session.answer(.status(isUpToDate: true))
        #expect(session.pending?.call == .endpointsConfigs)
        session.answer(.failed(.status(503, text: "")))
        #expect(session.sets.last == ["c", "e"])
        session.pass(.seconds(10))
        session.answer(.failed(.unreachable("gone")))
        #expect(session.pending?.call == .endpointsConfigs)
        session.answer(.configs(lastChange: 0, configs: []))
        #expect(session.sets.last == ["c"])

        var without = AgentSession.connected()
        without.pass(.seconds(60)) { _ in .status(isUpToDate: true) }
        #expect(!without.calls.contains(.endpointsConfigs))
    }

    @Test func `the same instance in two configs runs once`() {
        var session = AgentSession.connected()
        session.answer(.status(isUpToDate: false))
        session.answer(
            .configs(lastChange: 1, configs: [AgentSession.config(["a", "b"]), AgentSession.config(["b"])]))
        #expect(session.sets == [["a", "b"]])
    }

    @Test func `losing and regaining the cluster-agent are each logged once`() {
        var session = AgentSession.running(["a"])
        session.pass(.seconds(45)) { _ in .failed(.unreachable("refused")) }
        session.pass(.seconds(40)) { _ in .status(isUpToDate: true) }
        session.pass(.seconds(20)) { _ in .failed(.status(503, text: "")) }
        #expect(
            session.reports.dropFirst(3) == [
                .unreachable(call: .status(lastChange: 7), .unreachable("refused")),
                .reachable(after: .seconds(40)),
                .unreachable(call: .status(lastChange: 7), .status(503, text: "")),
            ])
    }

    @Test func `failing config requests do not make the connection state flap while the status is answered`() {
        var session = AgentSession.running(["a"])
        session.pass(.seconds(100)) { call in
            call == .configs ? .failed(.status(503, text: "not synced")) : .status(isUpToDate: false)
        }
        #expect(session.reports.dropFirst(3) == [.unreachable(call: .configs, .status(503, text: "not synced"))])
    }

    @Test func `registration and changes are logged with counts`() {
        var session = AgentSession.connected()
        session.answer(.status(isUpToDate: false))
        session.answer(
            .configs(lastChange: 1, configs: [AgentSession.config(["a"]), AgentSession.config(["b"])]))
        session.pass(.seconds(10))
        session.answer(.status(isUpToDate: false))
        session.answer(
            .configs(lastChange: 2, configs: [AgentSession.config(["b"]), AgentSession.config(["c"])]))
        #expect(
            session.reports.dropFirst() == [
                .registered, .configsChanged(added: 2, removed: 0, total: 2),
                .configsChanged(added: 1, removed: 1, total: 2),
            ])
    }

    @Test func `requests are numbered and follow the protocol`() throws {
        var session = AgentSession { options in
            options.nodeID = "node 1/ü"
            options.kubernetesNodeName = "k8s.1"
        }
        let version = try #require(session.pending)
        #expect((version.method, version.path, version.body) == ("GET", "/version", nil))
        session.answer(.version("7.60.0"))
        let status = try #require(session.pending)
        #expect((status.method, status.path) == ("POST", "/api/v1/clusterchecks/status/node%201%2F%C3%BC"))
        #expect(status.body == Array(#"{"last_change":0,"node_type":2}"#.utf8))
        #expect(status.id > version.id)
        session.answer(.status(isUpToDate: false))
        let configs = try #require(session.pending)
        #expect((configs.method, configs.path) == ("GET", "/api/v1/clusterchecks/configs/node%201%2F%C3%BC"))
        session.answer(.configs(lastChange: 1, configs: []))
        let endpoints = try #require(session.pending)
        #expect((endpoints.method, endpoints.path) == ("GET", "/api/v1/endpointschecks/configs/k8s.1"))
    }
}
