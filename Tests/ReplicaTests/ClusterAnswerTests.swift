import CheckModel
import ClusterChecks
import Glibc
import HTTPServer
import JSON
import Platform
import TestKit
import Testing

@testable import Replica

/// What of pods, cordons and endpoints checks is to be seen from outside.
@Suite struct ClusterAnswerTests {
    func pod(_ name: String, on node: String, _ address: String, isTerminating: Bool = false) -> AgentPod {
        AgentPod(
            namespace: "agents", name: name, uid: name, addresses: [address], nodeName: node,
            isTerminating: isTerminating)
    }

    @Test func `the state shows a node's pod and conditions and why configs dangle`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            replica.handler.handle(.replaced([pod("a", on: "node1", TestReplica.peer.host)], begun: .distantPast))
            replica.handler.handle(.replaced([WorkerNode(name: "node1", isSchedulable: false)], begun: .distantPast))
            func state() throws -> JSONValue {
                let answer = try #require(replica.answer(replica.request(.get, "/api/v1/clusterchecks")))
                return try JSONValue(parsing: Array(answer.text.utf8))
            }
            let node = try #require(try state()["nodes"]?.arrayValue?.first)
            #expect(node["pod"] == .string("agents/a"))
            #expect(node["address"] == .string(TestReplica.peer.host))
            #expect(node["node_type"] == .number("2"))
            #expect(node["conditions"] == .array([.string("cordoned")]))
            #expect(try state()["dangling_reasons"] == .array([]))
            replica.handler.handle(.replaced([AgentPod](), begun: .distantPast))
            let reason = "the pod agents/a of its node node1 was deleted, and no other node reports"
            #expect(try state()["dangling_reasons"] == .array([.string(reason), .string(reason)]))
            #expect(try state()["nodes"] == .array([]))
        }
    }

    /// With 100,000 configs it takes seconds, in which the event loop would serve nobody.
    @Test(arguments: ["/api/v1/clusterchecks", "/api/v1/endpointschecks/configs"])
    func `answers that list all configs are made in the background`(path: String) async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            let answer = Watched<(thread: pthread_t, status: Int)?>(nil)
            let responder = Responder { answer.set((pthread_self(), $0.status)) }
            let asking = pthread_self()
            polls.handler.handle(replica.request(.get, path), responder)
            var seen = answer.current
            while seen.value == nil { seen = try await answer.next(after: seen.version) }
            let (thread, status) = try #require(seen.value)
            #expect(status == 200)
            #expect(thread != asking)
        }
    }

    /// A follower passes on where a call came from; that is not what the agent stated.
    @Test(arguments: [([("X-Real-Ip", "10.0.0.1")], ["two agents under one id: 10.0.0.1, 10.0.0.2"]), ([], [])])
    func `only a stated address or that of a pod tells two agents apart`(
        stated: [(String, String)], conditions: [String]
    ) async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            replica.handler.handle(.replaced([pod("a", on: "node9", "10.9.9.9")], begun: .distantPast))
            for host in ["10.0.0.1", "10.0.0.2", "10.0.0.1"] {
                var request = replica.status(of: "node1")
                request.peer = PeerAddress(host: host, port: 1)
                let headers = stated.map { (name: $0.0, value: host) }
                request.headers = HTTPHeaders(request.headers.fields + headers)
                #expect(replica.answer(request)?.status == 200)
            }
            let node = try #require(try replica.handler.snapshot(now: replica.clock.now()).nodes.first)
            #expect(node.remarks == ["no pod"] + conditions)
        }
    }

    @Test func `endpoints checks are sent to their node only`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            let config = CheckConfig(
                key: ConfigKey(source: "kube_endpoint_uid://shop/web/10.0.0.1", check: "http_check", index: 0),
                checkName: "http_check", instances: [.object([:])],
                adIdentifiers: ["kube_endpoint_uid://shop/web/10.0.0.1"], nodeName: "worker 1")
            replica.desired.apply(upserts: [config])
            let path = "/api/v1/endpointschecks/configs"
            func configs(_ path: String) throws -> [WireConfig] {
                let answer = try #require(replica.answer(replica.request(.get, path)))
                #expect(answer.status == 200)
                let parsed = try ConfigsAnswer(parsing: Array(answer.text.utf8))
                #expect(parsed.lastChange == 0)
                return parsed.configs
            }
            replica.settle()
            #expect(try configs("\(path)/worker%201").count == 1)
            let sent = try #require(try configs("\(path)/worker%201").first)
            #expect(sent.adIdentifiers == config.adIdentifiers)
            #expect(sent.nodeName == "worker 1")
            #expect(try configs(path) == [sent])
            #expect(try configs("\(path)/node1").isEmpty)
        }
    }

    @Test func `an agent that should keep running gets a 503 instead of an empty list`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            replica.handler.handle(
                .replaced([pod("leaving", on: "w", "10.0.0.9", isTerminating: true)], begun: .distantPast))
            #expect(replica.answer(replica.status(of: "leaving", 5))?.text == "{\"isuptodate\":true}")
            let answer = replica.answer(replica.request(.get, "/api/v1/clusterchecks/configs/leaving"))
            #expect(answer?.status == 503)
            #expect(
                answer?.text == "node leaving is about to leave and keeps running its checks while others take over\n")
        }
    }
}
