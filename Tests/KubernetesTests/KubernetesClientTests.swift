import HTTPServer
import Platform
import Synchronization
import TestKit
import Testing

@testable import Kubernetes

/// The client as it speaks to an API server.
@Suite struct KubernetesClientTests {
    private static let page = #"{"kind":"ServiceList","metadata":{"resourceVersion":"7"},"items":null}"#

    private static func json(_ status: Int, _ text: String, _ headers: [(String, String)] = []) -> HTTPResponse {
        HTTPResponse(
            status: status, headers: [("Content-Type", "application/json")] + headers, body: [Array(text.utf8)])
    }

    /// The error with which listing ends.
    private static func listError(_ answer: HTTPResponse) async throws -> KubernetesError? {
        let caught = Mutex<KubernetesError?>(nil)
        try await ScriptedAPIServer.with({ _, _ in answer }) { client, _, _ in
            do throws(KubernetesError) {
                _ = try await ResourceSource<Service>(client: client).list(ListRequest(limit: 500), deadline: soon())
            } catch {
                caught.withLock { $0 = error }
            }
        }
        return caught.withLock { $0 }
    }

    @Test func `a list request has the token and an escaped query`() async throws {
        try await ScriptedAPIServer.with({ _, _ in Self.json(200, Self.page) }) { client, server, _ in
            let all = ResourceSource<Service>(client: client)
            let page = try await all.list(ListRequest(limit: 500, continuation: "a+b/c=&"), deadline: soon())
            #expect(page.resourceVersion == "7")
            let one = ResourceSource<Service>(client: client, namespace: "shop", labelSelector: "a=b,c in (d,e)")
            _ = try await one.list(ListRequest(limit: nil), deadline: soon())
            let watch = WatchRequest(resourceVersion: "7", timeoutSeconds: 300)
            await #expect(throws: KubernetesError.self) { try await one.watch(watch, deadline: soon()) { _ in true } }
            let selector = "labelSelector=a%3Db%2Cc%20in%20%28d%2Ce%29"
            #expect(
                server.lines == [
                    "get /api/v1/services?limit=500&continue=a%2Bb%2Fc%3D%26",
                    "get /api/v1/namespaces/shop/services?\(selector)",
                    "get /api/v1/namespaces/shop/services?\(selector)&resourceVersion=7&allowWatchBookmarks=true"
                        + "&timeoutSeconds=300&watch=true",
                ])
            let headers = try #require(server.requests.first).headers
            #expect(headers["Authorization"] == "Bearer first")
            #expect(headers["Accept"] == "application/json")
            #expect(headers["User-Agent"] == "test/1")
        }
    }

    @Test(arguments: [[], ["prometheus.io/"]])
    func `of a Service the annotations are kept that are asked for`(prefixes: [String]) async throws {
        let service =
            #"{"metadata":{"name":"a","resourceVersion":"1","annotations":{"prometheus.io/scrape":"true","#
            + #""ad.datadoghq.com/service.checks":"{}","example.com/x":"y"}},"spec":{}}"#
        let page = #"{"metadata":{"resourceVersion":"2"},"items":[\#(service)]}"#
        let line = #"{"type":"ADDED","object":\#(service)}"# + "\n"
        try await ScriptedAPIServer.with(
            { request, _ in Self.json(200, request.query?.contains("watch=true") == true ? line : page) },
            keptAnnotations: prefixes
        ) { client, _, _ in
            let source = ResourceSource<Service>(client: client)
            var seen = try await source.list(ListRequest(limit: 500), deadline: soon()).items
            try await source.watch(WatchRequest(resourceVersion: "2", timeoutSeconds: 300), deadline: soon()) { event in
                if case .applied(let service) = event { seen.append(service) }
                return true
            }
            let kept = ["ad.datadoghq.com/service.checks"] + (prefixes.isEmpty ? [] : ["prometheus.io/scrape"])
            #expect(seen.map { $0.annotations.keys.sortedTexts() } == [kept, kept])
        }
    }

    @Test func `a watch delivers each event and ends`() async throws {
        let lines =
            #"{"type":"ADDED","object":{"metadata":{"name":"é","resourceVersion":"8"}}}"# + "\n"
            + #"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}"# + "\n"
        try await ScriptedAPIServer.with({ _, _ in Self.json(200, lines) }) { client, server, _ in
            var seen: [String] = []
            try await ResourceSource<Service>(client: client).watch(
                WatchRequest(resourceVersion: "7", timeoutSeconds: 300), deadline: soon()
            ) { event in
                switch event {
                case .opened: seen.append("open")
                case .applied(let service): seen.append(service.name)
                case .bookmark(let version): seen.append(version)
                default: seen.append("?")
                }
                return true
            }
            #expect(seen == ["open", "é", "9"])
            let query = "resourceVersion=7&allowWatchBookmarks=true&timeoutSeconds=300&watch=true"
            #expect(server.lines == ["get /api/v1/services?\(query)"])
        }
    }

    @Test(arguments: [
        (#"{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"8"}}}"#, "broke off inside an event"),
        ("{\"type\":\"ADDED\",\"object\":{}}\n", "watch /api/v1/services: object.metadata is missing"),
        ("garbage\n", "watch /api/v1/services"),
    ])
    func `a damaged watch is an error`(body: String, expected: String) async throws {
        try await ScriptedAPIServer.with({ _, _ in Self.json(200, body) }) { client, _, _ in
            do throws(KubernetesError) {
                let request = WatchRequest(resourceVersion: "7", timeoutSeconds: 300)
                try await ResourceSource<Service>(client: client).watch(request, deadline: soon()) { _ in true }
                Issue.record("it ended orderly")
            } catch {
                #expect(error.description.contains(expected), "\(error)")
            }
        }
    }

    @Test func `a refused watch says why`() async throws {
        let gone = #"{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}"#
        try await ScriptedAPIServer.with({ _, _ in Self.json(410, gone) }) { client, _, _ in
            let expected = Status(code: 410, reason: "Expired", message: "too old resource version")
            await #expect(throws: KubernetesError.status(expected)) {
                let request = WatchRequest(resourceVersion: "7", timeoutSeconds: 300)
                try await ResourceSource<Service>(client: client).watch(request, deadline: soon()) { _ in true }
            }
        }
    }

    @Test func `an error keeps reason, message and Retry-After`() async throws {
        let body =
            #"{"kind":"Status","message":"services is forbidden","reason":"Forbidden","details":{"retryAfterSeconds":3}}"#
        let told = Status(code: 403, reason: "Forbidden", message: "services is forbidden", retryAfterSeconds: 3)
        #expect(try await Self.listError(Self.json(403, body)) == .status(told))
        let proxy = Self.json(503, "<html>no</html>", [("Retry-After", "11")])
        let guessed = Status(code: 503, reason: "ServiceUnavailable", message: "<html>no</html>", retryAfterSeconds: 11)
        #expect(try await Self.listError(proxy) == .status(guessed))
    }

    @Test(arguments: ["", "[]", "{}", #"{"kind":"Status","metadata":{},"status":"Success"}"#, "<html>"])
    func `a 200 that is not a list is an error`(body: String) async throws {
        guard case .malformed(let place, _)? = try await Self.listError(Self.json(200, body)) else {
            Issue.record("it was taken for a list")
            return
        }
        #expect(place == "GET /api/v1/services")
    }

    @Test func `a replaced token is tried once after a 401`() async throws {
        let answer: ScriptedAPIServer.Answer = { request, _ in
            request.headers["Authorization"] == "Bearer second" ? Self.json(200, Self.page) : Self.json(401, "{}")
        }
        try await ScriptedAPIServer.with(answer) { client, server, folder in
            let source = ResourceSource<Service>(client: client)
            await #expect(throws: KubernetesError.self) {
                try await source.list(ListRequest(limit: 1), deadline: soon())
            }
            #expect(server.lines.count == 1)
            try folder.write("token", "second")
            _ = try await source.list(ListRequest(limit: 1), deadline: soon())
            #expect(server.lines.count == 3)
        }
    }

    @Test func `a 401 is retried at most once`() async throws {
        try await ScriptedAPIServer.with({ _, _ in Self.json(401, "{}") }) { client, server, folder in
            try folder.write("token", "second")
            let source = ResourceSource<Service>(client: client)
            await #expect(throws: KubernetesError.self) {
                try await source.list(ListRequest(limit: 1), deadline: soon())
            }
            #expect(server.requests.map { $0.headers["Authorization"] } == ["Bearer first", "Bearer second"])
        }
    }

    @Test func `a refusal is retried once over new connections when another file has changed`() async throws {
        try await ScriptedAPIServer.with({ _, _ in Self.json(401, "{}") }) { client, server, folder in
            let authority = try readFile("\(folder.path)/ca.crt", atMost: 1 << 20)
            try folder.write("ca.crt", Array("renewed\n".utf8) + authority)
            for requests in [2, 3] {
                await #expect(throws: KubernetesError.self) {
                    try await ResourceSource<Service>(client: client).list(ListRequest(limit: 1), deadline: soon())
                }
                #expect(server.lines.count == requests)
            }
            try folder.write("ca.crt", authority)
            await #expect(throws: KubernetesError.self) {
                let request = WatchRequest(resourceVersion: "7", timeoutSeconds: 300)
                try await ResourceSource<Service>(client: client).watch(request, deadline: soon()) { _ in true }
            }
            #expect(server.lines.count == 5)
        }
    }

    @Test func `a watch tries a replaced token too`() async throws {
        let answer: ScriptedAPIServer.Answer = { request, _ in
            request.headers["Authorization"] == "Bearer second" ? Self.json(200, "") : Self.json(401, "{}")
        }
        try await ScriptedAPIServer.with(answer) { client, server, folder in
            try folder.write("token", "second")
            let request = WatchRequest(resourceVersion: "7", timeoutSeconds: 300)
            try await ResourceSource<Service>(client: client).watch(request, deadline: soon()) { _ in true }
            #expect(server.lines.count == 2)
        }
    }

    @Test func `an unreachable server is a transport error`() async throws {
        try await ScriptedAPIServer.with({ _, _ in Self.json(200, "{}") }) { _, _, folder in
            let clock = SystemClock()
            let environment = ["KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"]
            let configuration = try KubernetesConfiguration.inCluster(
                environment: environment, directory: folder.path, clock: clock)
            let client = try KubernetesClient(configuration, userAgent: "test/1", clock: clock)
            let lease = KubernetesLeaseClient(client: client, namespace: "n", name: "l", clock: clock)
            guard case .failed(.transport(let reason)) = await lease.get(deadline: soon()) else {
                Issue.record("something answered")
                return
            }
            #expect(reason.contains("127.0.0.1:1"))
            await client.shutdown()
        }
    }

    @Test func `an unusable CA is a configuration error`() throws {
        let folder = try TemporaryDirectory()
        try folder.write("ca.crt", "none")
        try folder.write("token", "t")
        let clock = SystemClock()
        let environment = ["KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"]
        let reason = "\(folder.path)/ca.crt: holds no PEM block CERTIFICATE"
        #expect(throws: KubernetesError.configuration("unable to load in-cluster configuration: \(reason)")) {
            try KubernetesConfiguration.inCluster(environment: environment, directory: folder.path, clock: clock)
        }
    }
}

