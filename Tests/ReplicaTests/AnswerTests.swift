import CheckModel
import ClusterChecks
import HTTPServer
import JSON
import Leadership
import Platform
import TestKit
import Testing

@testable import Replica

/// The bodies and headers that node-agents see.
@Suite struct AnswerTests {
    @Test func `the version is a 7 so that agents speak the new protocol`() async throws {
        try await TestReplica.run(as: .unknown) { replica in
            let answer = try #require(replica.answer(replica.request(.get, "/version")))
            let version = try JSONValue(parsing: Array(answer.text.utf8))
            let expected = "{\"Commit\":\"abc\",\"Major\":7,\"Meta\":\"\",\"Minor\":60,\"Patch\":1,\"Pre\":\"\"}"
            let same = try JSONValue(parsing: Array(expected.utf8))
            #expect(version == same)
        }
    }

    @Test func `a node polls its status, gets its configs and is up to date`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            #expect(replica.answer(replica.status(of: "node1"))?.text == "{\"isuptodate\":false}")
            let configs = try #require(replica.answer(replica.request(.get, "/api/v1/clusterchecks/configs/node1")))
            let parsed = try ConfigsAnswer(parsing: Array(configs.text.utf8))
            #expect(parsed.configs.count == 2)
            let answer = replica.answer(replica.status(of: "node1", parsed.lastChange))
            #expect(answer?.text == "{\"isuptodate\":true}")
            #expect(answer?.header("Content-Type") == "application/json")
        }
    }

    @Test func `a node without configs gets an empty list once that is known`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            replica.desired.apply(removals: [0, 1].map { ConfigKey(source: "test", check: "http_check", index: $0) })
            replica.settle()
            let answer = replica.answer(replica.request(.get, "/api/v1/clusterchecks/configs/node1"))
            #expect(answer?.text == "{\"last_change\":0,\"configs\":[]}")
        }
    }

    @Test func `a Prometheus gets its targets, as its HTTP service discovery reads them`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            let endpoint = JSONValue.string("http://c:9100/metrics")
            replica.desired.apply(upserts: [
                CheckConfig(
                    key: ConfigKey(source: "test", check: "openmetrics", index: 0), checkName: "openmetrics",
                    instances: [.object(["openmetrics_endpoint": endpoint])], rules: PlacementRules(pin: "p"))
            ])
            replica.settle()
            let interval = [(name: "X-Prometheus-Refresh-Interval-Seconds", value: "5")]
            let answer = replica.answer(replica.request(.get, "/api/v1/targets/p", headers: interval))
            #expect(answer?.status == 200)
            // Prometheus refuses another type.
            #expect(answer?.header("Content-Type") == "application/json")
            let body = try JSONValue(parsing: Array((answer?.text ?? "").utf8))
            #expect(body.arrayValue?.map { $0["targets"] } == [.array([.string("c:9100")])])
            let node = try replica.handler.snapshot(now: replica.clock.now()).nodes.first { $0.id == "p" }
            #expect(node?.remarks == ["a Prometheus: it fetches every 5 s"])
            replica.desired.apply(removals: [ConfigKey(source: "test", check: "openmetrics", index: 0)])
            replica.settle()
            #expect(replica.answer(replica.request(.get, "/api/v1/targets/p", headers: interval))?.text == "[]")
        }
    }

    @Test func `who only looks becomes no node`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            #expect(replica.answer(replica.request(.get, "/api/v1/targets/p"))?.status == 400)
            let nodes = try replica.nodes()
            #expect(nodes.ids == ["node1"])
        }
    }

    @Test(arguments: ["", "x", "-1", "601", "1.5", "99999999999999999999"])
    func `a wrong refresh interval is an error that names it`(interval: String) async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            let headers = [(name: "X-Prometheus-Refresh-Interval-Seconds", value: interval)]
            let answer = replica.answer(replica.request(.get, "/api/v1/targets/p", headers: headers))
            #expect(answer?.status == 400)
            #expect(
                answer?.text.hasPrefix(
                    "X-Prometheus-Refresh-Interval-Seconds is missing or not a whole number of seconds from 0 to 600:")
                    == true)
            let nodes = try replica.nodes()
            #expect(nodes.ids == ["node1"])
        }
    }

    @Test(arguments: ["/api/v1/endpointschecks/configs/node1", "/api/v1/endpointschecks/configs"])
    func `endpoints checks are an empty list once synced`(path: String) async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            #expect(replica.answer(replica.request(.get, path))?.text == "{\"last_change\":0,\"configs\":[]}")
        }
    }

    @Test func `an answer beyond the bound of all readers is a 500 that says so`() async throws {
        try await TestReplica.run(as: .dispatching, options: { $0.maximumAnswerBytes = 100 }) { replica in
            var answers = [replica.answer(replica.request(.get, "/api/v1/clusterchecks/configs/node1"))]
            let polled = replica.api.poll("node1", lastChange: 1, now: replica.clock.now())
            if case .answer(let answer) = polled { answers.append(answer) }
            #expect(answers.map { $0?.status } == [500, 500])
            for answer in answers { #expect(answer?.text.contains("bytes, and at most 100 are sent") == true) }
        }
    }

    @Test func `an unknown node gets a 404 that names it`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            let answer = replica.answer(replica.request(.get, "/api/v1/clusterchecks/configs/nobody"))
            #expect(answer?.status == 404)
            #expect(answer?.text == "node nobody is unknown\n")
            #expect(answer?.header("X-Content-Type-Options") == "nosniff")
        }
    }

    @Test(arguments: [
        (ReplicaRole.unknown, "Startup in progress\n"), (.noLeader, "no leader is known\n"),
        (.warmingUp, "warming up: configs are not dispatched yet\n"),
        (.notSynced, "config sources have not all synced yet\n"),
    ])
    func `while the configs are not known a 503 says why`(role: ReplicaRole, text: String) async throws {
        try await TestReplica.run(as: role) { replica in
            #expect(replica.answer(replica.request(.get, "/api/v1/clusterchecks/configs/node1"))?.text == text)
        }
    }

    @Test(arguments: [
        (ReplicaRole.unknown, "Startup in progress"), (.noLeader, "currently follower"),
        (.follower, "currently follower"),
    ])
    func `the state of a replica that does not lead says so`(role: ReplicaRole, reason: String) async throws {
        try await TestReplica.run(as: role) { replica in
            // A follower answers for itself only where another one asks.
            let headers = role == .follower ? [(name: "X-DCA-Follower-Forwarded", value: "true")] : []
            let answer = replica.answer(replica.request(.get, "/api/v1/clusterchecks", headers: headers))
            let leader = role == .follower ? ",\"leader\":\"\(TestReplica.leader.address)\"" : ""
            let text = "{\"not_running\":\"\(reason)\",\"warmup\":false,\"nodes\":null,\"dangling\":null\(leader)}"
            #expect(answer?.text == text)
            #expect(answer?.header(Term.headerName) == nil)
        }
    }

    @Test func `the state of a leader lists nodes by name`() async throws {
        try await TestReplica.run(as: .dispatching, nodes: ["node2", "node1"]) { replica in
            let answer = try #require(replica.answer(replica.request(.get, "/api/v1/clusterchecks")))
            let state = try JSONValue(parsing: Array(answer.text.utf8))
            #expect(state["nodes"]?.arrayValue?.map { $0["name"] } == [.string("node1"), .string("node2")])
            #expect(state["warmup"] == .bool(false))
            #expect(state["nodes"]?.arrayValue?.map { $0["configs"]?.arrayValue?.count } == [1, 1])
        }
    }

    @Test(arguments: ["", "{", "[]", "{\"last_change\":\"x\"}", "{\"last_change\":1.5}", "{} x"])
    func `a malformed status is a 400 that says what is wrong`(body: String) async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            let answer = replica.answer(
                replica.request(.post, "/api/v1/clusterchecks/status/node9", body: body))
            #expect(answer?.status == 400)
            #expect(answer?.text.hasPrefix("status: ") == true)
            let nodes = try replica.nodes()
            #expect(nodes.ids == ["node1"])
        }
    }

    @Test(arguments: [
        (nil, "192.0.2.9"), ("", "192.0.2.9"), ("10.0.0.2", "10.0.0.2"), ("2001:db8::2", "2001:db8::2"),
    ])
    func `the address of a node is the stated one, else the peer's`(stated: String?, address: String) async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            var request = replica.status(of: "node1")
            if let stated { request.headers = HTTPHeaders(request.headers.fields + [("X-Real-Ip", stated)]) }
            #expect(replica.answer(request)?.status == 200)
            let nodes = try replica.nodes()
            #expect(nodes.addresses == [address])
        }
    }

    @Test(arguments: ["nonsense", "10.0.0", "10.0.0.256", "fe80::1%eth0"])
    func `an invalid address is a 400`(stated: String) async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            var request = replica.status(of: "node1")
            request.headers = HTTPHeaders(request.headers.fields + [("X-Real-Ip", stated)])
            let answer = replica.answer(request)
            #expect(answer?.status == 400)
            #expect(answer?.text == "cannot parse CLC runner address: \(stated)\n")
        }
    }

    @Test func `a leader's answer names its term and is withheld once the term has ended`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            let requests =
                [replica.status(of: "node1")]
                + [
                    "/api/v1/clusterchecks/configs/node1", "/api/v1/endpointschecks/configs/node1",
                    "/api/v1/endpointschecks/configs", "/api/v1/clusterchecks",
                ].map { replica.request(.get, $0) }
            let answers = requests.compactMap { replica.answer($0) }
            #expect(answers.count == 5)
            for answer in answers {
                #expect(answer.status == 200)
                #expect(answer.header(Term.headerName) == "42.lease-uid")
                let gate = try #require(answer.gate)
                #expect(gate.replacement() == nil)
            }
            replica.term.validUntil.end()
            for answer in answers { #expect(answer.gate?.replacement()?.status == 503) }
            // And nothing is answered as the leader any more.
            for request in requests.dropLast() { #expect(replica.answer(request)?.status == 503) }
        }
    }

    @Test func `a replaced token is accepted for its grace period and no longer`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            func status(_ value: String) -> Int? {
                let headers = [(name: "Authorization", value: value)]
                return replica.answer(replica.request(.get, "/version", headers: headers))?.status
            }
            replica.tokens.replace(with: "another-token", now: replica.clock.now())
            for token in ["another-token", TestReplica.token] { #expect(status("bearer \(token)") == 200) }
            replica.clock.advance(by: .seconds(299))
            #expect(status("Bearer \(TestReplica.token)") == 200)
            // A second replacement does not prolong the first one's grace.
            replica.tokens.replace(with: "third-token", now: replica.clock.now())
            replica.clock.advance(by: .seconds(1))
            #expect(status("Bearer \(TestReplica.token)") == 403)
            #expect(status("Bearer another-token") == 200)
            #expect(status("Bearer third-token") == 200)
            replica.tokens.replace(with: "", now: replica.clock.now())
            replica.clock.advance(by: .seconds(300))
            for value in ["Bearer ", "Bearer third-token", "Bearer a"] { #expect(status(value) != 200) }
        }
    }

    @Test func `a token that comes back is valid without limit`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            replica.tokens.replace(with: "another-token", now: replica.clock.now())
            replica.tokens.replace(with: TestReplica.token, now: replica.clock.now())
            replica.clock.advance(by: .seconds(301))
            #expect(replica.answer(replica.request(.get, "/version"))?.status == 200)
        }
    }
}
