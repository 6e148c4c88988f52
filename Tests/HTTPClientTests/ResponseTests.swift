import HTTPClient
import Platform
import TestSupport
import Testing

@Suite struct ResponseTests {
    /// Sends one GET to a server that answers with `text` and closes.
    private func answer(_ text: String, _ request: (String) -> ClientRequest = { ClientRequest(url: $0) }) async
        -> Result<ClientResponse, HTTPClientError>
    {
        await answer(Array(text.utf8), request)
    }

    private func answer(
        _ bytes: [UInt8], _ request: (String) -> ClientRequest = { ClientRequest(url: $0) }
    ) async -> Result<ClientResponse, HTTPClientError> {
        do {
            let server = try RawServer { connection in
                guard connection.readRequest() != nil else { return }
                connection.write(bytes)
            }
            let client = try plainClient()
            return .success(try await client.send(request(server.url()), deadline: farDeadline))
        } catch let error as HTTPClientError {
            return .failure(error)
        } catch {
            Issue.record(error)
            return .failure(.closed)
        }
    }

    private func kindOf(_ result: Result<ClientResponse, HTTPClientError>) -> String {
        switch result {
        case .success(let response): "\(response.status)"
        case .failure(let error): kind(error)
        }
    }

    @Test func `status, fields and body arrive as they were sent`() async throws {
        let response = try await answer(
            "HTTP/1.1 503 Later\r\nRetry-After:  7 \r\nX-Two: a\r\nx-two: b\r\nX-Empty:\r\nContent-Length: 3\r\n\r\nabc"
        ).get()
        #expect(response.status == 503)
        #expect(response.text == "abc")
        #expect(response["retry-after"] == "7")
        #expect(response["X-TWO"] == "a")
        #expect(response["X-Empty"] == "")
        #expect(response["X-None"] == nil)
        #expect(response.headers.map(\.name) == ["Retry-After", "X-Two", "x-two", "X-Empty", "Content-Length"])
    }

    @Test func `a chunked body is joined and its trailer dropped`() async throws {
        let response = try await answer(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-Trailer: 1\r\n\r\n"
        ).get()
        #expect(response.text == "abcdefg")
        #expect(response["X-Trailer"] == nil)
    }

    @Test func `interim responses are skipped`() async throws {
        let response = try await answer(
            "HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        ).get()
        #expect(response.status == 200)
        #expect(response.headers.map(\.name) == ["Content-Length"])
    }

    @Test func `a body without a length ends with the connection`() async throws {
        #expect(try await answer("HTTP/1.1 200 OK\r\n\r\nabc").get().text == "abc")
    }

    @Test(arguments: [
        ("garbage\r\n\r\n", "malformedResponse"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "malformedResponse"),
        ("HTTP/1.1 abc\r\n\r\n", "malformedResponse"),
        ("HTTP/7.1 200 OK\r\n\r\n", "malformedResponse"),
        ("HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n", "malformedResponse"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "malformedResponse"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "connectionFailed"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "connectionFailed"),
        ("HTTP/1.1 200 OK\r\nContent-Le", "malformedResponse"),
        ("", "connectionFailed"),
    ])
    func `an incomplete response is an error`(text: String, expected: String) async {
        let result = await answer(text)
        #expect(kindOf(result) == expected, "\(result)")
    }

    @Test func `a connection reset is a failed connection`() async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.reset()
        }
        #expect(kind(await failure(try plainClient(), ClientRequest(url: server.url()))) == "connectionFailed")
    }

    @Test(arguments: [(1_000, "200"), (999, "responseTooLarge"), (0, "responseTooLarge")])
    func `a body may be as large as the request allows`(limit: Int, expected: String) async {
        let body = String(repeating: "x", count: 1_000)
        for framing in [
            "Content-Length: 1000\r\n\r\n\(body)", "Transfer-Encoding: chunked\r\n\r\n3e8\r\n\(body)\r\n0\r\n\r\n",
        ] {
            let result = await answer("HTTP/1.1 200 OK\r\n" + framing) {
                ClientRequest(url: $0, maximumResponseBytes: limit)
            }
            #expect(kindOf(result) == expected)
        }
    }

    @Test func `an endless header is refused`() async {
        let fields = String(repeating: "X: " + String(repeating: "y", count: 1_000) + "\r\n", count: 200)
        #expect(kindOf(await answer("HTTP/1.1 200 OK\r\n" + fields + "\r\n")) == "malformedResponse")
    }

    /// gzip of 100,000 times `x`.
    private static let gzip: [UInt8] = [
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x31, 0x01, 0x00, 0x00,
        0x00, 0xc2, 0xa0, 0xda, 0x8b, 0x6f, 0x0d, 0x0f, 0xa0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x57, 0x03, 0x71, 0x11, 0x07, 0xfe,
        0xa0, 0x86, 0x01, 0x00,
    ]

    @Test func `compression is opt-in and the size limit counts decompressed bytes`() async throws {
        var response = Array(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(Self.gzip.count)\r\n\r\n".utf8)
        response += Self.gzip
        let raw = try await answer(response).get()
        #expect(raw.body == Self.gzip)
        let decoded = try await answer(response) { ClientRequest(url: $0, acceptsCompression: true) }.get()
        #expect(decoded.body == [UInt8](repeating: UInt8(ascii: "x"), count: 100_000))
        let tooLarge = await answer(response) {
            ClientRequest(url: $0, maximumResponseBytes: 99_999, acceptsCompression: true)
        }
        #expect(kindOf(tooLarge) == "responseTooLarge")
    }
}
