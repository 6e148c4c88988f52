import COpenSSL
import Glibc
import Platform

@testable import HTTPServer

/// A client on a blocking socket, in the clear or with TLS 1.3, that sends what no proper client would.
@safe final class TestClient {
    private let number: Int32
    private(set) var tls: OpaquePointer?
    private var context: OpaquePointer?
    /// Whether the connection was found reset rather than ended.
    private(set) var wasReset = false

    /// Connects to loopback. Reading gives up after 10 s, so that a test fails instead of hanging.
    init(port: UInt16) {
        number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        unsafe setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        _ = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    deinit {
        if let tls = unsafe tls { unsafe SSL_free(tls) }
        if let context = unsafe context { unsafe SSL_CTX_free(context) }
        close(number)
    }

    /// Does the TLS handshake.
    ///
    /// - Returns: whether it succeeded.
    func startTLS(maximumVersion: Int32 = TLS1_3_VERSION, protocols: [String] = []) -> Bool {
        unsafe context = SSL_CTX_new(TLS_client_method())
        unsafe tls = SSL_new(context)
        guard let tls = unsafe tls else { return false }
        unsafe SSL_ctrl(tls, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(maximumVersion), nil)
        let list = protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        if !list.isEmpty { unsafe SSL_set_alpn_protos(tls, list, UInt32(list.count)) }
        unsafe SSL_set_fd(tls, number)
        let result = unsafe SSL_connect(tls)
        ERR_clear_error()
        return result == 1
    }

    /// The protocol that ALPN chose.
    var chosenProtocol: String {
        var name: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        unsafe SSL_get0_alpn_selected(tls, &name, &length)
        return unsafe String(decoding: UnsafeBufferPointer(start: name, count: Int(length)), as: UTF8.self)
    }

    /// Whether the server has said that it ends its half of the TLS connection.
    var hasGoodbye: Bool {
        unsafe SSL_get_shutdown(tls) & SSL_RECEIVED_SHUTDOWN != 0
    }

    /// Sends all of it.
    func send(_ text: String) {
        send(Array(text.utf8))
    }

    /// Sends all of it, or as much as the server takes.
    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes[sent...].withUnsafeBytes { rest -> Int in
                if let tls = unsafe tls {
                    return unsafe Int(SSL_write(tls, rest.baseAddress, Int32(rest.count)))
                }
                return unsafe Glibc.send(number, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else {
                wasReset = true
                return
            }
            sent += count
        }
    }

    /// Ends the sending half.
    func endSending() {
        shutdown(number, Int32(SHUT_WR))
    }

    /// What comes next; empty at the end or after the time limit.
    func receive() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count: Int
        if let tls = unsafe tls {
            count = unsafe Int(SSL_read(tls, &buffer, Int32(buffer.count)))
        } else {
            count = unsafe recv(number, &buffer, buffer.count, 0)
        }
        if count < 0, errno == ECONNRESET { wasReset = true }
        return Array(buffer[..<max(0, count)])
    }

    /// All that comes until the server ends the connection.
    func receiveToEnd() -> String {
        var all: [UInt8] = []
        while true {
            let bytes = receive()
            if bytes.isEmpty { return String(decoding: all, as: UTF8.self) }
            all += bytes
        }
    }

    /// What comes until `text` has come.
    func receive(until text: String) -> String {
        var all = ""
        while !all.contains(text) {
            let bytes = receive()
            if bytes.isEmpty { return all }
            all += String(decoding: bytes, as: UTF8.self)
        }
        return all
    }

    /// Sends what `body` sends in one piece, so that the server finds all of it in its first read.
    func sendTogether(_ body: () -> Void) {
        var isCorked: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        unsafe setsockopt(number, Int32(IPPROTO_TCP), TCP_CORK, &isCorked, size)
        body()
        isCorked = 0
        unsafe setsockopt(number, Int32(IPPROTO_TCP), TCP_CORK, &isCorked, size)
    }
}

/// Answers by path: `/hello` at once, `/echo` with the body, `/big`, `/peer`; keeps the responders of `/later…` for the
/// test; drops that of `/dropped`.
final class TestHandler: HTTPHandler {
    let later = Watched<[(path: String, responder: Responder)]>([])
    private let tokens = BearerTokens("secret")
    static let big = [UInt8](repeating: UInt8(ascii: "b"), count: 3_000_000)

    func handle(_ request: HTTPRequest, _ responder: Responder) {
        switch request.path {
        case "/hello": responder.respond(.json([Array("{}".utf8)]))
        case "/echo": responder.respond(.json([request.body]))
        case "/big": responder.respond(.json([Self.big]))
        case "/peer": responder.respond(.text(200, request.peer.host))
        case "/dropped": break
        case "/known":
            responder.respond(tokens.refusal(of: request, realm: "test", now: .distantPast) ?? .text(200, "known"))
        case let path where path.hasPrefix("/later"): later.update { $0.append((path, responder)) }
        default: responder.respond(.text(404, "not found"))
        }
    }

    /// The responders of `count` requests, once they have come.
    func waiting(_ count: Int) async throws -> [(path: String, responder: Responder)] {
        var seen = later.current
        while seen.value.count < count { seen = try await later.next(after: seen.version) }
        return seen.value
    }
}

/// A server on a port of its own, stopped when the test's body ends.
func withServer(
    loops: Int = 1, limits: HTTPLimits = HTTPLimits(), tls: TLSServerOptions? = nil, authenticates: Bool = false,
    _ body: (HTTPServer, TestHandler) async throws -> Void
) async throws {
    let handler = TestHandler()
    var options = HTTPServerOptions(
        name: "test", host: "127.0.0.1", port: 0, loops: loops, limits: limits, tls: tls)
    options.authenticates = authenticates
    let server = try HTTPServer(
        options: options, handler: handler, clock: SystemClock(), log: Log(sink: NoLog()))
    try server.start()
    do {
        try await body(server, handler)
    } catch {
        await server.stop(within: .zero)
        throw error
    }
    await server.stop(within: .seconds(5))
}
