import Synchronization
import Testing

@testable import HTTPServer

/// A connection's state with a client that reads all it is given.
final class DrivenConnection {
    static let date = Array("Date: then\r\n".utf8)

    var state: ConnectionState
    var paths: [String] = []
    var output = ""
    /// Answered at once; others wait for `respond`.
    var immediate: Set<String> = []
    var error: RequestError?

    init(_ limits: HTTPLimits = HTTPLimits()) {
        state = ConnectionState(limits: limits, peer: Feeding.peer)
    }

    func receive(_ text: String) {
        receive(Array(text.utf8))
    }

    func receive(_ bytes: [UInt8]) {
        run { state, handle in state.receive(bytes.span, handle) }
    }

    func respond(_ sequence: UInt64, _ response: HTTPResponse) {
        state.respond(sequence, response)
        flush()
        while state.canResume {
            run { state, handle in state.resume(handle) }
        }
    }

    func flush() {
        var buffer: [UInt8] = []
        while case .bytes = state.nextWrite(into: &buffer, date: Self.date) {
            output += String(decoding: buffer, as: UTF8.self)
            buffer = []
        }
    }

    var isFinished: Bool { state.isFinished }
    var needsLingering: Bool { state.needsLingering }
    var wantsInput: Bool { state.wantsInput }
    var timeout: ConnectionState.TimeoutPeriod? { state.timeout }

    /// Bodies of the responses so far, which are the paths of their requests.
    var bodies: [String] {
        output.split(separator: "HTTP/1.1 ").map { $0.split(separator: "\r\n\r\n").dropFirst().joined() }
    }

    private func run(_ step: (inout ConnectionState, ConnectionState.Handle) -> RequestError?) {
        var seen: [String] = []
        let immediate = immediate
        let error = step(&state) { _, request in
            seen.append(request.path)
            return immediate.contains(request.path) ? Self.answer(request.path) : nil
        }
        self.error = self.error ?? error
        paths += seen
        flush()
    }

    static func answer(_ text: String, gate: (any ResponseGate)? = nil) -> HTTPResponse {
        HTTPResponse(status: 200, body: [Array(text.utf8)], gate: gate)
    }
}

@Suite struct ConnectionStateTests {
    static func get(_ path: String, _ fields: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
    }

