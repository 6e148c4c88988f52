import CheckModel
import ClusterChecks
import HTTPServer
import Testing

@testable import Replica

/// Every route, in every role of a replica, with every kind of token.
@Suite struct APITableTests {
    /// A call, and its status in each role, in the order of `ReplicaRole.allCases`; 0 where it is forwarded.
    struct Call: Sendable {
        let method: HTTPMethod
        let path: String
        let statuses: [Int]
    }

    static let calls = [
        Call(method: .get, path: "/version", statuses: [200, 200, 200, 200, 200, 200]),
        Call(method: .post, path: "/api/v1/clusterchecks/status/node1", statuses: [503, 503, 0, 200, 200, 200]),
        Call(method: .get, path: "/api/v1/clusterchecks/configs/node1", statuses: [503, 503, 0, 503, 503, 200]),
        Call(method: .get, path: "/api/v1/clusterchecks/configs/nobody", statuses: [503, 503, 0, 503, 503, 404]),
        Call(method: .get, path: "/api/v1/targets/prometheus", statuses: [400, 400, 400, 400, 400, 400]),
        Call(method: .get, path: "/api/v1/targets/node1", statuses: [400, 400, 400, 400, 400, 400]),
        Call(method: .get, path: "/api/v1/endpointschecks/configs/node1", statuses: [503, 503, 0, 503, 503, 200]),
        Call(method: .get, path: "/api/v1/endpointschecks/configs/nobody", statuses: [503, 503, 0, 503, 503, 200]),
        Call(method: .get, path: "/api/v1/endpointschecks/configs", statuses: [503, 503, 503, 503, 503, 200]),
        Call(method: .get, path: "/api/v1/clusterchecks", statuses: [200, 200, 0, 200, 200, 200]),
        Call(method: .get, path: "/api/v1/clusterchecks/history", statuses: [503, 200, 0, 200, 200, 200]),
        Call(method: .get, path: "/api/v1/clusterchecks/explain/check/x", statuses: [503, 503, 0, 503, 503, 409]),
    ]

    /// Each call, and the same by its older spelling.
    static let spelledCalls = calls.flatMap { call in
        let older = call.path.replacingPrefix("/api/v1/", with: "/v1/api/")
        return older == call.path ? [call] : [call, Call(method: call.method, path: older, statuses: call.statuses)]
    }

    @Test(arguments: ReplicaRole.allCases)
    func `every route answers by the replica's role`(role: ReplicaRole) async throws {
        let column = try #require(ReplicaRole.allCases.firstIndex(of: role))
        try await TestReplica.run(as: role) { replica in
            for call in Self.spelledCalls {
                let body = call.method == .post ? "{\"last_change\":0}" : ""
                let answer = replica.answer(replica.request(call.method, call.path, body: body))
                #expect(answer?.status ?? 0 == call.statuses[column], "\(call.method) \(call.path)")
            }
        }
    }

    @Test(
        arguments: zip(
            ReplicaRole.allCases, [[503, 503], [503, 503], [0, 0], [503, 409], [503, 409], [200, 409]]))
    func `a Prometheus is answered by the replica's role, unless an agent has its name`(
        role: ReplicaRole, statuses: [Int]
    ) async throws {
        try await TestReplica.run(as: role) { replica in
            let headers = [(name: "X-Prometheus-Refresh-Interval-Seconds", value: "5")]
            for (name, status) in zip(["prometheus", "node1"], statuses) {
                let answer = replica.answer(replica.request(.get, "/api/v1/targets/\(name)", headers: headers))
                #expect(answer?.status ?? 0 == status, "\(name)")
            }
        }
    }

    @Test(arguments: ReplicaRole.allCases)
    func `without the token every call is refused`(role: ReplicaRole) async throws {
        try await TestReplica.run(as: role) { replica in
            for call in Self.spelledCalls {
                var bare = replica.request(call.method, call.path)
                bare.headers = HTTPHeaders()
                let missing = replica.answer(bare)
                #expect(missing?.status == 401)
                #expect(missing?.header("WWW-Authenticate")?.hasPrefix("Bearer ") == true)
                let token = TestReplica.token
                let values = [
                    ("Basic eDp5", 401), ("Bearer", 401), ("Bearer wrong", 403), ("Bearer \(token)x", 403),
                    ("Bearer \(token.dropLast())", 403), ("Bearer \(token)\(token)", 403), ("Bearer  \(token)", 403),
                ]
                for (value, status) in values {
                    let headers = [(name: "Authorization", value: value)]
                    let answer = replica.answer(replica.request(call.method, call.path, headers: headers))
                    #expect(answer?.status == status, "\(call.path) \(value)")
                    #expect(answer?.header("Content-Type") == "text/plain; charset=utf-8")
                    #expect(answer?.text.hasSuffix("\n") == true)
                }
            }
        }
    }

