import HTTPServer
import Platform
import Synchronization
import TestKit

@testable import Kubernetes

/// An API server that answers by a function, over TLS on loopback, with a service account for its clients.
final class ScriptedAPIServer: HTTPHandler {
    typealias Answer = @Sendable (HTTPRequest, _ number: Int) -> HTTPResponse

    private let answer: Answer
    private let received = Mutex<[HTTPRequest]>([])

    init(_ answer: @escaping Answer) {
        self.answer = answer
    }

    func handle(_ request: HTTPRequest, _ responder: Responder) {
        let number = received.withLock { received in
            received.append(request)
            return received.count
        }
        responder.respond(answer(request, number))
    }

    /// Method, path and query of each request.
    var lines: [String] {
        received.withLock { $0.map { "\($0.method) \($0.path)\($0.query.map { "?\($0)" } ?? "")" } }
    }

    var requests: [HTTPRequest] {
        received.withLock { $0 }
    }

    /// Serves while `body` runs.
    static func with(
        _ answer: @escaping Answer, keptAnnotations: [String] = [],
        _ body: (KubernetesClient, ScriptedAPIServer, TemporaryDirectory) async throws -> Void
    ) async throws {
        let clock = SystemClock()
        let identity = try TLSIdentity.selfSigned(hosts: ["127.0.0.1"])
        let handler = ScriptedAPIServer(answer)
        let server = try HTTPServer(
            options: HTTPServerOptions(
                name: "api", host: "127.0.0.1", port: 0, tls: TLSServerOptions(identity: identity)),
            handler: handler, clock: clock, log: Log(sink: NoLog()))
        try server.start()
        let folder = try TemporaryDirectory()
        try folder.write("ca.crt", identity.certificatePEM)
        try folder.write("token", "first")
        let environment = ["KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": String(server.port)]
        let configuration = try KubernetesConfiguration.inCluster(
            environment: environment, directory: folder.path, clock: clock)
        let client = try KubernetesClient(
            configuration, userAgent: "test/1", keptAnnotations: keptAnnotations, clock: clock)
        let result: Result<Void, any Error>
        do { result = .success(try await body(client, handler, folder)) } catch { result = .failure(error) }
        await client.shutdown()
        await server.stop(within: .seconds(1))
        try result.get()
    }
}

/// A deadline that no passing test comes near.
func soon() -> Instant {
    SystemClock().now() + .seconds(120)
}
