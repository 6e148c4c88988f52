import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

@Suite struct RequestTests {
    static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    @Test func `a GET is sent as it was given`() async throws {
        let server = try RawServer(answer: Self.ok)
        let client = try plainClient()
        let request = ClientRequest(
            url: server.url("/a/../b%20c?x=1,2&y=%3D#z"), headers: [("X-One", "1"), ("X-Two", " ")])
        let response = try await client.send(request, deadline: farDeadline)
        #expect(response.status == 200)
        #expect(response.text == "ok")
        #expect(
            server.seen.requests == [
                "GET /a/../b%20c?x=1,2&y=%3D HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n"
                    + "User-Agent: cluster-agent\r\nAccept: */*\r\nX-One: 1\r\nX-Two:\r\n\r\n"
            ])
    }

    @Test(arguments: ["POST", "PUT", "PATCH", "DELETE"])
    func `a body is sent with its length and without added headers`(method: String) async throws {
        let server = try RawServer(answer: Self.ok)
        let client = try plainClient()
        // libcurl would ask for a 100 (Continue) from one megabyte on.
        let body = [UInt8](repeating: UInt8(ascii: "x"), count: 1_500_000)
        _ = try await client.send(ClientRequest(method, url: server.url("/b"), body: body), deadline: farDeadline)
        let request = try #require(server.seen.requests.first)
        #expect(
            request.prefix(200).split(separator: "\r\n\r\n").first
                == "\(method) /b HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\nUser-Agent: cluster-agent\r\nAccept: */*\r\nContent-Length: 1500000"[
                    ...])
        #expect(request.utf8.suffix(1_500_000).elementsEqual(body))
    }

    @Test(arguments: [("POST", "Content-Length: 0"), ("DELETE", nil), ("HEAD", nil), ("OPTIONS", nil)])
    func `a request without a body has none`(method: String, length: String?) async throws {
        let server = try RawServer(answer: "HTTP/1.1 204 No Content\r\n\r\n")
        let client = try plainClient()
        let response = try await client.send(ClientRequest(method, url: server.url()), deadline: farDeadline)
        #expect(response.status == 204)
        let lines = try #require(server.seen.requests.first).split(separator: "\r\n")
        #expect(lines.first == "\(method) / HTTP/1.1")
        #expect(lines.first { $0.hasPrefix("Content-Length") }.map(String.init) == length)
    }

    @Test func `the caller sets the content type of a body`() async throws {
        let server = try RawServer(answer: Self.ok)
        let client = try plainClient()
        let request = ClientRequest(
            "POST", url: server.url(), headers: [("content-type", "application/json")], body: Array("{}".utf8))
        _ = try await client.send(request, deadline: farDeadline)
        #expect(try #require(server.seen.requests.first).contains("content-type: application/json\r\n"))
    }

    @Test(arguments: [
        ClientRequest("GET /", url: "http://127.0.0.1/"),
        ClientRequest("", url: "http://127.0.0.1/"),
        ClientRequest("HEAD", url: "http://127.0.0.1/", body: [1]),
        ClientRequest(url: "http://127.0.0.1/", headers: [("X\r\nY", "1")]),
        ClientRequest(url: "http://127.0.0.1/", headers: [("", "1")]),
        ClientRequest(url: "http://127.0.0.1/", headers: [("X:", "1")]),
        ClientRequest(url: "http://127.0.0.1/", headers: [("X", "1\r\nY: 2")]),
        ClientRequest(url: "http://127.0.0.1/", headers: [("X", "a\0b")]),
        ClientRequest(url: "http://127.0.0.1/", headers: [("content-length", "7")]),
        ClientRequest(url: "http://127.0.0.1/", headers: [("Transfer-Encoding", "chunked")]),
    ])
    func `a request that would smuggle another is refused`(request: ClientRequest) async throws {
        #expect(kind(await failure(try plainClient(), request)) == "invalidRequest")
    }

    @Test(arguments: [
        "", "127.0.0.1", "/path", "http://", "http:///path", "http://127.0.0.1:99999/", "ftp://127.0.0.1/",
        "file:///etc/passwd", "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: 1", "http://127.0.0.1/\0",
        "http://[::1/",
        "http://user:secret@127.0.0.1/", "gopher://secret.example/", "http://secret.example/a b", "secret://x/",
    ])
    func `an invalid URL is refused`(url: String) async throws {
        let error = await failure(try plainClient(), ClientRequest(url: url))
        #expect(kind(error) == "invalidURL")
        #expect(error?.description.contains("secret") == false)
    }

    @Test func `plain HTTP is refused unless allowed`() async throws {
        let client = try secureClient(TLSTrust())
        let error = await failure(client, ClientRequest(url: "http://127.0.0.1:1/"))
        #expect(error == .invalidURL("the scheme is not allowed here, only https is"))
    }

    @Test func `the token is never sent in plain text`() async throws {
        let server = try RawServer(answer: Self.ok)
        let client = try plainClient { $0.bearerToken = { "secret" } }
        _ = try await client.send(ClientRequest(url: server.url()), deadline: farDeadline)
        #expect(try #require(server.seen.requests.first).contains("uthorization") == false)
    }

    @Test func `connectTo changes only the address that is connected to`() async throws {
        let server = try RawServer(answer: Self.ok)
        let client = try plainClient()
        let request = ClientRequest(
            url: "http://api.invalid:1234/x", connectTo: ConnectTarget(host: "127.0.0.1", port: server.port))
        let response = try await client.send(request, deadline: farDeadline)
        #expect(response.status == 200)
        #expect(try #require(server.seen.requests.first).hasPrefix("GET /x HTTP/1.1\r\nHost: api.invalid:1234\r\n"))
    }

    @Test func `connections are kept alive and reused`() async throws {
        let server = try RawServer(answer: Self.ok)
        let client = try plainClient()
        for _ in 0..<10 { _ = try await client.send(ClientRequest(url: server.url()), deadline: farDeadline) }
        #expect(server.seen.requests.count == 10)
        #expect(server.seen.connections == 1)
    }

    @Test func `each request has its own connection when reuse is off`() async throws {
        let server = try RawServer(answer: Self.ok)
        let client = try plainClient { $0.reusesConnections = false }
        for _ in 0..<10 { _ = try await client.send(ClientRequest(url: server.url()), deadline: farDeadline) }
        #expect(server.seen.connections == 10)
    }

    @Test func `no more connections to a host are opened than allowed`() async throws {
        let gate = Gate()
        let server = try RawServer { connection in
            while connection.readRequest() != nil {
                gate.wait()
                connection.write(Self.ok)
            }
        }
        let client = try plainClient { $0.maximumConnectionsPerHost = 2 }
        let completions = Completions()
        for _ in 0..<6 {
            client.start(ClientRequest(url: server.url()), deadline: farDeadline) { completions.add($0) }
        }
        try await eventually(within: .seconds(30), "two requests") { server.seen.requests.count >= 2 }
        gate.open()
        try await eventually(within: .seconds(30), "six responses") { completions.count == 6 }
        #expect(completions.kinds == Array(repeating: "200", count: 6))
        #expect(server.seen.connections == 2)
    }
}
