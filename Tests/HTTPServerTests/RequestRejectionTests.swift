import Testing

@testable import HTTPServer

@Suite struct RequestRejectionTests {
    /// Field lines that follow a good request line and Host.
    private static func fields(_ lines: String) -> String {
        "POST / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n"
    }

    private static func chunks(_ body: String) -> String {
        fields("Transfer-Encoding: chunked") + body
    }

    static let requestLines: [(String, RequestError)] = [
        ("GET\r\n\r\n", .malformedRequestLine), ("GET /\r\n\r\n", .malformedRequestLine),
        ("GET  / HTTP/1.1\r\n\r\n", .malformedRequestLine), ("GET / HTTP/1.1 \r\n\r\n", .malformedRequestLine),
        (" GET / HTTP/1.1\r\n\r\n", .malformedRequestLine), ("GET / http/1.1\r\n\r\n", .malformedRequestLine),
        ("GET / HTTP/1\r\n\r\n", .malformedRequestLine), ("GET / HTTP/11\r\n\r\n", .malformedRequestLine),
        ("GET / HTTP/1.10\r\n\r\n", .malformedRequestLine), ("GET\t/ HTTP/1.1\r\n\r\n", .malformedRequestLine),
        ("G@T / HTTP/1.1\r\n\r\n", .malformedRequestLine), ("GET / HTTP/2.0\r\n\r\n", .unsupportedVersion),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .unsupportedVersion), ("GET / HTTP/0.9\r\n\r\n", .unsupportedVersion),
        ("\r\n\r\nGET / HTTP/1.1\r\n\r\n", .malformedRequestLine), ("\u{16}\u{3}\u{1}", .malformedRequestLine),
        ("GET / HTTP/1.1\nHost: a\n\n", .bareLineFeed), ("GET / HTTP/1.1\r\nHost: a\n\r\n", .bareLineFeed),
        ("\nGET / HTTP/1.1\r\n\r\n", .bareLineFeed), ("GET / HTTP/1.1\rHost: a\r\n\r\n", .bareCarriageReturn),
        ("GET /\r HTTP/1.1\r\n\r\n", .bareCarriageReturn), ("\rGET / HTTP/1.1\r\n\r\n", .bareCarriageReturn),
        ("GET a HTTP/1.1\r\n\r\n", .malformedTarget), ("GET * HTTP/1.1\r\n\r\n", .malformedTarget),
        ("GET /a#b HTTP/1.1\r\n\r\n", .malformedTarget), ("GET /\u{0} HTTP/1.1\r\n\r\n", .malformedTarget),
        ("GET /\u{E9} HTTP/1.1\r\n\r\n", .malformedTarget), ("GET /%2 HTTP/1.1\r\n\r\n", .malformedTarget),
        ("GET /%zz HTTP/1.1\r\n\r\n", .malformedTarget), ("GET /a\\b HTTP/1.1\r\n\r\n", .malformedTarget),
        ("GET /?%G1 HTTP/1.1\r\n\r\n", .malformedTarget), ("GET http:// HTTP/1.1\r\n\r\n", .malformedTarget),
        ("GET http:///a HTTP/1.1\r\n\r\n", .malformedTarget), ("GET ftp://a/ HTTP/1.1\r\n\r\n", .malformedTarget),
        ("GET http://u@a/ HTTP/1.1\r\n\r\n", .malformedTarget), ("CONNECT a:1 HTTP/1.1\r\n\r\n", .connectNotSupported),
    ]

    static let fieldLines: [(String, RequestError)] = [
        (fields("X: a\r\n folded"), .foldedLine), (fields("X: a\r\n\tfolded"), .foldedLine),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", .foldedLine), (fields("X : a"), .whitespaceBeforeColon),
        (fields("X\t: a"), .whitespaceBeforeColon), (fields("Transfer-Encoding : chunked"), .whitespaceBeforeColon),
        (fields(": a"), .malformedFieldName), (fields("X"), .malformedFieldName),
        (fields("X(y): a"), .malformedFieldName),
        (fields("X\u{0}: a"), .malformedFieldName), (fields("\u{E9}: a"), .malformedFieldName),
        (fields("X: a\u{0}b"), .controlByteInValue), (fields("X: a\u{7F}b"), .controlByteInValue),
        (fields("X: a\u{1B}b"), .controlByteInValue), (fields("X: a\u{B}"), .controlByteInValue),
        (fields("X: a\rb"), .bareCarriageReturn), (fields("X: a\r\r"), .bareCarriageReturn),
        (fields("X: a\nY: b"), .bareLineFeed),
        ("GET / HTTP/1.1\r\nHost: a\r\n\rX: a\r\n\r\n", .bareCarriageReturn),
        ("GET / HTTP/1.1\r\n\r\n", .missingHost), ("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", .repeatedHost),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", .repeatedHost),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .malformedHost),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", .malformedHost), ("GET / HTTP/1.1\r\nHost: \r\n\r\n", .malformedHost),
        ("GET / HTTP/1.0\r\nHost:\r\n\r\n", .malformedHost),
        ("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", .malformedHost),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", .malformedHost),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .malformedHost), (fields("Expect: 200-ok"), .unknownExpectation),
        (fields("Expect:"), .unknownExpectation),
    ]

    static let framing: [(String, RequestError)] = [
        (fields("Content-Length: 5\r\nTransfer-Encoding: chunked"), .contentLengthAndTransferEncoding),
        (fields("Transfer-Encoding: chunked\r\nContent-Length: 0"), .contentLengthAndTransferEncoding),
        (fields("Content-Length: 5\r\nContent-Length: 6"), .differingContentLengths),
        (fields("Content-Length: 5\r\nContent-Length: 0"), .differingContentLengths),
        (fields("Content-Length: 5, 5"), .malformedContentLength),
        (fields("Content-Length: +5"), .malformedContentLength),
        (fields("Content-Length: -1"), .malformedContentLength),
        (fields("Content-Length: 0x5"), .malformedContentLength),
        (fields("Content-Length: 5 5"), .malformedContentLength), (fields("Content-Length:"), .malformedContentLength),
        (fields("Content-Length: 1e3"), .malformedContentLength),
        (fields("Content-Length: \u{665}"), .malformedContentLength),
        (fields("Content-Length: 1048577"), .bodyTooLarge),
        (fields("Content-Length: 9223372036854775808"), .bodyTooLarge),
        (fields("Content-Length: 18446744073709551621"), .bodyTooLarge),
        (fields("Content-Length: 99999999999999999999999999"), .bodyTooLarge),
        (fields("Transfer-Encoding: gzip"), .unknownTransferCoding),
        (fields("Transfer-Encoding: identity"), .unknownTransferCoding),
        (fields("Transfer-Encoding: gzip, chunked"), .unknownTransferCoding),
        (fields("Transfer-Encoding: chunked, identity"), .unknownTransferCoding),
        (fields("Transfer-Encoding: xchunked"), .unknownTransferCoding),
        (fields("Transfer-Encoding: chunked;a=b"), .unknownTransferCoding),
        (fields("Transfer-Encoding: \"chunked\""), .unknownTransferCoding),
        (fields("Transfer-Encoding: chunked, chunked"), .malformedTransferEncoding),
        (fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), .malformedTransferEncoding),
        (fields("Transfer-Encoding: chunked,"), .malformedTransferEncoding),
        (fields("Transfer-Encoding:"), .malformedTransferEncoding),
        (fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip"), .unknownTransferCoding),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingBeforeHTTP11),
        (chunks("x\r\n"), .malformedChunk), (chunks("\r\n"), .malformedChunk), (chunks("-1\r\n"), .malformedChunk),
        (chunks("0x1\r\n"), .malformedChunk), (chunks("1 \r\na\r\n"), .malformedChunk),
        (chunks(" 1\r\na\r\n"), .malformedChunk),
        (chunks("1\na\r\n"), .bareLineFeed), (chunks("1\rXa\r\n"), .bareCarriageReturn),
        (chunks("1\r\nab\r\n"), .malformedChunk),
        (chunks("1\r\na\n"), .malformedChunk), (chunks("1\r\na\rX"), .bareCarriageReturn),
        (chunks("1;\u{0}\r\n"), .malformedChunk),
        (chunks("1;\r\na\r\n0\r\n\r\n"), .malformedChunk), (chunks("1; \t\r\n"), .malformedChunk),
        (chunks("1;;a\r\n"), .malformedChunk), (chunks("1;a;\r\n"), .malformedChunk),
        (chunks("1;=b\r\n"), .malformedChunk), (chunks("1;a=\"b\r\n"), .malformedChunk),
        (chunks("1;a\nb\r\n"), .bareLineFeed), (chunks("00000000000000001\r\n"), .malformedChunk),
        (chunks("ffffffffffffffff\r\n"), .bodyTooLarge), (chunks("7fffffffffffffff\r\n"), .bodyTooLarge),
        (chunks("100001\r\n"), .bodyTooLarge), (chunks("0\r\nX : a\r\n\r\n"), .whitespaceBeforeColon),
        (chunks("0\r\n folded\r\n\r\n"), .foldedLine), (chunks("0\r\nX: a\n\r\n"), .bareLineFeed),
        (chunks("0;" + String(repeating: "x", count: 1_025)), .chunkExtensionsTooLarge),
    ]

    @Test func `a header over a limit is refused for the limit that it exceeds`() {
        var limits = HTTPLimits()
        limits.headerBytes = 300
        limits.headerFields = 3
        let long = String(repeating: "x", count: 400)
        for (text, expected) in [
            ("GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n", RequestError.requestLineTooLong),
            (long, .malformedRequestLine), ("\(long) / HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
            ("GET /\(long)", .requestLineTooLong), ("{\(long)\r\n", .malformedRequestLine),
            (Self.fields("X: \(long)"), .headerTooLarge),
            (Self.fields("A: 1\r\nB: 2\r\nC: 3"), .tooManyFields),
            (Self.chunks("0\r\nX: \(long)"), .trailerTooLarge),
            (Self.chunks("0\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n"), .tooManyFields),
            (Self.fields("Bad Name: 1\r\nX: \(long)"), .whitespaceBeforeColon),
        ] {
            #expect(Feeding.parseEveryWay(text, limits: limits).map(\.error) == [expected])
        }
    }

    @Test(arguments: [
        (400, 17), (408, 2), (413, 2), (414, 1), (417, 1), (431, 3), (501, 2), (503, 1), (505, 1),
    ])
    func `every rejection has one status and closes the connection`(status: Int, count: Int) {
        let errors = RequestError.allCases.filter { $0.status == status }
        #expect(errors.count == count)
        for error in errors {
            #expect(error.response.status == status)
            #expect(error.response.closesConnection)
            #expect(error.response.body == [Array((error.reason + "\n").utf8)])
        }
        #expect(Set(RequestError.allCases.map(\.reason)).count == RequestError.allCases.count)
    }

    @Test(arguments: requestLines + fieldLines + framing)
    func `a malformed request is refused for its reason however it is split`(text: String, expected: RequestError) {
        #expect(Feeding.parseEveryWay(text).map(\.error) == [expected])
    }
}
