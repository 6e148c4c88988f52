import HTTPClient
import Platform
import Synchronization
import TestKit
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct StreamTests {
    static let head = "HTTP/1.1 200 OK\r\nX-Stream: 1\r\nTransfer-Encoding: chunked\r\n\r\n"

    private func text(_ bytes: [UInt8]?) -> String? {
        bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Reads to the end; throws what ended the stream.
    private func readAll(_ stream: ResponseStream) async throws(HTTPClientError) -> Int {
        var count = 0
        while let bytes = try await stream.next() { count += bytes.count }
        return count
    }

    @Test func `a stream delivers the head and the pieces before the body ends`() async throws {
        let first = Gate()
        let second = Gate()
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.write(Self.head)
            first.wait()
            connection.write("3\r\nabc\r\n")
            second.wait()
            connection.write("3\r\ndef\r\n0\r\n\r\n")
            connection.waitForClose()
        }
        let client = try plainClient()
        let stream = client.stream(ClientRequest(url: server.url()), deadline: farDeadline)
        let head = try await stream.head()
        #expect(head.status == 200)
        #expect(head["x-stream"] == "1")
        first.open()
        #expect(text(try await stream.next()) == "abc")
        second.open()
        #expect(text(try await stream.next()) == "def")
        #expect(try await stream.next() == nil)
        #expect(try await stream.next() == nil)
        #expect(try await stream.head().status == 200)
    }

    @Test func `a stream with an error status has a head`() async throws {
        let server = try RawServer(answer: "HTTP/1.1 410 Gone\r\nContent-Length: 3\r\n\r\nold")
        let client = try plainClient()
        let stream = client.stream(ClientRequest(url: server.url()), deadline: farDeadline)
        #expect(try await stream.head().status == 410)
        #expect(text(try await stream.next()) == "old")
        #expect(try await stream.next() == nil)
    }

    @Test func `a stream that cannot begin says why`() async throws {
        let port = try TestEnvironment.freePort()
        let client = try plainClient()
        let stream = client.stream(ClientRequest(url: "http://127.0.0.1:\(port)/"), deadline: farDeadline)
        await #expect(throws: HTTPClientError.connectionRefused("127.0.0.1:\(port)")) { try await stream.head() }
        await #expect(throws: HTTPClientError.connectionRefused("127.0.0.1:\(port)")) { try await stream.next() }
    }

    @Test func `the bytes before a broken stream's error can be read`() async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.write(Self.head + "3\r\nabc\r\n")
        }
        let client = try plainClient()
        let stream = client.stream(ClientRequest(url: server.url()), deadline: farDeadline)
        #expect(text(try await stream.next()) == "abc")
        do throws(HTTPClientError) {
            _ = try await stream.next()
            Issue.record("the stream has a proper end")
        } catch {
            #expect(kind(error) == "connectionFailed")
        }
    }

    @Test func `a slow reader slows the server down and loses nothing`() async throws {
        let piece = [UInt8](repeating: 7, count: 1 << 20)
        let pieces = 64
        let counter = Written()
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(pieces << 20)\r\n\r\n")
            for _ in 0..<pieces where connection.write(piece) { counter.pieces.add(1, ordering: .relaxed) }
            connection.waitForClose()
        }
        let clock = ManualClock()
        let client = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: clock)
        let request = ClientRequest(url: server.url(), idleTimeout: .seconds(60))
        let stream = client.stream(request, deadline: anHourLater, bufferBytes: 64 << 10)
        _ = try await stream.head()
        // The server goes on until the sockets' buffers are full, which are far smaller than the body.
        var before = -1
        try await eventually(within: .seconds(30), "the server to stand still") {
            let now = counter.pieces.load(ordering: .relaxed)
            defer { before = now }
            try await SystemClock().sleep(until: SystemClock().now() + .milliseconds(300))
            return now == before
        }
        #expect(before < pieces / 2)
        // Waiting for the reader is not idleness. Other transfers of the client go on meanwhile.
        clock.advance(by: .seconds(600))
        let other = try RawServer(answer: RequestTests.ok)
        #expect(try await client.send(ClientRequest(url: other.url()), deadline: anHourLater).status == 200)
        let first = try #require(try await stream.next())
        #expect(first.count <= (64 << 10) + (16 << 10))
        #expect(try await first.count + readAll(stream) == pieces << 20)
    }

    @Test func `a released stream is stopped`() async throws {
        let server = try RawServer(stallingAfter: Self.head)
        let client = try plainClient()
        do {
            let stream = client.stream(ClientRequest(url: server.url()), deadline: farDeadline)
            _ = try await stream.head()
        }
        try await eventually(within: .seconds(30), "the close") { server.seen.closedByPeer == 1 }
    }

    @Test func `cancelling a stream's reader closes the connection`() async throws {
        let server = try RawServer(stallingAfter: Self.head)
        let client = try plainClient()
        let stream = client.stream(ClientRequest(url: server.url()), deadline: farDeadline)
        _ = try await stream.head()
        let reader = Task { try await stream.next() }
        try await SystemClock().sleep(until: SystemClock().now() + .milliseconds(50))
        reader.cancel()
        await #expect(throws: HTTPClientError.cancelled) { try await reader.value }
        try await eventually(within: .seconds(30), "the close") { server.seen.closedByPeer == 1 }
    }

    @Test func `shutdown ends a stream`() async throws {
        let server = try RawServer(stallingAfter: Self.head)
        let client = try plainClient()
        let stream = client.stream(ClientRequest(url: server.url()), deadline: .distantFuture)
        _ = try await stream.head()
        await client.shutdown()
        await #expect(throws: HTTPClientError.closed) { try await stream.next() }
    }
}

/// How much a server has written.
private final class Written: Sendable {
    let pieces = Atomic<Int>(0)
}
