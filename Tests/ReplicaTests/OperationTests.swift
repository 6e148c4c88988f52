import CheckModel
import ClusterChecks
import HTTPServer
import JSON
import Leadership
import Platform
import TestKit
import Testing

@testable import Replica

/// What operators have done: rebalancing and isolation.
@Suite struct OperationTests {
    private static let rebalance = "/api/v1/clusterchecks/rebalance"
    private static let intent = "/api/v1/clusterchecks/intent"
    private static let isolate = "/api/v1/clusterchecks/isolate/check/"

    /// The answer of a leader, by the statistics that the Handler has.
    private func answer(_ replica: TestReplica, _ path: String, body: String = "{}") -> HTTPResponse? {
        switch replica.api.handle(replica.request(.post, path, body: body), now: replica.clock.now()) {
        case .rebalance(let rebalancing): replica.api.finish(rebalancing, now: replica.clock.now())
        case .intend(let intention):
            replica.api.finish(intention, outcome(replica, intention.command), now: replica.clock.now())
        case .respond(let response): response
        default: nil
        }
    }

    /// What becomes of a command where nothing is kept.
    private func outcome(_ replica: TestReplica, _ command: IntentCommand) -> IntentOutcome {
        do throws(ClusterChecksError) {
            let decision = try replica.handler.decide(command)
            return .done(decision, try replica.handler.adopt(decision.intent), isKept: false)
        } catch {
            return .refused(error)
        }
    }

    /// Has every node that reports answer that each of its instances takes `milliseconds`.
    private func measure(_ replica: TestReplica, milliseconds: Int64, workers: Int = 4) throws {
        let nodes = try replica.handler.snapshot(now: replica.clock.now()).nodes
        let readings = nodes.map { node in
            var stats = RunnerStats()
            (stats.averageExecutionTime, stats.lastError) = (milliseconds, "http://u:secret@h failed")
            let checks = node.configs.flatMap(\.instanceIDs).map { (ExactText($0), stats) }
            return StatisticsReading(
                id: node.id, .success(NodeStatistics(workers: workers, checks: Dictionary(checks) { $1 })))
        }
        replica.handler.record(readings, duration: .zero)
    }

    @Test func `who did what is in the log and the history, and a wrong token at most every ten seconds`() async throws
    {
        try await TestReplica.run(as: .dispatching, nodes: ["node1", "node2"]) { replica in
            let log = RecordingLog()
            let calls = Audit(handler: replica.handler, clock: replica.clock, log: Log(sink: log))
            let request = replica.request(
                .post, Self.intent, headers: [("User-Agent", "cluster-agent/1"), ("X-Forwarded-For", "198.51.100.7")])
            calls.note("drain node1", request, outcome: "node1 is drained")
            // Only a replica says for whom it asks.
            let forwarded = replica.request(
                .post, Self.intent,
                headers: [("X-DCA-Follower-Forwarded", "true"), ("X-Forwarded-For", "198.51.100.7")])
            calls.note("rebalance", forwarded, outcome: "done")
            let entries = try replica.handler.history(now: replica.clock.now()).value.entries.filter {
                $0.kind == .operator
            }
            #expect(entries.map(\.check) == ["drain node1", "rebalance"])
            #expect(entries.map(\.node) == ["192.0.2.9", "198.51.100.7 through 192.0.2.9"])
            #expect(entries.map(\.reason) == ["node1 is drained", "done"])
            #expect(entries.first?.what.hasSuffix("drain node1 from 192.0.2.9 (node1 is drained)") == true)
            for _ in 0..<5 { calls.noteRefusal(request, status: 403) }
            replica.clock.advance(by: .seconds(10))
            calls.noteRefusal(request, status: 403)
            #expect(log.fields(of: "an operator's call").count == 2)
            let refusals = log.fields(of: "operators' calls were refused for their token")
            #expect(refusals.map { $0["refused"] } == ["1", "5"])
        }
    }

