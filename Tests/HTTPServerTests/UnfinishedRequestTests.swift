import Platform
import TestKit
import Testing

@testable import HTTPServer

@Suite struct UnfinishedRequestTests {
    private static let big =
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 600\r\n\r\n" + String(repeating: "x", count: 500)

    /// Bodies may take longer than these tests wait for their turn beside others.
    private static var limits: HTTPLimits {
        var limits = HTTPLimits()
        limits.unfinishedBytes = 1_000
        limits.connections = 10
        limits.bodyTimeout = .seconds(600)
        return limits
    }

    @Test func `unfinished bodies beyond the total limit are refused and small requests are not`() async throws {
        let limits = Self.limits
        try await withServer(limits: limits) { server, _ in
            let first = TestClient(port: server.port)
            first.send(Self.big)
            try await eventually { server.openConnections == 1 }
            let second = TestClient(port: server.port)
            second.send(Self.big)
            #expect(second.receiveToEnd().hasPrefix("HTTP/1.1 503 "))
            let small = TestClient(port: server.port)
            small.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nsma")
            small.send("ll")
            #expect(small.receive(until: "small").hasPrefix("HTTP/1.1 200 "))
            // What the first has sent still counts; once it is whole, there is room again.
            first.send(String(repeating: "y", count: 100))
            #expect(first.receive(until: "yyyy").hasPrefix("HTTP/1.1 200 "))
            let third = TestClient(port: server.port)
            third.send(Self.big)
            third.send(String(repeating: "z", count: 100))
            #expect(third.receive(until: "zzzz").hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test func `a broken connection gives its share of the limit back`() async throws {
        let limits = Self.limits
        try await withServer(limits: limits) { server, _ in
            for _ in 0..<5 {
                let client = TestClient(port: server.port)
                client.send(Self.big)
                try await eventually { server.openConnections == 1 }
                client.endSending()
                try await eventually { server.openConnections == 0 }
            }
            let last = TestClient(port: server.port)
            last.send(Self.big + String(repeating: "z", count: 100))
            #expect(last.receive(until: "zzzz").hasPrefix("HTTP/1.1 200 "))
            #expect(server.counters.refusedRequests.value == 0)
        }
    }
}
