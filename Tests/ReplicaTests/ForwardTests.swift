import CheckModel
import ClusterChecks
import HTTPServer
import Leadership
import Platform
import TestKit
import Testing

@testable import Replica

/// Leader-only calls at a follower: one hop, and no answer of a term that may have passed.
@Suite struct ForwardTests {
    static let answerHeaders = [
        (name: "content-type", value: "application/json"), (name: "x-cluster-agent-term", value: "42.lease-uid"),
        (name: "X-Cluster-Agent-Term-Valid-For", value: "400"), (name: "Connection", value: "keep-alive"),
        (name: "Date", value: "today"), (name: "Set-Cookie", value: "a=b"),
    ]

    @Test func `a call is forwarded with its body and without hop-by-hop headers`() async throws {
        try await TestReplica.run(as: .follower) { replica in
            let headers = [
                (name: "Authorization", value: "Bearer \(TestReplica.token)"), (name: "X-Real-Ip", value: "10.1.1.1"),
                (name: "Connection", value: "keep-alive, X-Secret"), (name: "X-Secret", value: "1"),
                (name: "Content-Length", value: "17"), (name: "Transfer-Encoding", value: "chunked"),
                (name: "X-Forwarded-For", value: "203.0.113.1"), (name: "Host", value: "follower:5005"),
            ]
            let path = "/api/v1/clusterchecks/status/node%201"
            let forward = try #require(
                replica.forward(
                    replica.request(.post, path, query: "a=b", body: "{\"last_change\":7}", headers: headers)))
            #expect(forward.leader == TestReplica.leader)
            #expect(forward.method == "POST")
            #expect(forward.target == "/api/v1/clusterchecks/status/node%201?a=b")
            #expect(forward.body == Array("{\"last_change\":7}".utf8))
            #expect(forward.deadline == replica.clock.now() + .seconds(5))
            #expect(
                forward.headers.map { "\($0.name): \($0.value)" } == [
                    "Authorization: Bearer \(TestReplica.token)", "X-Real-Ip: 10.1.1.1",
                    "X-DCA-Follower-Forwarded: true", "X-Forwarded-For: 192.0.2.9",
                ])
        }
    }

    @Test(arguments: [
        ("Connection", "X-Real-Ip, Authorization"), ("Connection", "close"), ("Keep-Alive", "timeout=5"),
        ("Transfer-Encoding", "chunked"), ("TE", "trailers"), ("Trailer", "Content-Length"), ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABk"), ("Proxy-Connection", "keep-alive"), ("Proxy-Authorization", "Basic YTpi"),
        ("Proxy-Authenticate", "Basic"), ("Content-Length", "3"), ("Host", "follower:5005"), ("Expect", "100-continue"),
        ("Cookie", "a=b"), ("X-Cluster-Agent-Term", "1"), ("X-DCA-Forwarded", "true"),
    ])
    func `a hop-by-hop or irrelevant header is not forwarded`(name: String, value: String) async throws {
        try await TestReplica.run(as: .follower) { replica in
            let authorization = (name: "Authorization", value: "Bearer \(TestReplica.token)")
            let path = "/api/v1/clusterchecks/status/node1"
            let forward = try #require(
                replica.forward(
                    replica.request(
                        .post, path, body: "{}", headers: [(name, value), authorization, ("X-Real-Ip", "10.1.1.1")])))
            #expect(
                forward.headers.map(\.name) == [
                    "Authorization", "X-Real-Ip", "X-DCA-Follower-Forwarded", "X-Forwarded-For",
                ])
            #expect(forward.body == Array("{}".utf8))
        }
    }

    @Test func `a forwarded GET has no body`() async throws {
        try await TestReplica.run(as: .follower) { replica in
            let forward = replica.forward(replica.request(.get, "/v1/api/endpointschecks/configs/node1"))
            #expect(forward?.method == "GET")
            #expect(forward?.target == "/v1/api/endpointschecks/configs/node1")
            #expect(forward != nil && forward?.body == nil)
        }
    }

    @Test func `a forwarded call is not forwarded again`() async throws {
        try await TestReplica.run(as: .follower) { replica in
            let headers = [(name: "X-DCA-Follower-Forwarded", value: "true")]
            let answer = replica.answer(
                replica.request(.get, "/api/v1/clusterchecks/configs/node1", headers: headers))
            #expect(answer?.status == 508)
            #expect(answer?.text == "Query was already forwarded from: 192.0.2.9:40000\n")
        }
    }

    @Test func `a leader trusts a forwarded address from a follower only`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            func address(_ headers: [(name: String, value: String)]) -> String? {
                var request = replica.status(of: "node1")
                request.headers = HTTPHeaders(request.headers.fields + headers)
                #expect(replica.answer(request)?.status == 200)
                return (try? replica.nodes())?.addresses.first ?? nil
            }
            #expect(address([("X-Forwarded-For", "203.0.113.1")]) == "192.0.2.9")
            let forwarded = (name: "X-DCA-Follower-Forwarded", value: "true")
            #expect(address([forwarded, ("X-Forwarded-For", "203.0.113.1")]) == "203.0.113.1")
            #expect(
                address([forwarded, ("X-Forwarded-For", "203.0.113.2"), ("X-Real-Ip", "10.9.9.9")]) == "10.9.9.9")
            // No follower's own address in the place of a node's.
            #expect(address([forwarded]) == "10.9.9.9")
            #expect(address([forwarded, ("X-Forwarded-For", "no address")]) == "10.9.9.9")
        }
    }

    @Test func `a leader says how long a forwarded answer is valid`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            let headers = [(name: "X-DCA-Follower-Forwarded", value: "true")]
            let path = "/api/v1/clusterchecks/configs/node1"
            let direct = replica.answer(replica.request(.get, path))
            #expect(direct?.header("X-Cluster-Agent-Term-Valid-For") == nil)
            #expect(replica.api.forwardedUntil.instant < replica.clock.now())
            let answer = replica.answer(replica.request(.get, path, headers: headers))
            #expect(answer?.header("X-Cluster-Agent-Term-Valid-For") == "400")
            #expect(replica.api.forwardedUntil.instant == replica.clock.now() + .milliseconds(400))
        }
    }

    @Test func `a large answer may take longer on its way`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            let now = replica.clock.now()
            let term = Term(token: "43", validUntil: Deadline(now + .seconds(10)), continued: "42.lease-uid")
            let headers = [(name: "X-DCA-Follower-Forwarded", value: "true")]
            let request = replica.request(.get, "/api/v1/clusterchecks/configs/node1", headers: headers)
            for (bytes, milliseconds) in [(1 << 20, "400"), (17 << 20, "1406"), (1 << 30, "10000")] {
                let response = replica.api.inTerm(term, [[UInt8](repeating: 0, count: bytes)], for: request, now)
                #expect(response.header("X-Cluster-Agent-Term-Valid-For") == milliseconds)
            }
            // A release of the Lease waits for it.
            #expect(replica.api.forwardedUntil.instant == now + .seconds(10))
        }
    }

    @Test func `a forwarded answer is not valid beyond the term`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            let short = Term(
                token: "43", validUntil: Deadline(replica.clock.now() + .milliseconds(123)), continued: "42.lease-uid")
            replica.leadership.set(.leading(short))
            let headers = [(name: "X-DCA-Follower-Forwarded", value: "true")]
            replica.settle()
            let answer = replica.answer(
                replica.request(.get, "/api/v1/clusterchecks/configs/node1", headers: headers))
            #expect(answer?.header("X-Cluster-Agent-Term-Valid-For") == "123")
        }
    }

    @Test func `a leader's answer is passed on with its term and the forwarded header`() async throws {
        try await TestReplica.run(as: .follower) { replica in
            let forward = try #require(replica.forward(replica.status(of: "node1")))
            replica.clock.advance(by: .milliseconds(399))
            let answer = replica.api.finish(
                forward, .answered(status: 200, headers: Self.answerHeaders, body: Array("{}".utf8)),
                now: replica.clock.now())
            #expect(answer.status == 200)
            #expect(answer.text == "{}")
            #expect(
                answer.headers.map { "\($0.name): \($0.value)" } == [
                    "content-type: application/json", "x-cluster-agent-term: 42.lease-uid", "X-DCA-Forwarded: true",
                ])
            let gate = try #require(answer.gate)
            #expect(gate.replacement() == nil)
            // It may still wait for its turn on the connection: a moment later it is too late.
            replica.clock.advance(by: .milliseconds(1))
            #expect(gate.replacement()?.status == 503)
        }
    }

    @Test func `a forwarded answer that arrives after a change of leadership is dropped`() async throws {
        let changes: [LeadershipState] = [
            .unknown, .following(nil), .following(LeaderEndpoint(address: "10.0.0.8:5005", publicKeyPin: nil)),
            .leading(Term.unending(token: "43")),
        ]
        for change in changes {
            try await TestReplica.run(as: .follower) { replica in
                let forward = try #require(replica.forward(replica.status(of: "node1")))
                replica.leadership.set(change)
                let answer = replica.api.finish(
                    forward, .answered(status: 200, headers: Self.answerHeaders, body: []), now: replica.clock.now())
                #expect(answer.status == 503)
            }
        }
    }

    @Test(arguments: [nil, "", "x", "-1", "1.5"])
    func `a 200 without a term is not a leader's answer`(validFor: String?) async throws {
        try await TestReplica.run(as: .follower) { replica in
            let forward = try #require(replica.forward(replica.status(of: "node1")))
            let headers = validFor.map { [(name: "X-Cluster-Agent-Term-Valid-For", value: $0)] } ?? []
            let answer = replica.api.finish(
                forward, .answered(status: 200, headers: headers, body: Array("{\"configs\":[]}".utf8)),
                now: replica.clock.now())
            #expect(answer.status == 502)
        }
    }

    @Test(arguments: [403, 500, 503, 508])
    func `a leader's error is passed on as it is`(status: Int) async throws {
        try await TestReplica.run(as: .follower) { replica in
            let forward = try #require(replica.forward(replica.status(of: "node1")))
            let answer = replica.api.finish(
                forward, .answered(status: status, headers: [("Content-Type", "text/plain")], body: Array("no\n".utf8)),
                now: replica.clock.now())
            #expect(answer.status == status)
            #expect(answer.text == "no\n")
            #expect(answer.header("X-DCA-Forwarded") == "true")
        }
    }

    @Test func `a leader that does not answer is a 502 that names it`() async throws {
        try await TestReplica.run(as: .follower) { replica in
            let forward = try #require(replica.forward(replica.status(of: "node1")))
            let answer = replica.api.finish(forward, .failed("connection refused"), now: replica.clock.now())
            #expect(answer.status == 502)
            #expect(answer.text == "the leader at 10.0.0.7:5005 gave no answer: connection refused\n")
        }
    }
}
