import HTTPServer
import Kubernetes
import Testing

@Suite struct PermissionTests {
    private static let needed = [
        Permission("list", "pods", namespace: "cluster-agent"), Permission("watch", "nodes"),
        Permission("update", "leases", group: "coordination.k8s.io", namespace: "ns", name: "l"),
    ]

    private static func answer(_ status: Int, _ body: @escaping @Sendable (String) -> String)
        -> ScriptedAPIServer.Answer
    {
        { request, _ in
            HTTPResponse(status: status, body: [Array(body(String(decoding: request.body, as: UTF8.self)).utf8)])
        }
    }

    @Test func `a permission is described in words`() {
        let said = [
            "list pods in namespace cluster-agent", "watch nodes",
            "update leases.coordination.k8s.io/l in namespace ns",
        ]
        #expect(Self.needed.map(\.description) == said)
    }

    @Test func `missing permissions are named`() async throws {
        let answer = Self.answer(201) { #"{"status":{"allowed":\#(!$0.contains("nodes"))}}"# }
        try await ScriptedAPIServer.with(answer) { client, server, _ in
            let missing = try await PermissionCheck.missing(Self.needed, client: client, deadline: soon())
            #expect(missing == [Self.needed[1]])
            let line = "post /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
            #expect(server.lines == [line, line, line])
            let bodies = server.requests.map { String(decoding: $0.body, as: UTF8.self) }
            #expect(
                bodies.first == #"{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","#
                    + #""spec":{"resourceAttributes":{"group":"","namespace":"cluster-agent","resource":"pods","verb":"list"}}}"#
            )
            #expect(bodies.last?.contains(#""group":"coordination.k8s.io","name":"l","namespace":"ns""#) == true)
        }
    }

    @Test(arguments: [
        (403, #"{"kind":"Status","code":403}"#), (500, ""), (201, "{}"), (201, #"{"status":{}}"#), (201, ""),
    ])
    func `a failed review is an error and not a missing permission`(status: Int, body: String) async throws {
        try await ScriptedAPIServer.with(Self.answer(status) { _ in body }) { client, _, _ in
            await #expect(throws: KubernetesError.self) {
                try await PermissionCheck.missing(Self.needed, client: client, deadline: soon())
            }
        }
    }
}
