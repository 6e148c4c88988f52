import HTTPClient
import HTTPServer
import TestSupport
import Testing

/// Proxies that belong to one request, and digest authentication.
@Suite struct ProxyRulesTests {
    private func proxied(_ port: UInt16, url: String, exceptions: [String] = []) -> ClientRequest {
        var request = ClientRequest(url: url, maximumRedirects: 5)
        let proxy = "http://user:pw@127.0.0.1:\(port)"
        request.proxies = ProxyRules(http: proxy, https: proxy, exceptions: ProxyExceptions(exceptions))
        return request
    }

    @Test func `an http URL is asked of the proxy, with its credentials`() async throws {
        let proxy = try RawServer(answer: "HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\nok")
        let client = try plainClient()
        let response = try await client.send(proxied(proxy.port, url: "http://a.invalid/x"), deadline: farDeadline)
        #expect(response.text == "ok")
        let request = try #require(proxy.seen.requests.first)
        #expect(request.hasPrefix("GET http://a.invalid/x HTTP/1.1\r\n"))
        #expect(request.contains("\r\nProxy-Authorization: Basic dXNlcjpwdw==\r\n"))
        await client.shutdown()
    }

    @Test func `an https URL is tunnelled, and the proxy's own answer is no response`() async throws {
        let server = try TLSServer(answer: { _ in .text(503, "late") })
        let port = server.port
        let proxy = try RawServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.write("HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n")
            connection.tunnel(to: port)
        }
        let client = try secureClient(TLSTrust(caPEM: server.identity.certificatePEM))
        var request = proxied(proxy.port, url: server.url())
        let whole = try await client.send(request, deadline: farDeadline)
        #expect(whole.status == 503 && whole["X-Proxy"] == nil && whole.text == "late\n")
        request.bodyUse = .unread
        #expect(try await client.send(request, deadline: farDeadline).status == 503)
        #expect(proxy.seen.requests.allSatisfy { $0.hasPrefix("CONNECT 127.0.0.1:\(port) HTTP/1.1\r\n") })
        await client.shutdown()
        await server.stop()
    }

    @Test func `a proxy that declines is a failed connection`() async throws {
        let proxy = try RawServer(answer: "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
        let client = try secureClient(TLSTrust())
        let error = await failure(client, proxied(proxy.port, url: "https://a.invalid/"))
        #expect(kind(error) == "connectionFailed" && error?.description.contains("407") == true)
        await client.shutdown()
    }

    @Test func `each hop of a redirect has its own proxy`() async throws {
        let target = try RawServer(answer: "HTTP/1.1 204 X\r\n\r\n")
        let proxy = try RawServer(answer: "HTTP/1.1 302 X\r\nLocation: \(target.url())\r\nContent-Length: 0\r\n\r\n")
        let client = try plainClient()
        let request = proxied(proxy.port, url: "http://a.invalid/", exceptions: ["127.0.0.0/8"])
        #expect(try await client.send(request, deadline: farDeadline).status == 204)
        #expect(target.seen.requests.first?.hasPrefix("GET / HTTP/1.1\r\n") == true)
        #expect(target.seen.requests.first?.contains("Proxy-Authorization") == false)
        await client.shutdown()
    }

    @Test(arguments: [
        ("a.example", "a.example", true), ("b.a.example", "a.example", true), ("ba.example", "a.example", false),
        ("a.example", ".a.example", false), ("b.a.example", ".a.example", true), ("b.a.example", "*.a.example", true),
        ("A.Example", "a.EXAMPLE", true), ("x", "*", true), ("10.1.2.3", "10.0.0.0/8", true),
        ("11.1.2.3", "10.0.0.0/8", false), ("[fd00::1]", "fd00::/16", true), ("10.1.2.3", "10.1.2.3", true),
        ("a.example:8080", "a.example", true), ("a.example:8080", "a.example:8080", true),
        ("a.example:8080", "a.example:80", false), ("a.example", "a.example:80", true), ("a", "", false),
    ]) func `hosts are excepted by name, domain, address and network`(_ host: String, _ entry: String, _ isIn: Bool) {
        #expect(ProxyExceptions([entry]).contain(host, defaultPort: 80) == isIn)
    }

    private static let challenge =
        "HTTP/1.1 401 X\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\nContent-Length: 2\r\n\r\nno"

    @Test(arguments: [false, true]) func `a digest challenge is answered`(ignoresBody: Bool) async throws {
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                let isAnswered = request.contains("\r\nAuthorization: Digest username=\"u\"")
                connection.write(isAnswered ? "HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\nok" : Self.challenge)
            }
        }
        let client = try plainClient()
        var request = ClientRequest(url: server.url())
        request.digest = ("u", "p")
        if ignoresBody { request.bodyUse = .unread }
        let response = try await client.send(request, deadline: farDeadline)
        #expect(response.status == 200 && response.text == (ignoresBody ? "" : "ok"))
        // libcurl asks once more before it answers.
        #expect(server.seen.requests.count == 3)
        await client.shutdown()
    }

    @Test func `a server that declines the digest, or asks for another scheme, has answered 401`() async throws {
        let client = try plainClient()
        for answer in [Self.challenge, "HTTP/1.1 401 X\r\nWWW-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno"] {
            let server = try RawServer(answer: answer)
            var request = ClientRequest(url: server.url())
            request.digest = ("u", "p")
            #expect(try await client.send(request, deadline: farDeadline).status == 401)
        }
        await client.shutdown()
    }
}
