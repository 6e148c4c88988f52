import Testing

@testable import HTTPServer

@Suite struct RequestParserTests {
    static let accepted: [(String, [String])] = [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", ["GET / 1.1"]),
        ("GET /a/b%2Fc?x=1&y=?2 HTTP/1.1\r\nHost: a\r\n\r\n", ["GET /a/b%2Fc ?x=1&y=?2 1.1"]),
        ("GET /? HTTP/1.1\r\nHost: a\r\n\r\n", ["GET / ? 1.1"]),
        ("HEAD / HTTP/1.1\r\nHost:a\r\n\r\n", ["HEAD / 1.1"]),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", ["PUT / 1.1 [Content-Length=0]"]),
        ("DELETE / HTTP/1.1\r\nHost: [::1]:5005\r\n\r\n", ["DELETE / 1.1"]),
        ("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", ["BREW* /pot 1.1"]),
        ("get / HTTP/1.1\r\nHost: a\r\n\r\n", ["get* / 1.1"]),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", ["OPTIONS* * 1.1"]),
        ("GET http://example.org:80/a?b HTTP/1.1\r\nHost: other\r\n\r\n", ["GET /a ?b 1.1"]),
        ("GET HTTPS://example.org HTTP/1.1\r\nHost: other\r\n\r\n", ["GET / 1.1"]),
        ("GET http://example.org?q=/ HTTP/1.1\r\nHost: other\r\n\r\n", ["GET / ?q=/ 1.1"]),
        ("GET / HTTP/1.0\r\n\r\n", ["GET / 1.0 close"]),
        (
            "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
            ["GET / 1.0 [Connection=Keep-Alive]"]
        ),
        ("GET / HTTP/1.9\r\nHost: a\r\n\r\n", ["GET / 1.1"]),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: foo , CLOSE,\r\n\r\n",
            ["GET / 1.1 close [Connection=foo , CLOSE,]"]
        ),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", ["GET / 1.1"]),
        (
            "GET / HTTP/1.1\r\nHost:a\r\nX: \t v\tw x \t\r\nE:\r\nU: \u{E9}\r\n\r\n",
            ["GET / 1.1 [X=v\tw x] [E=] [U=\u{E9}]"]
        ),
        (
            "POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
            ["POST /s 1.1 [Content-Length=5] <hello>"]
        ),
        (
            "POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 05\r\ncontent-length: 5\r\n\r\nhello",
            ["POST /s 1.1 [Content-Length=05] [content-length=5] <hello>"]
        ),
        (
            "POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            ["POST /s 1.1 [Content-Length=2] <hi>", "GET / 1.1"]
        ),
        (
            "POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            ["POST /s 1.1 [Content-Length=2] <hi>", "GET / 1.1"]
        ),
        (
            "POST /s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            ["POST /s 1.1 [Transfer-Encoding=Chunked] <hello>"]
        ),
        (
            "POST /s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "0003;a=b;c=\"d e\"\r\nabc\r\nA\r\n0123456789\r\n000;x\r\nTrailer: t\r\nOther:\r\n\r\n"
                + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n",
            ["POST /s 1.1 [Transfer-Encoding=chunked] <abc0123456789>", "GET /next 1.1"]
        ),
        (
            "POST /s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ["POST /s 1.1 [Transfer-Encoding=chunked]"]
        ),
        (
            "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
            ["GET /1 1.1", "GET /2 1.1", "GET /3 1.1"]
        ),
    ]

    @Test(arguments: accepted)
    func `valid requests parse the same however they are split`(text: String, expected: [String]) {
        #expect(Feeding.parseEveryWay(text) == [ParseResult(requests: expected)])
    }

    @Test(arguments: [
        "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    ])
    func `an incomplete request waits for more bytes`(text: String) {
        #expect(Feeding.parseEveryWay(text) == [ParseResult(isWaiting: true)])
    }

    @Test func `an empty line after a body does not begin a request`() {
        let text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx\r\n"
        #expect(Feeding.parseEveryWay(text).map(\.isWaiting) == [false])
    }

    @Test func `a header may be exactly as long as the limit`() {
        var limits = HTTPLimits()
        limits.headerBytes = 256
        let start = "GET / HTTP/1.1\r\nHost: a\r\nX: "
        let fits = start + String(repeating: "x", count: 256 - start.utf8.count - 4) + "\r\n\r\n"
        #expect(fits.utf8.count == 256)
        #expect(Feeding.parseEveryWay(fits, limits: limits).map(\.error) == [nil])
        let exceeds = fits.replacing("X: ", with: "X: y")
        #expect(Feeding.parseEveryWay(exceeds, limits: limits).map(\.error) == [.headerTooLarge])
        // An empty line before the request counts, whether it comes with it or before it.
        let preceded = "\r\n" + fits.replacing("X: xx", with: "X: ")
        #expect(Feeding.parseEveryWay(preceded, limits: limits).map(\.error) == [nil])
        #expect(Feeding.parseEveryWay("\r\n" + fits, limits: limits).map(\.error) == [.headerTooLarge])
    }

    @Test func `a body may be exactly as long as the limit`() {
        var limits = HTTPLimits()
        limits.bodyBytes = 4
        let fixed = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "
        let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        #expect(Feeding.parseEveryWay(fixed + "4\r\n\r\nabcd", limits: limits).map(\.requests.count) == [1])
        #expect(Feeding.parseEveryWay(fixed + "5\r\n\r\n", limits: limits).map(\.error) == [.bodyTooLarge])
        #expect(
            Feeding.parseEveryWay(chunked + "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", limits: limits).map(\.requests.count)
                == [1])
        #expect(
            Feeding.parseEveryWay(chunked + "3\r\nabc\r\n2\r\nde\r\n", limits: limits).map(\.error) == [.bodyTooLarge])
    }

    @Test func `only an HTTP/1.1 client with Expect: 100-continue waits for it`() throws {
        for (version, expectation, expected) in [
            ("1.1", "Expect: 100-Continue\r\n", true), ("1.1", "", false), ("1.0", "Expect: 100-continue\r\n", false),
        ] {
            var parser = RequestParser(limits: HTTPLimits(), peer: Feeding.peer)
            let head = Array("POST / HTTP/\(version)\r\nHost: a\r\n\(expectation)Content-Length: 2\r\n\r\n".utf8)
            var position = 0
            #expect(try parser.parse(head.span, at: &position) == nil)
            #expect(parser.awaitsContinue == expected)
            position = 0
            #expect(try parser.parse(Array("a".utf8).span, at: &position) == nil)
            #expect(parser.awaitsContinue == false)
        }
    }

    @Test func `the character sets are those of the RFC's grammar`() {
        let alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        for (set, others) in [
            (Byte.token, "!#$%&'*+-.^_`|~"), (Byte.target, "-._~:/?@!$&'()*+,;=%[]"),
            (Byte.host, "-._~!$&'()*+;=:%[]"),
        ] {
            let members = Array((alphanumeric + others).utf8).sorted()
            #expect((0...255).filter { set.contains($0) } == members)
        }
    }

    @Test func `headers are found in any case, as text and as bytes`() throws {
        var parser = RequestParser(limits: HTTPLimits(), peer: Feeding.peer)
        let text = "GET / HTTP/1.1\r\nHost: a\r\nX-Tag: one\r\nx-tag: two\r\n\r\n"
        var position = 0
        let parsed = try parser.parse(Array(text.utf8).span, at: &position)
        let headers = try #require(parsed).request.headers
        for headers in [headers, HTTPHeaders(headers.fields)] {
            #expect(headers["X-TAG"] == "one")
            #expect(headers.values("x-tag") == ["one", "two"])
            #expect(headers.bytes("x-Tag").map { Array($0) } == Array("one".utf8))
            #expect(headers["x-ta"] == nil)
            #expect(headers.bytes("x-tags") == nil)
        }
    }
}

extension RequestParser.Parsed: Equatable {
    static func == (left: Self, right: Self) -> Bool {
        Feeding.describe(left) == Feeding.describe(right)
    }
}
