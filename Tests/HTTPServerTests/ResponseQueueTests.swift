import Platform
import Synchronization
import Testing

@testable import HTTPServer

/// A gate that says what it is told to, and counts how often it is asked.
final class SwitchedGate: ResponseGate {
    private let state = Mutex((isOpen: true, asked: 0))

    var asked: Int {
        state.withLock { $0.asked }
    }

    func close() {
        state.withLock { $0.isOpen = false }
    }

    func replacement() -> HTTPResponse? {
        state.withLock { state in
            state.asked += 1
            return state.isOpen ? nil : .text(503, "not leading")
        }
    }
}

@Suite struct ResponseQueueTests {
    static let request = ResponseQueue.Request(isHead: false, isHTTP10: false, keepsAlive: true)
    static let date = Array("Date: then\r\n".utf8)

    private func nextWrite(_ queue: inout ResponseQueue) -> (ResponseQueue.Write, String) {
        var buffer: [UInt8] = []
        let write = queue.nextWrite(into: &buffer, date: Self.date)
        return (write, String(decoding: buffer, as: UTF8.self))
    }

    @Test func `a gate is checked when its response is written, not when it is given`() {
        var queue = ResponseQueue()
        let gate = SwitchedGate()
        let first = queue.add(Self.request)
        let second = queue.add(Self.request)
        queue.respond(second, DrivenConnection.answer("leader's", gate: gate))
        #expect(nextWrite(&queue).0 == .nothing)
        #expect(gate.asked == 0)
        gate.close()
        queue.respond(first, DrivenConnection.answer("first"))
        let (write, text) = nextWrite(&queue)
        #expect(write == .bytes)
        #expect(text.contains("first"))
        #expect(text.contains("HTTP/1.1 503 Service Unavailable\r\n"))
        #expect(text.hasSuffix("not leading\n"))
        #expect(!text.contains("leader's"))
    }

    @Test func `an open gate lets its response pass`() {
        var queue = ResponseQueue()
        let gate = SwitchedGate()
        _ = queue.add(Self.request, DrivenConnection.answer("leader's", gate: gate))
        #expect(nextWrite(&queue).1.hasSuffix("\r\n\r\nleader's"))
        #expect(gate.asked == 1)
    }

    @Test func `a partly written response is cut off when its gate closes`() {
        var queue = ResponseQueue()
        let gate = SwitchedGate()
        _ = queue.add(Self.request, DrivenConnection.answer("leader's", gate: gate))
        var buffer: [UInt8] = []
        #expect(queue.nextWrite(into: &buffer, date: Self.date) == .bytes)
        queue.keepUnsent(buffer[10...])
        #expect(queue.isBlocked == true)
        gate.close()
        #expect(nextWrite(&queue).0 == .refused)
    }

    @Test func `a blocked write goes on with exactly its rest while the gate is open`() {
        var queue = ResponseQueue()
        let gate = SwitchedGate()
        _ = queue.add(Self.request, DrivenConnection.answer("leader's", gate: gate))
        var buffer: [UInt8] = []
        #expect(queue.nextWrite(into: &buffer, date: Self.date) == .bytes)
        queue.keepUnsent(buffer[10...])
        let (write, rest) = nextWrite(&queue)
        #expect(write == .bytes)
        #expect(Array(rest.utf8) == Array(buffer[10...]))
        #expect(gate.asked == 2)
        #expect(queue.isEmpty == true)
    }

    @Test func `a large body is written in records and its gate is checked before each`() {
        var queue = ResponseQueue()
        let gate = SwitchedGate()
        let pieces = (0..<50).map { [UInt8](repeating: UInt8($0), count: 1_000) } + [[]]
        _ = queue.add(Self.request, HTTPResponse(status: 200, body: pieces, gate: gate))
        var written: [UInt8] = []
        var writes = 0
        while true {
            var buffer: [UInt8] = []
            guard queue.nextWrite(into: &buffer, date: Self.date) == .bytes else { break }
            #expect(buffer.count <= 16_384)
            written += buffer
            writes += 1
        }
        #expect(writes == 4)
        #expect(gate.asked == 4)
        #expect(Array(written.suffix(50_000)) == pieces.flatMap { $0 })

        _ = queue.add(Self.request, HTTPResponse(status: 200, body: pieces, gate: gate))
        #expect(nextWrite(&queue).0 == .bytes)
        gate.close()
        #expect(nextWrite(&queue).0 == .refused)
    }

    @Test(arguments: [
        (HTTPMethod.get, 200, "200 OK\r\nDate: then\r\nContent-Length: 4\r\nA: b\r\n\r\nbody"),
        (.head, 200, "200 OK\r\nDate: then\r\nContent-Length: 4\r\nA: b\r\n\r\n"),
        (.get, 204, "204 No Content\r\nDate: then\r\nA: b\r\n\r\n"),
        (.get, 304, "304 Not Modified\r\nDate: then\r\nA: b\r\n\r\n"),
        (.get, 299, "299 \r\nDate: then\r\nContent-Length: 4\r\nA: b\r\n\r\nbody"),
    ])
    func `the head of a response describes its body`(method: HTTPMethod, status: Int, expected: String) {
        var queue = ResponseQueue()
        var request = Self.request
        request.isHead = method == .head
        let body = [Array("bo".utf8), Array("dy".utf8)]
        _ = queue.add(request, HTTPResponse(status: status, headers: [("A", "b")], body: body))
        #expect(nextWrite(&queue).1 == "HTTP/1.1 " + expected)
    }

    @Test(
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        ] as [(Int64, String)])
    func `dates are written in HTTP's format`(seconds: Int64, expected: String) {
        #expect(imfFixdate(WallTime(nanoseconds: seconds * 1_000_000_000)) == expected)
    }
}
