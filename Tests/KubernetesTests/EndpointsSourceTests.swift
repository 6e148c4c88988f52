import HTTPServer
import Platform
import Synchronization
import TestKit
import Testing

@testable import Kubernetes

/// Which form of endpoints is read, by what the server has.
@Suite struct EndpointsSourceTests {
    private static let slices = "/apis/discovery.k8s.io"
    private static let page = #"{"metadata":{"resourceVersion":"7"},"items":[]}"#

    /// What a server of this kind answers to the question which versions it has.
    private static func group(_ versions: String...) -> String {
        let list = versions.map { #"{"groupVersion":"discovery.k8s.io/\#($0)","version":"\#($0)"}"# }
        return #"{"kind":"APIGroup","name":"discovery.k8s.io","versions":[\#(list.joined(separator: ","))]}"#
    }

    private static func answer(_ discovery: @escaping @Sendable () -> HTTPResponse) -> ScriptedAPIServer.Answer {
        { request, _ in request.path == slices ? discovery() : HTTPResponse(status: 200, body: [Array(page.utf8)]) }
    }

    private static func found(_ text: String) -> HTTPResponse {
        HTTPResponse(status: 200, body: [Array(text.utf8)])
    }

    @Test(arguments: [
        (group("v1", "v1beta1"), "/apis/discovery.k8s.io/v1/endpointslices"),
        (group("v1beta1", "v1"), "/apis/discovery.k8s.io/v1/endpointslices"),
        (group("v1beta1"), "/apis/discovery.k8s.io/v1beta1/endpointslices"),
        (group("v1alpha1"), "/api/v1/endpoints"), (group("v2"), "/api/v1/endpoints"),
    ])
    func `the newest endpoints API of the server is used and logged`(discovery: String, path: String) async throws {
        try await ScriptedAPIServer.with(Self.answer { Self.found(discovery) }) { client, server, _ in
            let log = RecordingLog()
            let source = EndpointsSource(client: client, log: Log(sink: log))
            let page = try await source.list(ListRequest(limit: 500), deadline: soon())
            #expect(page.resourceVersion == "7")
            _ = try await source.list(ListRequest(limit: 500, continuation: "c"), deadline: soon())
            #expect(
                server.lines == ["get \(Self.slices)", "get \(path)?limit=500", "get \(path)?limit=500&continue=c"])
            _ = try await source.list(ListRequest(limit: 500), deadline: soon())
            #expect(log.values(of: "path") == [path])
        }
    }

    @Test func `without EndpointSlices Endpoints are read, in one namespace too`() async throws {
        try await ScriptedAPIServer.with(Self.answer { .text(404, "") }) { client, server, _ in
            let source = EndpointsSource(client: client, namespace: "shop", log: Log(sink: NoLog()))
            _ = try await source.list(ListRequest(limit: nil), deadline: soon())
            #expect(server.lines.last == "get /api/v1/namespaces/shop/endpoints")
        }
    }

    @Test(arguments: [403, 500, 503])
    func `a failed discovery selects no API`(status: Int) async throws {
        try await ScriptedAPIServer.with(Self.answer { HTTPResponse(status: status) }) { client, server, _ in
            let source = EndpointsSource(client: client, log: Log(sink: NoLog()))
            await #expect(throws: KubernetesError.status(Status(code: status))) {
                try await source.list(ListRequest(limit: 500), deadline: soon())
            }
            #expect(server.lines == ["get \(Self.slices)"])
        }
    }

    @Test func `an upgrade of the server is noticed at the next list`() async throws {
        let versions = Mutex([Self.group("v1beta1"), Self.group("v1")])
        let discovery: @Sendable () -> HTTPResponse = { Self.found(versions.withLock { $0.removeFirst() }) }
        try await ScriptedAPIServer.with(Self.answer(discovery)) { client, server, _ in
            let source = EndpointsSource(client: client, log: Log(sink: NoLog()))
            _ = try await source.list(ListRequest(limit: 500), deadline: soon())
            _ = try await source.list(ListRequest(limit: 500), deadline: soon())
            await #expect(throws: KubernetesError.self) {
                let request = WatchRequest(resourceVersion: "7", timeoutSeconds: 300)
                try await source.watch(request, deadline: soon()) { _ in true }
            }
            let path = "/apis/discovery.k8s.io/v1/endpointslices"
            #expect(server.lines[1] == "get /apis/discovery.k8s.io/v1beta1/endpointslices?limit=500")
            #expect(server.lines[3] == "get \(path)?limit=500")
            #expect(server.lines[4].hasPrefix("get \(path)?resourceVersion=7&"))
        }
    }
}