    @Test(arguments: [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]] as [[UInt64]])
    func `pipelined requests are answered in request order`(order: [UInt64]) {
        let connection = DrivenConnection()
        connection.receive(Self.get("/0") + Self.get("/1") + Self.get("/2"))
        #expect(connection.paths == ["/0", "/1", "/2"])
        for sequence in order { connection.respond(sequence, DrivenConnection.answer("/\(sequence)")) }
        #expect(connection.bodies == ["/0", "/1", "/2"])
        #expect(!connection.isFinished)
    }

    @Test func `a response waits for the responses to earlier requests`() {
        let connection = DrivenConnection()
        connection.immediate = ["/quick"]
        connection.receive(Self.get("/slow") + Self.get("/quick"))
        #expect(connection.output.isEmpty)
        connection.respond(0, DrivenConnection.answer("/slow"))
        #expect(connection.bodies == ["/slow", "/quick"])
    }

    @Test func `requests over the limit per connection wait until there is room`() {
        var limits = HTTPLimits()
        limits.pipelinedRequests = 2
        let connection = DrivenConnection(limits)
        connection.receive((0..<5).map { Self.get("/\($0)") }.joined())
        #expect(connection.paths == ["/0", "/1"])
        #expect(!connection.wantsInput)
        #expect(connection.timeout == nil)
        connection.respond(0, DrivenConnection.answer("/0"))
        #expect(connection.paths == ["/0", "/1", "/2"])
        for sequence in 1..<5 as Range<UInt64> {
            connection.respond(sequence, DrivenConnection.answer("/\(sequence)"))
        }
        #expect(connection.bodies == ["/0", "/1", "/2", "/3", "/4"])
        #expect(connection.wantsInput)
    }

    @Test func `a second response and one for no request are dropped`() {
        let connection = DrivenConnection()
        connection.receive(Self.get("/0") + Self.get("/1"))
        connection.respond(1, DrivenConnection.answer("/1"))
        connection.respond(1, DrivenConnection.answer("again"))
        connection.respond(7, DrivenConnection.answer("nobody"))
        connection.respond(0, DrivenConnection.answer("/0"))
        connection.respond(0, DrivenConnection.answer("late"))
        #expect(connection.bodies == ["/0", "/1"])
    }

    @Test func `an error response follows the earlier responses and closes the connection`() {
        let connection = DrivenConnection()
        connection.receive(Self.get("/0") + "GET / HTTP/1.1\r\nHost : a\r\n\r\n" + Self.get("/never"))
        #expect(connection.error == .whitespaceBeforeColon)
        #expect(connection.output.isEmpty)
        connection.respond(0, DrivenConnection.answer("/0"))
        #expect(connection.output.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(connection.output.contains("HTTP/1.1 400 Bad Request\r\n"))
        #expect(connection.output.contains("Connection: close\r\n"))
        #expect(connection.paths == ["/0"])
        #expect(connection.isFinished)
        #expect(connection.needsLingering)
    }

    @Test func `nothing is read after a request that closes the connection`() {
        let connection = DrivenConnection()
        connection.immediate = ["/last", "/never"]
        connection.receive(Self.get("/last", "Connection: close\r\n") + Self.get("/never"))
        #expect(connection.paths == ["/last"])
        #expect(connection.output.contains("Connection: close\r\n"))
        #expect(connection.isFinished)
    }

    @Test func `nothing is written after a response that closes the connection`() {
        let connection = DrivenConnection()
        connection.receive(Self.get("/0") + Self.get("/1"))
        connection.respond(1, DrivenConnection.answer("/1"))
        var last = DrivenConnection.answer("/0")
        last.closesConnection = true
        connection.respond(0, last)
        #expect(connection.bodies == ["/0"])
        #expect(connection.isFinished)
    }

    @Test func `an HTTP/1.0 client is told that the connection stays open`() {
        let connection = DrivenConnection()
        connection.immediate = ["/"]
        connection.receive("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        #expect(connection.output.contains("Connection: keep-alive\r\n"))
        connection.receive("GET / HTTP/1.0\r\n\r\n")
        #expect(connection.output.hasSuffix("Connection: close\r\n\r\n/"))
        #expect(connection.isFinished)
    }

    @Test func `100 Continue is sent once and after the earlier responses`() {
        let connection = DrivenConnection()
        connection.receive(
            Self.get("/0") + "POST /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        #expect(connection.output.isEmpty)
        connection.respond(0, DrivenConnection.answer("/0"))
        #expect(connection.output.hasSuffix("\r\n\r\n/0HTTP/1.1 100 Continue\r\n\r\n"))
        connection.receive("a")
        connection.receive("b")
        connection.respond(1, DrivenConnection.answer("/1"))
        #expect(connection.output.components(of: "100 Continue") == 1)
        #expect(connection.paths == ["/0", "/1"])
    }

    @Test func `100 Continue is not sent to a client that sends the body at once`() {
        let connection = DrivenConnection()
        connection.immediate = ["/"]
        connection.receive("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab")
        #expect(connection.output.components(of: "100 Continue") == 0)
        #expect(connection.paths == ["/"])
    }

    @Test func `requests sent before the client's half-close are answered`() {
        let connection = DrivenConnection()
        connection.receive(Self.get("/0") + "GET /1 HT")
        connection.state.endInput()
        #expect(!connection.isFinished)
        connection.respond(0, DrivenConnection.answer("/0"))
        #expect(connection.bodies == ["/0"])
        #expect(connection.isFinished)
        #expect(!connection.needsLingering)
    }

    @Test func `stopping closes an idle connection at once and a busy one after its responses`() {
        let idle = DrivenConnection()
        idle.immediate = ["/"]
        idle.receive(Self.get("/"))
        idle.state.stop()
        #expect(idle.isFinished)

        let busy = DrivenConnection()
        busy.receive(Self.get("/0") + Self.get("/1"))
        busy.state.stop()
        busy.receive(Self.get("/never"))
        busy.respond(0, DrivenConnection.answer("/0"))
        #expect(!busy.output.contains("Connection: close"))
        busy.respond(1, DrivenConnection.answer("/1"))
        #expect(busy.output.contains("Connection: close"))
        #expect(busy.bodies == ["/0", "/1"])
        #expect(busy.isFinished)
    }

    @Test func `stopping lets a begun request finish and answers it`() {
        let connection = DrivenConnection()
        connection.immediate = ["/a"]
        connection.receive("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx")
        connection.state.stop()
        #expect(!connection.isFinished)
        connection.receive("y")
        #expect(connection.output.contains("Connection: close\r\n"))
        #expect(connection.isFinished)
    }

    @Test func `each phase of a request has its own timeout`() {
        let connection = DrivenConnection()
        connection.immediate = ["/a"]
        #expect(connection.timeout == .init(kind: .header, number: 0))
        connection.receive("POST /a HTTP/1.1\r\n")
        #expect(connection.timeout == .init(kind: .header, number: 0))
        connection.receive("Host: a\r\nContent-Length: 2\r\n\r\n")
        #expect(connection.timeout == .init(kind: .body, number: 0))
        connection.receive("xyGET /b")
        #expect(connection.timeout == .init(kind: .header, number: 1))
        connection.receive(" HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(connection.timeout == nil)
        connection.respond(1, DrivenConnection.answer("/b"))
        #expect(connection.timeout == .init(kind: .idle, number: 2))
    }

    @Test func `a slow header or body gets a 408 and an idle connection gets none`() {
        for (text, kind, expected) in [
            ("GET / HT", TimeoutKind.header, RequestError.headerTooSlow as RequestError?),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx", .body, .bodyTooSlow), ("", .header, nil),
        ] {
            let connection = DrivenConnection()
            connection.receive(text)
            #expect(connection.state.timeOut(kind) == expected)
            connection.flush()
            #expect(connection.output.hasPrefix("HTTP/1.1 408 Request Timeout\r\n") == (expected != nil))
            #expect(connection.isFinished == (expected != nil))
        }
    }
}

extension String {
    /// How often `text` occurs.
    func components(of text: String) -> Int {
        split(separator: text, omittingEmptySubsequences: false).count - 1
    }
}
