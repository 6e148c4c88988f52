import HTTPClient
import HTTPServer
import Platform
import Synchronization
import TestKit
import TestSupport

/// Our own server with TLS, for clients to believe or not.
final class TLSServer: Sendable {
    let identity: TLSIdentity
    private let server: HTTPServer
    private let handler: Handler

    /// Answers with what `answer` makes of the request.
    init(
        _ identity: TLSIdentity? = nil, port: UInt16 = 0,
        answer: @escaping @Sendable (HTTPRequest) -> HTTPResponse = { _ in .text(200, "ok") }
    ) throws {
        let identity = try identity ?? Self.identity()
        handler = Handler(answer)
        server = try HTTPServer(
            options: HTTPServerOptions(
                name: "test", host: "127.0.0.1", port: port, tls: TLSServerOptions(identity: identity)),
            handler: handler, clock: SystemClock(), log: Log(sink: NoLog()))
        self.identity = identity
        try server.start()
    }

    static func identity(_ hosts: [String] = []) throws -> TLSIdentity {
        try TLSIdentity.selfSigned(hosts: hosts)
    }

    var port: UInt16 { server.port }

    func url(_ path: String = "/") -> String { "https://127.0.0.1:\(port)\(path)" }

    /// The value of a header field in each request so far; nil where it was missing.
    func seen(_ field: String) -> [String?] {
        handler.requests.withLock { requests in requests.map { $0.headers[field] } }
    }

    func stop() async {
        await server.stop(within: .seconds(1))
    }

    private final class Handler: HTTPHandler {
        let requests = Mutex<[HTTPRequest]>([])
        private let answer: @Sendable (HTTPRequest) -> HTTPResponse

        init(_ answer: @escaping @Sendable (HTTPRequest) -> HTTPResponse) {
            self.answer = answer
        }

        func handle(_ request: HTTPRequest, _ responder: Responder) {
            requests.withLock { $0.append(request) }
            responder.respond(answer(request))
        }
    }
}
