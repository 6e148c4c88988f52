import Glibc
import Platform
import TestKit
import Testing

@testable import HTTPServer

@Suite(.serialized) struct HTTPServerTests {
    static func get(_ path: String, _ fields: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
    }

    static let last = "Connection: close\r\n"

    @Test func `requests on one connection are answered one after the other`() async throws {
        try await withServer { server, _ in
            let client = TestClient(port: server.port)
            for index in 0..<3 {
                let body = "number \(index)"
                client.send(
                    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
                let answer = client.receive(until: body)
                #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\nDate: "))
                #expect(answer.contains("\r\nContent-Length: 8\r\nContent-Type: application/json\r\n\r\nnumber"))
            }
            #expect(server.openConnections == 1)
            #expect(server.counters.requests.value == 3)
        }
    }

    @Test func `pipelined requests answered from other threads keep their order`() async throws {
        try await withServer { server, handler in
            let client = TestClient(port: server.port)
            client.send(Self.get("/later1") + Self.get("/hello") + Self.get("/later2", Self.last))
            let waiting = try await handler.waiting(2)
            waiting[1].responder.respond(.text(200, "second"))
            waiting[0].responder.respond(.text(200, "first"))
            let bodies = client.receiveToEnd().split(separator: "\r\n\r\n").dropFirst().map { String($0.prefix(2)) }
            #expect(bodies == ["fi", "{}", "se"])
        }
    }

    @Test func `a dropped responder answers 500`() async throws {
        try await withServer { server, _ in
            let client = TestClient(port: server.port)
            client.send(Self.get("/dropped", Self.last))
            #expect(client.receiveToEnd().hasPrefix("HTTP/1.1 500 "))
        }
    }

    @Test func `a large response reaches a slow client`() async throws {
        try await withServer { server, _ in
            let client = TestClient(port: server.port)
            client.send(Self.get("/big", Self.last))
            try await Task.sleep(for: .milliseconds(100))
            let answer = client.receiveToEnd()
            #expect(answer.utf8.count > TestHandler.big.count)
            #expect(answer.hasSuffix("bbbb"))
        }
    }

    @Test func `a client that is still sending can read an error response`() async throws {
        try await withServer { server, _ in
            let client = TestClient(port: server.port)
            client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n")
            client.send([UInt8](repeating: 0x78, count: 8_000_000))
            #expect(client.receiveToEnd().hasPrefix("HTTP/1.1 413 Content Too Large\r\n"))
            #expect(!client.wasReset)
        }
    }

    @Test func `an error response does not affect other connections`() async throws {
        try await withServer { server, _ in
            let good = TestClient(port: server.port)
            good.send(Self.get("/hello"))
            _ = good.receive(until: "{}")
            let bad = TestClient(port: server.port)
            bad.send("GET / HTTP/1.1\r\nHost : a\r\n\r\n")
            #expect(bad.receiveToEnd().hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            good.send(Self.get("/hello", Self.last))
            #expect(good.receiveToEnd().hasSuffix("{}"))
            #expect(server.counters.refusedRequests.value == 1)
        }
    }

    @Test func `a client that half-closes is answered`() async throws {
        try await withServer { server, _ in
            let client = TestClient(port: server.port)
            client.send(Self.get("/hello"))
            client.endSending()
            #expect(client.receiveToEnd().hasSuffix("{}"))
            try await eventually { server.openConnections == 0 }
        }
    }

    @Test func `a client sends the body after 100 Continue`() async throws {
        try await withServer { server, _ in
            let client = TestClient(port: server.port)
            client.send(
                "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\(Self.last)\r\n")
            #expect(client.receive(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            client.send("body")
            #expect(client.receiveToEnd().hasSuffix("\r\n\r\nbody"))
        }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost", "HTTP/1.1 408 "),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx", "HTTP/1.1 408 "), ("", ""),
    ])
    func `a slow client gets a 408 if it has sent a part of a request`(text: String, expected: String) async throws {
        var limits = HTTPLimits()
        limits.headerTimeout = .milliseconds(200)
        limits.bodyTimeout = .milliseconds(200)
        try await withServer(limits: limits) { server, _ in
            let client = TestClient(port: server.port)
            client.send(text)
            let answer = client.receiveToEnd()
            #expect(answer.hasPrefix(expected) && answer.isEmpty == expected.isEmpty)
            #expect(!client.wasReset)
        }
    }

    @Test func `a header that trickles in times out`() async throws {
        var limits = HTTPLimits()
        limits.headerTimeout = .milliseconds(300)
        try await withServer(limits: limits) { server, _ in
            let client = TestClient(port: server.port)
            client.send("GET / HTTP/1.1\r\nX: ")
            for _ in 0..<60 where server.counters.refusedRequests.value == 0 {
                client.send("x")
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(client.receiveToEnd().hasPrefix("HTTP/1.1 408 "))
        }
    }

    @Test func `an idle connection is closed and one that waits for a response is not`() async throws {
        var limits = HTTPLimits()
        limits.idleTimeout = .milliseconds(200)
        limits.headerTimeout = .milliseconds(200)
        try await withServer(limits: limits) { server, handler in
            let idle = TestClient(port: server.port)
            idle.send(Self.get("/hello"))
            let waiting = TestClient(port: server.port)
            waiting.send(Self.get("/later", Self.last))
            #expect(idle.receiveToEnd().hasSuffix("{}"))
            try await Task.sleep(for: .milliseconds(300))
            try await handler.waiting(1)[0].responder.respond(.text(200, "at last"))
            #expect(waiting.receiveToEnd().hasSuffix("at last\n"))
        }
    }

    @Test func `a client that does not read its response is disconnected`() async throws {
        var limits = HTTPLimits()
        limits.writeTimeout = .milliseconds(200)
        try await withServer(limits: limits) { server, _ in
            let client = TestClient(port: server.port)
            client.send(Self.get("/big") + Self.get("/big") + Self.get("/big"))
            try await eventually { server.openConnections == 1 }
            try await eventually { server.openConnections == 0 }
        }
    }

    private static let known = "GET /known HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret\r\n\r\n"

    @Test func `a flood from one address closes its own oldest connections, and known clients lose none`() async throws
    {
        try await withServer(limits: HTTPLimits(connections: 64), authenticates: true) { server, _ in
            let client = TestClient(port: server.port)
            client.send(Self.known)
            #expect(client.receive(until: "known\n").hasSuffix("known\n"))
            let strangers = (0..<40).map { _ in TestClient(port: server.port) }
            // One in sixteen of 64.
            for stranger in strangers.dropLast(4) { #expect(stranger.receiveToEnd().isEmpty) }
            #expect(server.openConnections == 5)
            #expect(server.counters.crowdedOut.value == 36 && server.counters.turnedAway.value == 0)
            for stranger in strangers.suffix(4) {
                stranger.send(Self.get("/hello"))
                #expect(stranger.receive(until: "{}").hasSuffix("{}"))
            }
            client.send(Self.known)
            #expect(client.receive(until: "known\n").hasSuffix("known\n"))
        }
    }

    @Test func `where nobody authenticates, a full server closes its oldest connection for a new one`() async throws {
        try await withServer(limits: HTTPLimits(connections: 4)) { server, _ in
            var clients: [TestClient] = []
            for _ in 0..<9 {
                let client = TestClient(port: server.port)
                client.send(Self.get("/hello"))
                #expect(client.receive(until: "{}").hasSuffix("{}"))
                clients.append(client)
            }
            #expect(server.counters.turnedAway.value == 0)
            for client in clients.dropLast(2) { #expect(client.receiveToEnd().isEmpty) }
        }
    }

    @Test func `connections of known clients beyond the limit are refused`() async throws {
        var limits = HTTPLimits()
        limits.connections = 2
        try await withServer(loops: 2, limits: limits, authenticates: true) { server, _ in
            var clients: [TestClient] = []
            for _ in 0..<2 {
                let client = TestClient(port: server.port)
                client.send(Self.known)
                #expect(client.receive(until: "known\n").hasSuffix("known\n"))
                clients.append(client)
            }
            let third = TestClient(port: server.port)
            #expect(third.receiveToEnd().isEmpty)
            #expect(server.counters.turnedAway.value == 1)
            // An optimised build would close the two after their last use.
            withExtendedLifetime(clients) {}
        }
    }

    @Test func `connections are spread over the loops`() async throws {
        try await withServer(loops: 3) { server, handler in
            var clients: [TestClient] = []
            for _ in 0..<9 {
                let client = TestClient(port: server.port)
                client.send(Self.get("/hello"))
                #expect(client.receive(until: "{}").hasSuffix("{}"))
                clients.append(client)
            }
            #expect(server.connectionsOfLoops == [3, 3, 3])
            for client in clients { client.send(Self.get("/later", Self.last)) }
            for (_, responder) in try await handler.waiting(9) { responder.respond(.text(200, "ok")) }
            for client in clients { #expect(client.receiveToEnd().hasSuffix("ok\n")) }
        }
    }

    @Test func `stopping finishes requests and refuses new connections`() async throws {
        let handler = TestHandler()
        let server = try HTTPServer(
            options: HTTPServerOptions(name: "test", host: "127.0.0.1", port: 0), handler: handler,
            clock: SystemClock(), log: Log(sink: NoLog()))
        try server.start()
        let idle = TestClient(port: server.port)
        idle.send(Self.get("/hello"))
        _ = idle.receive(until: "{}")
        let busy = TestClient(port: server.port)
        busy.send(Self.get("/later"))
        let responder = try await handler.waiting(1)[0].responder
        async let stopped: Void = server.stop(within: .seconds(60))
        #expect(idle.receiveToEnd().isEmpty)
        responder.respond(.text(200, "under way"))
        let answer = busy.receiveToEnd()
        #expect(answer.contains("Connection: close\r\n"))
        #expect(answer.hasSuffix("under way\n"))
        await stopped
        #expect(server.openConnections == 0)
        #expect(TestClient(port: server.port).receiveToEnd().isEmpty)
        responder.respond(.text(200, "too late for anything"))
    }

    @Test func `stopping cuts off what is not finished in time`() async throws {
        try await withServer { server, handler in
            let client = TestClient(port: server.port)
            client.send(Self.get("/later"))
            _ = try await handler.waiting(1)
            await server.stop(within: .milliseconds(100))
            #expect(client.receiveToEnd().isEmpty)
            #expect(server.openConnections == 0)
        }
    }

    @Test func `the peer is the client's address, on a dual-stack socket too`() async throws {
        let server = try HTTPServer(
            options: HTTPServerOptions(name: "test", port: 0), handler: TestHandler(), clock: SystemClock(),
            log: Log(sink: NoLog()))
        try server.start()
        let client = TestClient(port: server.port)
        client.send(Self.get("/peer", Self.last))
        #expect(client.receiveToEnd().hasSuffix("\r\n\r\n127.0.0.1\n"))
        await server.stop(within: .seconds(5))
    }

    @Test func `a taken port is an error with address and reason`() async throws {
        try await withServer { server, handler in
            let options = HTTPServerOptions(name: "test", host: "127.0.0.1", port: server.port)
            #expect {
                try HTTPServer(options: options, handler: handler, clock: SystemClock(), log: Log(sink: NoLog()))
            } throws: { error in
                "\(error)" == "cannot listen on 127.0.0.1 port \(server.port): bind: Address already in use"
            }
        }
    }

    @Test func `a limit out of range is an error with its name`() {
        var options = HTTPServerOptions(name: "test", port: 0)
        options.limits.headerBytes = 70_000
        #expect(throws: HTTPServerError.invalidOption(name: "headerBytes", reason: "must be 256 to 65535, not 70000")) {
            try HTTPServer(options: options, handler: TestHandler(), clock: SystemClock(), log: Log(sink: NoLog()))
        }
        options = HTTPServerOptions(name: "test", port: 0, loops: 0)
        #expect(throws: HTTPServerError.invalidOption(name: "loops", reason: "must be 1 to 64, not 0")) {
            try HTTPServer(options: options, handler: TestHandler(), clock: SystemClock(), log: Log(sink: NoLog()))
        }
    }

    @Test func `bad requests leave no connection open`() async throws {
        let requests =
            RequestRejectionTests.requestLines + RequestRejectionTests.fieldLines + RequestRejectionTests.framing
        try await withServer(loops: 2) { server, _ in
            for _ in 0..<10 {
                for (text, error) in requests {
                    let client = TestClient(port: server.port)
                    client.send(text)
                    #expect(client.receiveToEnd().hasPrefix("HTTP/1.1 \(error.status) "), "\(text)")
                }
            }
            #expect(server.counters.refusedRequests.value == UInt64(requests.count * 10))
            try await eventually { server.openConnections == 0 }
            try await eventually { Self.sockets(boundTo: server.port) == 1 }
        }
    }

    /// How many of this process's sockets have that port as their own: the listener and what it has accepted.
    private static func sockets(boundTo port: UInt16) -> Int {
        (0..<min(getdtablesize(), 65_536)).count { number in
            fcntl(number, F_GETFD) >= 0 && SocketAddress.local(of: number).port == port
        }
    }
}
