import Glibc
import HTTPClient
import Platform
import Synchronization
import TestKit
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct FailureTests {
    @Test func `a port without a listener is a refused connection`() async throws {
        let port = try TestEnvironment.freePort()
        let error = await failure(try plainClient(), ClientRequest(url: "http://127.0.0.1:\(port)/"))
        #expect(error == .connectionRefused("127.0.0.1:\(port)"))
        #expect(
            error?.description == "127.0.0.1:\(port) refused the connection: check that something listens there")
    }

    @Test func `a name that does not exist is not resolved`() async throws {
        let error = await failure(try plainClient(), ClientRequest(url: "http://nobody.invalid/"))
        #expect(error == .nameNotResolved(host: "nobody.invalid"))
    }

    @Test func `an unanswered connection times out while connecting`() async throws {
        // With its queue full, a listening socket answers no further connection.
        let (listener, port) = try listenOnLoopback(backlog: 0)
        let fillers = (0..<4).map { _ in Self.connect(to: port) }
        defer { for descriptor in fillers + [listener] { close(descriptor) } }
        let client = try plainClient { $0.connectTimeout = .seconds(1) }
        #expect(await failure(client, ClientRequest(url: "http://127.0.0.1:\(port)/")) == .timedOut(.connecting))
    }

    /// Begins a connection without waiting for it.
    private static func connect(to port: UInt16) -> Int32 {
        let descriptor = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe _ = Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return descriptor
    }

    @Test func `a silent server times out in the TLS handshake`() async throws {
        let server = try RawServer { $0.waitForClose() }
        let client = try secureClient(TLSTrust()) { $0.connectTimeout = .seconds(1) }
        let error = await failure(client, ClientRequest(url: server.url(scheme: "https")))
        #expect(error == .timedOut(.handshaking))
    }

    @Test(arguments: ["", "HTTP/1.1 200 OK\r\nContent-Le"])
    func `a server that stalls in the headers times out`(answer: String) async throws {
        let server = try RawServer(stallingAfter: answer)
        let clock = ManualClock()
        let client = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: clock)
        let stream = client.stream(ClientRequest(url: server.url()), deadline: anHourLater)
        try await eventually(within: .seconds(30), "the request") { server.seen.requests.count == 1 }
        clock.set(anHourLater)
        await #expect(throws: HTTPClientError.timedOut(.awaitingHeaders)) { try await stream.head() }
        try await eventually(within: .seconds(30), "the close") { server.seen.closedByPeer == 1 }
    }

    @Test func `a server that stalls in the body times out`() async throws {
        let server = try RawServer(stallingAfter: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        let clock = ManualClock()
        let client = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: clock)
        let stream = client.stream(ClientRequest(url: server.url()), deadline: anHourLater)
        #expect(try await stream.next() == Array("abc".utf8))
        clock.set(anHourLater)
        await #expect(throws: HTTPClientError.timedOut(.receivingBody)) { try await stream.next() }
        try await eventually(within: .seconds(30), "the close") { server.seen.closedByPeer == 1 }
    }

    @Test func `a transfer with an idle timeout ends when nothing arrives for that long`() async throws {
        let server = try RawServer(stallingAfter: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        let clock = ManualClock()
        let client = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: clock)
        let request = ClientRequest(url: server.url(), idleTimeout: .seconds(60))
        let stream = client.stream(request, deadline: anHourLater)
        #expect(try await stream.next() == Array("abc".utf8))
        clock.advance(by: .seconds(60))
        await #expect(throws: HTTPClientError.timedOut(.receivingBody)) { try await stream.next() }
    }

    @Test func `a request whose deadline has passed is not sent`() async throws {
        let server = try RawServer(answer: RequestTests.ok)
        let client = try plainClient()
        let error = await failure(client, ClientRequest(url: server.url()), deadline: SystemClock().now())
        #expect(error == .timedOut(.waiting))
        #expect(server.seen.connections == 0)
    }

    @Test func `libcurl enforces the deadline even when the clock stands still`() async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.waitForClose()
        }
        // This clock stands still: libcurl's own ends the transfer.
        let client = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: ManualClock())
        let request = ClientRequest(url: server.url())
        let error = await failure(client, request, deadline: Instant(nanoseconds: 1_500_000_000))
        #expect(kind(error).hasPrefix("timedOut"))
    }

    @Test(arguments: [
        HTTPClientOptions(maximumConnectionsPerHost: 0), HTTPClientOptions(connectTimeout: .zero),
        HTTPClientOptions(userAgent: "a\r\nb"),
        HTTPClientOptions(trust: TLSTrust(caPEM: Array("no PEM".utf8))),
        HTTPClientOptions(trust: TLSTrust(caPEM: [])),
        HTTPClientOptions(trust: TLSTrust(pinnedPublicKey: "sha256//short=")),
        HTTPClientOptions(trust: TLSTrust(pinnedPublicKey: "md5//" + String(repeating: "A", count: 43) + "=")),
        HTTPClientOptions(trust: TLSTrust(clientCertificatePEM: Array("-----BEGIN CERTIFICATE-----".utf8))),
        HTTPClientOptions(trust: TLSTrust(serverName: "")),
    ])
    func `invalid options are refused`(options: HTTPClientOptions) {
        #expect(throws: HTTPClientError.self) {
            _ = try HTTPClient(options: options, clock: SystemClock())
        }
    }
}