    @Test
    func `an isolated check is alone on its node until it is no longer to be, and then a rebalance moves others there`()
        async throws
    {
        try await TestReplica.run(as: .dispatching, nodes: ["node1", "node2"]) { replica in
            let more = (2..<6).map { index in
                CheckConfig(
                    key: ConfigKey(source: "test", check: "http_check", index: index), checkName: "http_check",
                    instances: [.object(["url": .string("http://c\(index)"), "name": .string("a b/\(index)")])])
            }
            replica.desired.apply(upserts: more)
            func nodes() throws -> [StateSnapshot.Node] { try replica.handler.snapshot(now: replica.clock.now()).nodes }
            replica.settle()
            #expect(try nodes().reduce(0) { $0 + $1.configs.count } == 6)
            try measure(replica, milliseconds: 3000)
            let isolated = try #require(try nodes()[0].configs.first { $0.instanceIDs[0].contains("a b/") })
            let checkID = isolated.instanceIDs[0]
            let encoded = checkID.replacing("%", with: "%25").replacing(" ", with: "%20").replacing("/", with: "%2F")
            _ = replica.handler.drainChangedNodes()
            let seen = replica.handler.changes.current.version
            let response = try #require(answer(replica, Self.isolate + encoded, body: ""))
            // Who waits for a change is told, and need not poll.
            #expect(replica.handler.changes.current.version != seen)
            #expect(replica.handler.drainChangedNodes() == ["node1", "node2"])
            #expect(response.status == 200)
            let text = try JSONValue(parsing: Array(response.text.utf8))
            #expect(text["is_isolated"] == .bool(true))
            #expect(text["check_id"] == .string(checkID))
            #expect(text["check_node"] == .string("node1"))
            #expect(text["reason"] == .string(""))
            #expect(try nodes().map(\.configs.count) == [1, 5])
            #expect(try nodes()[0].configs[0].key == isolated.key)

            // Each keeps the one worker of its node busy all the time, and five of six are on one node.
            try measure(replica, milliseconds: 15_000, workers: 1)
            #expect(answer(replica, Self.rebalance, body: #"{"force":true}"#)?.text == "[]")
            #expect(try nodes().map(\.configs.count) == [1, 5])
            let asked = String(decoding: IntentCommand(.unisolate, check: checkID).encoded(), as: UTF8.self)
            let undone = try #require(answer(replica, Self.intent, body: asked))
            #expect(
                undone.text == #"{"done":"\#(checkID) shares its node again; this is not kept when all replicas stop","#
                    + #""kept":false}"#)
            let preview = try #require(answer(replica, Self.rebalance, body: #"{"dry_run":true,"explain":true}"#)?.text)
            #expect(try JSONValue(parsing: Array(preview.utf8))["moves"]?.arrayValue?.isEmpty == false)
            #expect(try nodes().map(\.configs.count) == [1, 5])
            let rebalanced = try #require(answer(replica, Self.rebalance)?.text)
            let moves = try JSONValue(parsing: Array(rebalanced.utf8))
            #expect(moves.arrayValue?.isEmpty == false)
            #expect(try nodes()[0].configs.count == 1 + (moves.arrayValue?.count ?? 0))
            for move in moves.arrayValue ?? [] {
                #expect(move["source_node_name"] == .string("node2"))
                #expect(move["dest_node_name"] == .string("node1"))
                #expect(move["check_name"] == .string("http_check"))
                #expect(move["digest"]?.stringValue?.isEmpty == false)
                #expect(move["check_weight"] == .number("0"))
            }
        }
    }

    @Test func `a check that cannot be isolated is refused with the reason`() async throws {
        try await TestReplica.run(as: .dispatching, nodes: ["node1", "node2"]) { replica in
            let snapshot = try replica.handler.snapshot(now: replica.clock.now())
            let checkID = try #require(snapshot.nodes[0].configs.first?.instanceIDs.first)
            func reason(_ checkID: String) throws -> JSONValue? {
                let text = try #require(answer(replica, Self.isolate + checkID.replacing(" ", with: "%20"))?.text)
                let said = try JSONValue(parsing: Array(text.utf8))
                #expect(said["is_isolated"] == .bool(false))
                return said["reason"]
            }
            #expect(try reason("unknown") == .string("Unable to find check"))
            let asked = String(decoding: IntentCommand(.pause, check: checkID).encoded(), as: UTF8.self)
            #expect(answer(replica, Self.intent, body: asked)?.status == 200)
            #expect(try reason(checkID) == .string("\(checkID) is paused: resume it first"))
            let again = try #require(answer(replica, Self.intent, body: asked))
            #expect(again.status == 409 && again.text.hasPrefix("\(checkID) is paused already"))
        }
        try await TestReplica.run(as: .dispatching, nodes: ["node1"]) { replica in
            let snapshot = try replica.handler.snapshot(now: replica.clock.now())
            let checkID = try #require(snapshot.nodes[0].configs.first?.instanceIDs.first)
            let path = Self.isolate + checkID.replacing(" ", with: "%20")
            #expect(answer(replica, path)?.text.contains("No other runners available") == true)
        }
    }

