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

/// Certificates that OpenSSL's command line made, and servers that it runs, for what our own server does not do.
final class OpenSSL: Sendable {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// Makes a self-signed certificate `NAME.pem` and its key `NAME.key` for 127.0.0.1 and returns their contents.
    func makeIdentity(_ name: String) async throws -> (certificate: [UInt8], key: [UInt8]) {
        let certificate = "\(directory.path)/\(name).pem"
        let key = "\(directory.path)/\(name).key"
        try await run([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=\(name)", "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key,
        ])
        return (try readFile(certificate, atMost: 1 << 20), try readFile(key, atMost: 1 << 20))
    }

    /// Runs `openssl` and returns what it says.
    @discardableResult
    func run(_ arguments: [String]) async throws -> String {
        let output = "\(directory.path)/output.\(arguments[0]).\(SystemEntropy().next())"
        let process = try ChildProcess("/usr/bin/openssl", arguments, outputPath: output)
        guard try await process.wait(within: .seconds(30)) == .exited(0) else {
            throw TestFailure("openssl \(arguments[0]): \(process.output)")
        }
        return process.output
    }

    /// Starts `openssl s_server` on a free port.
    func serve(_ arguments: [String]) async throws -> (process: ChildProcess, port: Int) {
        let output = "\(directory.path)/server.\(SystemEntropy().next())"
        let process = try ChildProcess(
            "/usr/bin/openssl", ["s_server", "-accept", "127.0.0.1:0", "-www"] + arguments, outputPath: output)
        let port = try await eventually(within: .seconds(30), "s_server to listen: \(process.output)") { () -> Int? in
            let line = process.output.split(separator: "\n").first { $0.hasPrefix("ACCEPT 127.0.0.1:") }
            return line.flatMap { Int($0.split(separator: ":")[1]) }
        }
        return (process, port)
    }
}
