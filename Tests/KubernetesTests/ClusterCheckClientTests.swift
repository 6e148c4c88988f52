import HTTPServer
import JSON
import Platform
import Testing

@testable import Kubernetes

/// Lists of ClusterChecks on clusters with and without the definition, and what is written of them.
@Suite struct ClusterCheckClientTests {
    private static let root = "/apis/cluster-agent.dev/v1alpha1/clusterchecks"
    private static let definition =
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clusterchecks.cluster-agent.dev"

    private static func json(_ status: Int, _ text: String) -> HTTPResponse {
        HTTPResponse(status: status, headers: [("Content-Type", "application/json")], body: [Array(text.utf8)])
    }

    /// What became of a list when the definition is answered so.
    private func failure(_ definition: HTTPResponse) async throws -> KubernetesError? {
        var failure: KubernetesError?
        try await ScriptedAPIServer.with({ request, _ in
            request.path == Self.definition
                ? definition
                : HTTPResponse(
                    status: 404, headers: [("Content-Type", "text/plain")], body: [Array("404 page not found".utf8)])
        }) { client, server, _ in
            do throws(KubernetesError) {
                _ = try await ClusterCheckClient(client: client).list(ListRequest(limit: 500), deadline: soon())
            } catch { failure = error }
            #expect(server.lines == ["get \(Self.root)?limit=500", "get \(Self.definition)"])
        }
        return failure
    }

    private func code(_ failure: KubernetesError?) -> Int? {
        if case .status(let status)? = failure { status.code } else { nil }
    }

    @Test func `a cluster has no ClusterChecks where it has no definition of them that stays`() async throws {
        let absent =
            #"{"kind":"Status","code":404,"reason":"NotFound","message":"customresourcedefinitions.apiextensions.k8s.io "#
            + #"\"clusterchecks.cluster-agent.dev\" not found"}"#
        #expect(code(try await failure(Self.json(404, absent))) == 404)
        let going = #"{"metadata":{"name":"x","resourceVersion":"1","deletionTimestamp":"2026-01-01T00:00:00Z"}}"#
        #expect(code(try await failure(Self.json(200, going))) == 404)
    }

    @Test func `a server that has the definition and does not serve it yet is asked again`() async throws {
        let there = #"{"metadata":{"name":"x","resourceVersion":"1"}}"#
        #expect(code(try await failure(Self.json(200, there))) == 503)
        #expect(code(try await failure(Self.json(500, #"{"kind":"Status","code":500}"#))) == 500)
    }

    @Test func `neither a proxy's 404 nor a lack of permission says that there are none`() async throws {
        let page = HTTPResponse(status: 404, headers: [("Content-Type", "text/html")], body: [Array("<html>".utf8)])
        #expect(code(try await failure(page)) == 502)
        let forbidden = #"{"kind":"Status","code":403,"reason":"Forbidden"}"#
        #expect(code(try await failure(Self.json(403, forbidden))) == 403)
    }

    @Test func `ClusterChecks of any form are read, and one without a name is told`() async throws {
        let page = #"{"metadata":{"resourceVersion":"9"},"items":[ITEMS]}"#
        let items = [
            #"{"metadata":{"name":"a","namespace":"n","resourceVersion":"1","generation":7},"spec":{"check":"x"},"status":{"node":"n1","observedGeneration":6,"placedAt":"2026-01-01T00:00:00Z","conditions":[{"type":"Placed","status":"True","reason":"Placed","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}"#,
            #"{"metadata":{"name":"b","namespace":"n","resourceVersion":"1"},"spec":[1],"status":"odd"}"#,
            #"{"metadata":{"name":"c","namespace":"n","resourceVersion":"1"},"status":{"conditions":{"a":1},"node":5}}"#,
        ]
        try await ScriptedAPIServer.with({ _, _ in
            Self.json(200, page.replacing("ITEMS", with: items.joined(separator: ",")))
        }) { client, _, _ in
            let read = try await ClusterCheckClient(client: client).list(ListRequest(limit: nil), deadline: soon())
                .items
            #expect(read.map(\.metadata.generation) == [7, 0, 0])
            #expect(read[0].status.node == "n1" && read[0].status.condition("Placed")?.status == "True")
            #expect(read[1].spec == .array([.number("1")]) && read[1].status == ClusterCheckStatus())
            #expect(read[2].spec == .null && read[2].status == ClusterCheckStatus())
        }
    }

    /// The API server takes objects that are nested a thousand times.
    @Test(arguments: [65, 600, 9_000]) func `one that is nested deeply does not take the others`(depth: Int) throws {
        let deep = String(repeating: #"{"a":"#, count: depth) + "1" + String(repeating: "}", count: depth)
        let metadata = #""metadata":{"name":"a","namespace":"n","resourceVersion":"1","managedFields":\#(deep)}"#
        let page = """
            {"metadata":{"resourceVersion":"9"},"items":[{\(metadata),"spec":{"initConfig":\(deep)},"status":\(deep)},
            {\(metadata),"spec":{"check":"x"}}]}
            """
        let read = try decode(ObjectPage<ClusterCheck>.self, from: Array(page.utf8), place: "p").items
        #expect(read.count == 2 && read[0].spec == .null && read[1].spec["check"] == .string("x"))
        #expect(read[0].specProblem == "more than 64 arrays and objects inside each other")
        #expect(read[1].specProblem == nil)
    }

    @Test func `a status is written whole, without empty texts`() async throws {
        let status = ClusterCheckStatus(
            observedGeneration: 3, node: "",
            conditions: [
                .init(
                    type: "Placed", status: "False", reason: "NoNode", message: "", lastTransitionTime: "t",
                    observedGeneration: 3)
            ])
        try await ScriptedAPIServer.with({ _, _ in Self.json(200, "{}") }) { client, server, _ in
            try await ClusterCheckClient(client: client).write(status, namespace: "n", name: "a", deadline: soon())
            let request = try #require(server.requests.first)
            #expect(
                server.lines == [
                    "other(\"PATCH\") /apis/cluster-agent.dev/v1alpha1/namespaces/n/clusterchecks/a/status"
                ])
            #expect(request.headers["Content-Type"] == "application/merge-patch+json")
            #expect(
                String(decoding: request.body, as: UTF8.self)
                    == #"{"status":{"conditions":[{"lastTransitionTime":"t","observedGeneration":3,"reason":"NoNode","#
                    + #""status":"False","type":"Placed"}],"node":null,"observedGeneration":3,"placedAt":null}}"#)
        }
    }
}