/// One Lease over HTTP.
@Suite struct KubernetesLeaseClientTests {
    private static let stored =
        #"{"metadata":{"name":"l","namespace":"n","uid":"u","resourceVersion":"5","x":[1]},"spec":{"holderIdentity":"h"}}"#

    private static func answer(_ status: Int, _ body: String) -> ScriptedAPIServer.Answer {
        { _, _ in HTTPResponse(status: status, body: [Array(body.utf8)]) }
    }

    private static func with(
        _ answer: @escaping ScriptedAPIServer.Answer,
        _ body: (KubernetesLeaseClient, ScriptedAPIServer, ManualClock) async throws -> Void
    ) async throws {
        try await ScriptedAPIServer.with(answer) { client, server, _ in
            let clock = ManualClock(at: SystemClock().now())
            try await body(
                KubernetesLeaseClient(client: client, namespace: "n", name: "l", clock: clock), server, clock)
        }
    }

    @Test func `requests name the Lease and their time limit`() async throws {
        try await Self.with(Self.answer(200, Self.stored)) { leases, server, clock in
            let deadline = clock.now() + .milliseconds(120_500)
            guard case .lease(var lease) = await leases.get(deadline: deadline) else {
                Issue.record("no Lease")
                return
            }
            lease.spec.holderIdentity = "me"
            _ = await leases.update(lease, deadline: deadline)
            _ = await leases.create(Lease(namespace: "n", name: "l"), deadline: deadline)
            let path = "/apis/coordination.k8s.io/v1/namespaces/n/leases"
            #expect(
                server.lines == [
                    "get \(path)/l?timeout=121s", "put \(path)/l?timeout=121s", "post \(path)?timeout=121s",
                ])
            let put = try #require(server.requests.dropFirst().first)
            #expect(put.headers["Content-Type"] == "application/json")
            #expect(
                String(decoding: put.body, as: UTF8.self)
                    == #"{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"l","namespace":"n","#
                    + #""resourceVersion":"5","uid":"u","x":[1]},"spec":{"holderIdentity":"me"}}"#)
        }
    }

    @Test func `not found and conflict are distinct results`() async throws {
        try await Self.with(Self.answer(404, "{}")) { leases, _, _ in
            guard case .notFound = await leases.get(deadline: soon()) else { Issue.record("not 404"); return }
            // Here it is the namespace that is missing.
            let lease = Lease(namespace: "n", name: "l")
            guard case .failed(.status(let status)) = await leases.create(lease, deadline: soon()) else {
                Issue.record("taken for a missing Lease")
                return
            }
            #expect(status.code == 404)
        }
        try await Self.with(Self.answer(409, "{}")) { leases, _, _ in
            let lease = Lease(namespace: "n", name: "l")
            guard case .conflict = await leases.update(lease, deadline: soon()),
                case .conflict = await leases.create(lease, deadline: soon())
            else {
                Issue.record("not 409")
                return
            }
        }
    }

    @Test func `the watch is of this Lease only and reports its end`() async throws {
        let lines =
            #"{"type":"ADDED","object":\#(Self.stored)}"# + "\n" + #"{"type":"DELETED","object":\#(Self.stored)}"#
            + "\n"
        try await Self.with(Self.answer(200, lines)) { leases, server, clock in
            let seen = Mutex<[String]>([])
            let end = await leases.watch(deadline: clock.now() + .milliseconds(65_500)) { event in
                switch event {
                case .changed(let lease): seen.withLock { $0.append(lease.spec.holder) }
                case .deleted: seen.withLock { $0.append("deleted") }
                }
            }
            #expect(end == nil)
            #expect(seen.withLock { $0 } == ["h", "deleted"])
            #expect(
                server.lines == [
                    "get /apis/coordination.k8s.io/v1/namespaces/n/leases"
                        + "?fieldSelector=metadata.name%3Dl&timeoutSeconds=60&watch=true"
                ])
        }
        let error = #"{"type":"ERROR","object":{"kind":"Status","code":410}}"# + "\n"
        try await Self.with(Self.answer(200, error)) { leases, _, _ in
            #expect(await leases.watch(deadline: soon()) { _ in } == .status(Status(code: 410)))
        }
    }
}
