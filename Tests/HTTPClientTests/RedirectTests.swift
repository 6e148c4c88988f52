import HTTPClient
import Platform
import TestSupport
import Testing

@Suite struct RedirectTests {
    @Test func `a cookie that a redirect sets goes where it belongs, and nowhere else`() async throws {
        let other = try RawServer(answer: "HTTP/1.1 204 X\r\n\r\n")
        let elsewhere = "http://localhost:\(other.port)/"
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                let isKnown = request.contains("\r\nCookie: session=1\r\n")
                connection.write(
                    isKnown
                        ? "HTTP/1.1 302 X\r\nLocation: \(elsewhere)\r\nContent-Length: 0\r\n\r\n"
                        : "HTTP/1.1 302 X\r\nSet-Cookie: session=1; Path=/\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
            }
        }
        let client = try plainClient()
        for _ in 0..<2 {
            let request = ClientRequest(url: server.url(), maximumRedirects: 5)
            #expect(try await client.send(request, deadline: farDeadline).status == 204)
        }
        #expect(server.seen.requests.count == 4, "a new request begins without cookies")
        #expect(other.seen.requests.allSatisfy { !$0.contains("Cookie") })
        var own = ClientRequest(url: server.url(), headers: [("Cookie", "a=b")], maximumRedirects: 5)
        own.headersElsewhere = []
        #expect(kind(await failure(client, own)) == "tooManyRedirects")
        #expect(server.seen.requests.dropFirst(4).allSatisfy { $0.contains("\r\nCookie: a=b\r\n") })
        await client.shutdown()
    }

    /// A server that redirects `/N` to `/N-1` on itself, and `/0` not at all.
    private func countdown() throws -> RawServer {
        try RawServer { connection in
            while let request = connection.readRequest() {
                let number = Int(request.split(separator: " ")[1].dropFirst()) ?? 0
                if number > 0 {
                    connection.write("HTTP/1.1 302 Found\r\nLocation: /\(number - 1)\r\nContent-Length: 4\r\n\r\naway")
                } else {
                    connection.write("HTTP/1.1 200 OK\r\nX-End: 1\r\nContent-Length: 4\r\n\r\nhere")
                }
            }
        }
    }

    private func redirecting(to location: String) throws -> RawServer {
        try RawServer(answer: "HTTP/1.1 302 Found\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n")
    }

    @Test func `a redirect is returned as the response unless following is allowed`() async throws {
        let server = try countdown()
        let response = try await plainClient().send(ClientRequest(url: server.url("/1")), deadline: farDeadline)
        #expect(response.status == 302)
        #expect(response["Location"] == "/0")
        #expect(response.text == "away")
        #expect(server.seen.requests.count == 1)
    }

    @Test func `redirects are followed up to the limit`() async throws {
        let server = try countdown()
        let client = try plainClient()
        let response = try await client.send(
            ClientRequest(url: server.url("/3"), maximumRedirects: 3), deadline: farDeadline)
        #expect(response.status == 200)
        #expect(response.text == "here")
        #expect(server.seen.requests.count == 4)
        #expect(response.headers.map(\.name) == ["X-End", "Content-Length"])
        let error = await failure(client, ClientRequest(url: server.url("/4"), maximumRedirects: 3))
        #expect(error == .tooManyRedirects(3))
    }

    @Test func `a redirect without a location is returned as the response`() async throws {
        let server = try RawServer(answer: "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n")
        let request = ClientRequest(url: server.url(), maximumRedirects: 3)
        #expect(try await plainClient().send(request, deadline: farDeadline).status == 304)
    }

    @Test func `no header field of a request is sent to another origin, nor back from there`() async throws {
        let other = try RawServer(answer: RequestTests.ok)
        let server = try redirecting(to: other.url("/there"))
        let request = ClientRequest(
            url: server.url(),
            headers: [("Authorization", "Bearer secret"), ("Cookie", "a=b"), ("X-Vault-Token", "secret")],
            headersElsewhere: [("X-Kept", "1")], maximumRedirects: 1)
        #expect(try await plainClient().send(request, deadline: farDeadline).status == 200)
        #expect(try #require(server.seen.requests.first).contains("Authorization: Bearer secret\r\n"))
        let forwarded = try #require(other.seen.requests.first)
        #expect(forwarded.hasPrefix("GET /there HTTP/1.1\r\n"))
        #expect(!forwarded.contains("secret"))
        #expect(!forwarded.contains("a=b"))
        #expect(forwarded.contains("X-Kept: 1\r\n"))
        let third = try redirecting(to: server.url("/back"))
        let back = try redirecting(to: third.url("/third"))
        var again = request
        again.url = back.url()
        again.maximumRedirects = 3
        #expect(try await plainClient().send(again, deadline: farDeadline).status == 200)
        #expect(other.seen.requests.count == 2)
        for request in third.seen.requests + server.seen.requests.dropFirst() { #expect(!request.contains("secret")) }
    }

    @Test func `credentials are sent again to the same host`() async throws {
        let server = try countdown()
        let request = ClientRequest(
            url: server.url("/1"), headers: [("Authorization", "Bearer secret")], maximumRedirects: 1)
        #expect(try await plainClient().send(request, deadline: farDeadline).status == 200)
        #expect(server.seen.requests.count == 2)
        #expect(server.seen.requests.allSatisfy { $0.contains("Authorization: Bearer secret\r\n") })
    }

    @Test(arguments: [
        ("/b c", "/b%20c"), ("d?e#f", "/a/d?e"), ("?g", "/a/x?g"), ("../h", "/h"), ("/\u{e9}", "/%c3%a9"),
    ])
    func `a location is resolved as libcurl does`(location: String, target: String) async throws {
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                let isFirst = request.hasPrefix("GET /a/x ")
                let head = isFirst ? "302 Found\r\nLocation: \(location)" : "200 OK"
                connection.write("HTTP/1.1 \(head)\r\nContent-Length: 0\r\n\r\n")
            }
        }
        let request = ClientRequest(url: server.url("/a/x"), maximumRedirects: 1)
        #expect(try await plainClient().send(request, deadline: farDeadline).status == 200)
        #expect(server.seen.requests.last?.hasPrefix("GET \(target) HTTP/1.1\r\n") == true, "\(server.seen.requests)")
    }

    @Test func `a redirect whose body never ends is followed`() async throws {
        let end = try RawServer(answer: RequestTests.ok)
        let server = try RawServer(answer: "HTTP/1.1 302 Found\r\nLocation: \(end.url())\r\n\r\nendless")
        let request = ClientRequest(url: server.url(), maximumRedirects: 1)
        #expect(try await plainClient().send(request, deadline: farDeadline).status == 200)
    }

    @Test(arguments: [(301, "GET", ""), (302, "GET", ""), (303, "GET", ""), (307, "POST", "abc"), (308, "POST", "abc")])
    func `a redirected POST keeps its body after 307 and 308 only`(
        status: Int, method: String, body: String
    ) async throws {
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                let isFirst = request.hasPrefix("POST /first ")
                let head = isFirst ? "\(status) Go\r\nLocation: /second" : "200 OK"
                connection.write("HTTP/1.1 \(head)\r\nContent-Length: 0\r\n\r\n")
            }
        }
        let request = ClientRequest(
            "POST", url: server.url("/first"), headers: [("Content-Type", "text/plain")], body: Array("abc".utf8),
            maximumRedirects: 1)
        #expect(try await plainClient().send(request, deadline: farDeadline).status == 200)
        let last = try #require(server.seen.requests.last)
        #expect(last.hasPrefix("\(method) /second HTTP/1.1\r\n"))
        #expect(last.contains("Content-Type") == !body.isEmpty)
        #expect(last.hasSuffix("\r\n\r\n\(body)"))
    }

    @Test(arguments: ["ftp://127.0.0.1/x", "file:///etc/passwd", "gopher://127.0.0.1/"])
    func `a redirect to another protocol is refused`(location: String) async throws {
        let server = try redirecting(to: location)
        let error = await failure(try plainClient(), ClientRequest(url: server.url(), maximumRedirects: 3))
        #expect(kind(error) == "invalidRedirect")
    }

    @Test func `a redirected POST becomes a GET without a body`() async throws {
        let server = try countdown()
        let request = ClientRequest("POST", url: server.url("/1"), body: Array("abc".utf8), maximumRedirects: 1)
        #expect(try await plainClient().send(request, deadline: farDeadline).status == 200)
        #expect(server.seen.requests.count == 2)
        #expect(server.seen.requests.last?.hasPrefix("GET /0 HTTP/1.1\r\n") == true)
        #expect(server.seen.requests.last?.hasSuffix("\r\n\r\n") == true)
    }

    /// As Python's requests does; curl with `-X` as well but for the method, which it keeps.
    @Test(arguments: ["PUT", "DELETE", "PATCH", "OPTIONS"], [301, 302, 303, 307, 308])
    func `a redirected request keeps its method where the status says so, and its body with 307 and 308`(
        method: String, status: Int
    ) async throws {
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                let answer = request.contains(" /first ") ? "\(status) X\r\nLocation: /second" : "200 OK"
                connection.write("HTTP/1.1 \(answer)\r\nContent-Length: 0\r\n\r\n")
            }
        }
        let request = ClientRequest(method, url: server.url("/first"), body: Array("abc".utf8), maximumRedirects: 3)
        #expect(try await plainClient().send(request, deadline: farDeadline).status == 200)
        let last = try #require(server.seen.requests.last)
        #expect(last.hasPrefix("\(status == 302 || status == 303 ? "GET" : method) /second HTTP/1.1\r\n"))
        #expect(last.hasSuffix("\r\n\r\n\(status >= 307 ? "abc" : "")"))
    }
}
