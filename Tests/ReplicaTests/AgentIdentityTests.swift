import CheckModel
import HTTPServer
import Kubernetes
import Platform
import Synchronization
import TestKit
import Testing

@testable import Replica

/// Agents that present the token of their own ServiceAccount: what it opens, and how the replicas pass it on.
@Suite struct AgentIdentityTests {
    private static let (own, others) = ("/api/v1/clusterchecks/configs/node1", "/api/v1/clusterchecks/configs/node2")

    private static func get(_ path: String, _ token: String, _ headers: [(name: String, value: String)] = [])
        -> HTTPRequest
    {
        HTTPRequest(
            method: .get, path: path, headers: HTTPHeaders([("Authorization", "Bearer \(token)")] + headers),
            peer: TestReplica.peer)
    }

    private static func status(of answer: HTTPResponse?) -> Int? { answer?.status }

    /// Asks while the tokens are reviewed.
    private static func ask(_ polls: Polls, _ request: HTTPRequest) -> HTTPResponse? {
        polls.ask("answer", request)
        polls.settle()
        return polls["answer"]
    }

    private static func reviewing(_ polls: Polls, _ body: () async throws -> Void) async throws {
        try await polls.replica.executor.run({ await polls.identities.run() }) { try await body() }
    }

    @Test func `an agent gets its own node's configs, and another's are refused in the audit line`() async throws {
        try await Polls.run(as: .dispatching, nodes: ["node1", "node2"]) { replica, polls in
            try await Self.reviewing(polls) {
                let token = replica.reviewer.token("agent-x", on: "node1")
                #expect(Self.ask(polls, Self.get(Self.own, token))?.status == 200)
                let refused = try #require(Self.ask(polls, Self.get(Self.others, token)))
                #expect(refused.status == 403)
                #expect(
                    refused.text.hasPrefix(
                        "the caller is pod agents/agent-x on node node1, which may ask only for its own configs"))
                let line = try #require(
                    polls.log.fields(of: "an agent asked for another agent's configs and was refused").first)
                #expect(line["agent"] == "pod agents/agent-x on node node1" && line["path"] == Self.others)
                #expect(line["from"] == TestReplica.peer.host)
            }
        }
    }

    @Test(arguments: [
        ("/api/v1/clusterchecks/configs/agent-x", 404), ("/api/v1/endpointschecks/configs/node1", 200),
        ("/api/v1/endpointschecks/configs/node2", 403), ("/api/v1/targets/node2", 403), ("/version", 200),
        // Its pod's namespace is no name of its own, nor is a text that Unicode takes for the same.
        ("/api/v1/clusterchecks/configs/agents%2Fagent-x", 403), ("/api/v1/clusterchecks/configs/agents", 403),
        ("/api/v1/clusterchecks/configs/node1%CC%81", 403),
        ("/api/v1/clusterchecks", 403), ("/api/v1/clusterchecks/overview", 403),
    ])
    func `it opens`(_ path: String, _ status: Int) async throws {
        try await Polls.run(as: .dispatching, nodes: ["node1", "node2"]) { replica, polls in
            try await Self.reviewing(polls) {
                let token = replica.reviewer.token("agent-x", on: "node1")
                #expect(Self.ask(polls, Self.get(path, token))?.status == status)
            }
        }
    }

    @Test func `an agent may neither follow nor mirror`() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            try await Self.reviewing(polls) {
                let token = replica.reviewer.token("agent-x", on: "node1")
                for path in [Route.followPath, Route.mirrorPath] {
                    var request = Self.get(path, token)
                    request.method = .post
                    #expect(Self.ask(polls, request)?.status == 403)
                }
            }
        }
    }

    @Test func `a follower vouches for the agent, and the leader never sees the token`() async throws {
        try await Polls.run(nodes: ["node1", "node2"]) { leader, follower in
            try await Self.reviewing(follower) {
                let token = follower.replica.reviewer.token("agent-x", on: "node1")
                #expect(Self.ask(follower, Self.get(Self.own, token))?.status == 200)
                #expect(Self.ask(follower, Self.get(Self.others, token))?.status == 403)
                let sent = follower.forwards
                #expect(sent.count == 1, "what is refused is not sent on")
                let fields = HTTPHeaders(try #require(sent.first).headers)
                #expect(fields.values("Authorization") == ["Bearer \(TestReplica.replicaToken)"])
                #expect(fields.values(AgentIdentity.header) == ["node1 agents%2Fagent-x"])
                #expect(leader.replica.reviewer.asked.isEmpty)
            }
        }
    }

    @Test(arguments: [
        ("node1", 200), ("node2 agents%2Fagent-x", 403), ("node1 ", 400), ("node1 a b", 400), (" a", 400),
        ("%zz", 400), ("", 400),
    ])
    func `the leader takes a replica's word for whom it asks`(_ identity: String, _ status: Int) async throws {
        try await Polls.run(as: .dispatching, nodes: ["node1", "node2"]) { replica, polls in
            let headers = [(AgentIdentity.header, identity), ("X-DCA-Follower-Forwarded", "true")]
            #expect(Self.ask(polls, Self.get(Self.own, TestReplica.replicaToken, headers))?.status == status)
            // Nobody else's: the agents' own token opens the configs of all, and says nothing of who asks.
            #expect(Self.ask(polls, Self.get(Self.own, TestReplica.token, headers))?.status == 200)
            let stranger = Self.get(Self.own, ScriptedReviewer.token("forged"), headers)
            try await Self.reviewing(polls) { #expect(Self.ask(polls, stranger)?.status == 403) }
        }
    }

    @Test func `an identity that an agent claims itself is not passed on`() async throws {
        try await Polls.run(nodes: ["node1", "node2"]) { leader, follower in
            try await Self.reviewing(follower) {
                let token = follower.replica.reviewer.token("agent-x", on: "node1")
                let claimed = Self.get(Self.own, token, [(AgentIdentity.header, "node2 ")])
                #expect(Self.ask(follower, claimed)?.status == 200)
                let fields = HTTPHeaders(try #require(follower.forwards.last).headers)
                #expect(fields.values(AgentIdentity.header) == ["node1 agents%2Fagent-x"])
            }
        }
    }

    @Test(arguments: [
        ("node1", Int64.max, 200), ("system:node:node1", 1, 200), ("node2", 1, 403), ("system:node:", 1, 403),
        ("system:node:node2", 1, 403), ("node1", 0, 401),
    ])
    func `a certificate opens the configs of its node until it ends, whatever token is presented beside it`(
        _ name: String, _ expiry: Int64, _ status: Int
    ) async throws {
        try await Polls.run(as: .dispatching, nodes: ["node1", "node2"]) { replica, polls in
            var request = Self.get(Self.own, TestReplica.token)
            request.clientCertificate = ClientCertificate(name: name, expiry: WallTime(nanoseconds: expiry))
            #expect(Self.ask(polls, request)?.status == status)
        }
    }

    @Test func `a call is not carried out once its agent has given up`() async throws {
        try await Polls.run(as: .dispatching, nodes: ["node1"]) { replica, polls in
            let token = replica.reviewer.token("agent-x", on: "node1")
            polls.ask("late", Self.get("/version", token))
            replica.clock.advance(by: .seconds(5))
            try await Self.reviewing(polls) {
                polls.settle()
                #expect(polls["late"]?.status == 503)
                #expect(Self.ask(polls, Self.get("/version", token))?.status == 200)
            }
        }
    }

    @Test func `a leader that does not believe a follower is no refusal of the agent`() async throws {
        try await Polls.run(nodes: ["node1"]) { leader, follower in
            let forward = Forward(
                Self.get(Self.own, TestReplica.replicaToken, [(AgentIdentity.header, "node1 ")]),
                to: TestReplica.leader,
                now: follower.replica.clock.now(), timeout: .seconds(5))
            let refused = ForwardResult.answered(status: 403, headers: [], body: Array("invalid session token\n".utf8))
            let answer = follower.replica.api.finish(forward, refused, now: follower.replica.clock.now())
            #expect(answer.status == 503 && answer.text.contains("invalid session token"))
        }
    }

    @Test func `a token that is refused, or cannot be reviewed, is told apart`() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            try await Self.reviewing(polls) {
                let refused = try #require(Self.ask(polls, Self.get(Self.own, ScriptedReviewer.token("strange"))))
                #expect(refused.status == 403 && refused.text == "the ServiceAccount token is refused: not known\n")
                #expect(polls.log.fields(of: "an agent's ServiceAccount token was refused").count == 1)
                // The pause after a refusal is over.
                polls.pass(.seconds(1))
                replica.reviewer.state.withLock { $0.failure = .transport("refused") }
                let token = replica.reviewer.token("agent-x", on: "node1")
                let unknown = try #require(Self.ask(polls, Self.get(Self.own, token)))
                #expect(unknown.status == 503, "an agent keeps its checks")
            }
        }
    }
}
