import Glibc
import HTTPClient
import Platform
import Synchronization
import TestSupport
import Testing

@Suite struct FailureTests {
    @Test func aPortWhereNothingListensRefuses() async throws {
        let port = try TestEnvironment.freePort()
        let error = await failure(try plainClient(), ClientRequest(url: "http://127.0.0.1:\(port)/"))
        #expect(error == .connectionRefused("127.0.0.1:\(port)"))
        #expect(
            error?.description == "127.0.0.1:\(port) refused the connection: check that something listens there")
    }

    @Test func aNameThatDoesNotExistIsNotResolved() async throws {
        let error = await failure(try plainClient(), ClientRequest(url: "http://nobody.invalid/"))
        #expect(error == .nameNotResolved(host: "nobody.invalid"))
    }

    @Test func aConnectionThatIsNotAnsweredTimesOutWhileConnecting() async throws {
        // With its queue full, a listening socket answers no further connection.
        let (listener, port) = try listenOnLoopback(backlog: 0)
        let fillers = (0..<4).map { _ in Self.connect(to: port) }
        defer { for descriptor in fillers + [listener] { close(descriptor) } }
        let client = try plainClient { $0.connectTimeout = .milliseconds(300) }
        #expect(await failure(client, ClientRequest(url: "http://127.0.0.1:\(port)/")) == .timedOut(.connecting))
    }

    /// Begins a connection without waiting for it.
    private static func connect(to port: UInt16) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
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

    @Test func aServerThatDoesNotSpeakTimesOutInTheHandshake() async throws {
        let server = try RawServer { $0.waitForClose() }
        let client = try secureClient(TLSTrust()) { $0.connectTimeout = .milliseconds(300) }
        let error = await failure(client, ClientRequest(url: server.url(scheme: "https")))
        #expect(error == .timedOut(.handshaking))
    }

    @Test(arguments: [
        ("", TransferPhase.awaitingHeaders), ("HTTP/1.1 200 OK\r\nContent-Le", .awaitingHeaders),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", .receivingBody),
    ])
    func aServerThatStopsAnsweringTimesOut(answer: String, phase: TransferPhase) async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.write(answer)
            connection.waitForClose()
        }
        let deadline = SystemClock().now() + .milliseconds(300)
        #expect(
            await failure(try plainClient(), ClientRequest(url: server.url()), deadline: deadline) == .timedOut(phase))
        try await eventually(within: .seconds(30), "the close") { server.seen.closedByPeer == 1 ? true : nil }
    }

    @Test func aTransferThatStandsStillEndsBeforeItsDeadlineIfSoOrdered() async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
            connection.waitForClose()
        }
        let request = ClientRequest(url: server.url(), idleTimeout: .milliseconds(200))
        #expect(await failure(try plainClient(), request) == .timedOut(.receivingBody))
    }

    @Test func aRequestWhoseDeadlineIsPastIsNotSent() async throws {
        let server = try RawServer(answer: RequestTests.ok)
        let client = try plainClient()
        let error = await failure(client, ClientRequest(url: server.url()), deadline: SystemClock().now())
        #expect(error == .timedOut(.waiting))
        #expect(server.seen.connections == 0)
    }

    @Test func theDeadlineIsAnInstantOfTheInjectedClock() async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.waitForClose()
        }
        let clock = SetClock()
        let client = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: clock)
        let completions = Completions()
        let deadline = Instant(nanoseconds: 3_600_000_000_000)
        client.start(ClientRequest(url: server.url()), deadline: deadline) { completions.add($0) }
        try await eventually(within: .seconds(30), "the request") { server.seen.requests.count == 1 ? true : nil }
        #expect(completions.count == 0)
        clock.set(deadline)
        try await eventually(within: .seconds(30), "the time-out") { completions.count == 1 ? true : nil }
        #expect(completions.kinds == ["timedOut(awaitingHeaders)"])
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
    func optionsThatCannotWorkAreRefused(options: HTTPClientOptions) {
        #expect(throws: HTTPClientError.self) {
            _ = try HTTPClient(options: options, clock: SystemClock())
        }
    }
}

/// A clock that stands still until it is set.
final class SetClock: Clock {
    private let time = Mutex(Instant(nanoseconds: 0))

    func set(_ instant: Instant) { time.withLock { $0 = instant } }
    func now() -> Instant { time.withLock { $0 } }
    func wallTime() -> WallTime { WallTime(nanoseconds: 0) }
    func sleep(until deadline: Instant) async throws { throw TestFailure("nobody sleeps here") }
}