    @Test func `the agents' token is refused for operators' calls and the operators' token opens all`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            for call in Self.spelledCalls {
                let body = call.method == .post ? "{\"last_change\":0}" : ""
                for (token, opens) in [
                    (TestReplica.token, !TestReplica.operatorPaths.contains(call.path)),
                    (TestReplica.operatorToken, true),
                ] {
                    let headers = [(name: "Authorization", value: "Bearer \(token)")]
                    let answer = replica.answer(replica.request(call.method, call.path, body: body, headers: headers))
                    #expect((answer?.status == 403) == !opens, "\(call.path) with \(token)")
                }
            }
        }
    }

    @Test func `without an operators' token their calls are refused with the reason`() async throws {
        try await TestReplica.run(as: .dispatching, hasOperators: false) { replica in
            for path in TestReplica.operatorPaths {
                let headers = [(name: "Authorization", value: "Bearer \(TestReplica.token)")]
                let answer = replica.answer(replica.request(.get, path, headers: headers))
                #expect(answer?.status == 403)
                #expect(answer?.text.contains("cluster_agent.operator_token_file is not set") == true)
            }
            #expect(replica.answer(replica.request(.get, "/version"))?.status == 200)
        }
    }

    @Test func `a wrong method is refused with the allowed one`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            for call in Self.spelledCalls {
                for method in [HTTPMethod.get, .head, .post, .put, .delete, .other("PATCH")] where method != call.method
                {
                    let answer = replica.answer(replica.request(method, call.path))
                    #expect(answer?.status == 405)
                    #expect(answer?.header("Allow") == (call.method == .post ? "POST" : "GET"))
                }
            }
        }
    }

    @Test(arguments: [
        "/", "", "/versions", "/version/", "/api/v1", "/api/v1/", "/api/v2/clusterchecks", "/api/v1/clusterchecks/",
        "/api/v1/clusterchecks/status", "/api/v1/clusterchecks/status/", "/api/v1/clusterchecks/status/a/b",
        "/api/v1/clusterchecks/configs/", "/api/v1/clusterchecks/other/a", "/api/v1/endpointschecks",
        "/api/v1/targets", "/api/v1/targets/", "/api/v1/targets/a/b", "/api/v1/endpointschecks/configs/",
        "/api/v1/endpointschecks/configs/a/", "/API/v1/clusterchecks",
        "//api/v1/clusterchecks",
    ])
    func `an unknown path is not found`(path: String) async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            let answer = replica.answer(replica.request(.get, path))
            #expect(answer?.status == 404)
            #expect(answer?.text == "404 page not found\n")
        }
    }

    @Test(arguments: ["%", "%4", "a%4", "%zz", "%4g", "%ff", "%c3%28"])
    func `a wrongly encoded ID is a bad request`(segment: String) async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            let answer = replica.answer(replica.request(.get, "/api/v1/clusterchecks/configs/\(segment)"))
            #expect(answer?.status == 400)
            #expect(answer?.text.hasPrefix("invalid path: ") == true)
        }
    }

    @Test(arguments: [
        ("a%20b", "a b"), ("%6eode1", "node1"), ("a%2Fb", "a/b"), ("a+b", "a+b"), ("%C3%A4", "ä"), ("a%25b", "a%b"),
    ])
    func `an encoded ID is decoded`(segment: String, id: String) async throws {
        try await TestReplica.run(as: .dispatching, nodes: []) { replica in
            _ = replica.answer(replica.status(of: segment))
            let nodes = try replica.nodes()
            #expect(nodes.ids == [id])
        }
    }

    @Test func `a control character in an ID is a bad request`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            #expect(replica.answer(replica.status(of: "a%0Ab"))?.status == 400)
        }
    }
}

extension String {
    fileprivate func replacingPrefix(_ prefix: String, with other: String) -> String {
        hasPrefix(prefix) ? other + dropFirst(prefix.count) : self
    }
}