    @Test(arguments: [
        ("", 400), ("[]", 400), (#"{"force":"yes"}"#, 400), ("{", 400), ("{}", 200), (#"{"force":null,"more":1}"#, 200),
    ])
    func `an invalid operator request is refused`(body: String, status: Int) async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            #expect(answer(replica, Self.rebalance, body: body)?.status == status)
        }
    }

    @Test(arguments: [(Self.rebalance, "{}"), (Self.isolate + "x", ""), (Self.intent, #"{"verb":"drain","node":"n"}"#)])
    func `operators' calls need the operators' token and POST`(path: String, body: String) async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            #expect(replica.answer(replica.request(.get, path))?.status == 405)
            let agents = replica.request(.post, path, headers: [("Authorization", "Bearer \(TestReplica.token)")])
            #expect(replica.answer(agents)?.status == 403)
        }
        for (role, status) in [(ReplicaRole.unknown, 503), (.noLeader, 503)] {
            try await TestReplica.run(as: role) { replica in
                #expect(replica.answer(replica.request(.post, path, body: body))?.status == status)
            }
        }
        for role in [ReplicaRole.warmingUp, .notSynced] {
            try await TestReplica.run(as: role) { replica in #expect(answer(replica, path, body: body)?.status == 503) }
        }
    }

    @Test func `a follower forwards an operator's call and returns the result however late`() async throws {
        try await TestReplica.run(as: .follower) { replica in
            let request = replica.request(.post, Self.rebalance, body: #"{"force":true}"#)
            let forward = try #require(replica.forward(request))
            #expect(HTTPHeaders(forward.headers)["Authorization"] == "Bearer \(TestReplica.operatorToken)")
            #expect(forward.body == Array(#"{"force":true}"#.utf8))
            #expect(forward.deadline - replica.clock.now() == .seconds(25))
            replica.clock.advance(by: .seconds(20))
            let done = replica.api.finish(
                forward, .answered(status: 200, headers: [], body: Array("[]".utf8)), now: replica.clock.now())
            #expect(done.status == 200)
            #expect(done.text == "[]")
            #expect(done.gate == nil)
            let refused = replica.api.finish(
                forward, .answered(status: 403, headers: [], body: []), now: replica.clock.now())
            #expect(refused.status == 403)
            #expect(refused.text.contains("give all replicas the same operator token file, or ask the leader itself"))
            #expect(refused.text.contains(TestReplica.leader.address))
            let again = replica.request(
                .post, Self.rebalance, body: "{}",
                headers: [
                    ("Authorization", "Bearer \(TestReplica.operatorToken)"), ("X-DCA-Follower-Forwarded", "true"),
                ])
            #expect(replica.answer(again)?.status == 508)
        }
    }

    @Test func `the state shows measurements without secrets, and a follower's names the leader`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            func state() throws -> JSONValue {
                try JSONValue(
                    parsing: Array(
                        try #require(replica.answer(replica.request(.get, "/api/v1/clusterchecks"))).text.utf8))
            }
            let before = try #require(try state()["nodes"]?.arrayValue?.first)
            #expect(before["stats"] == nil)
            #expect(try state()["endpoints_checks"] == .number("0"))
            try measure(replica, milliseconds: 241)
            let node = try #require(try state()["nodes"]?.arrayValue?.first)
            let stats = try #require(node["stats"]?.objectValue)
            #expect(stats.count == 2)
            #expect(stats.values.allSatisfy { $0["AverageExecutionTime"] == .number("241") })
            #expect(stats.values.allSatisfy { $0["LastError"] == .string("http://u:********@h failed") })
        }
        try await TestReplica.run(as: .follower) { replica in
            // To an operator it forwards the leader's answer.
            let request = replica.request(.get, "/api/v1/clusterchecks")
            #expect(replica.forward(request)?.leader == TestReplica.leader)
            let headers = [(name: "X-DCA-Follower-Forwarded", value: "true")]
            let asked = replica.request(.get, "/api/v1/clusterchecks", headers: headers)
            let text = try #require(replica.answer(asked)).text
            #expect(try JSONValue(parsing: Array(text.utf8))["leader"] == .string(TestReplica.leader.address))
        }
    }
}
