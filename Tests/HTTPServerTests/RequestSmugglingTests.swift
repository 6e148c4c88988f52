import Testing

@testable import HTTPServer

/// A sequence of bytes that two readers could cut into requests differently, and the only thing that may become of it.
struct SmugglingRow: Sendable, CustomTestStringConvertible {
    static let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

    let name: String
    let text: String
    /// The statuses of the answers. One that is not 200 is the last, and the connection ends with it.
    let statuses: [Int]
    /// The paths of the requests that reach the handler.
    let paths: [String]
    /// Whether the connection goes on.
    let staysOpen: Bool

    var testDescription: String { name }

    /// Bytes that are refused with one answer, whatever follows.
    static func refused(_ name: String, _ status: Int = 400, text: String) -> SmugglingRow {
        SmugglingRow(name: name, text: text + smuggled, statuses: [status], paths: [], staysOpen: false)
    }

    /// A POST with these fields and a body, which is refused.
    static func refused(_ name: String, _ status: Int = 400, fields: String, body: String = "0\r\n\r\n") -> SmugglingRow
    {
        refused(name, status, text: post(fields, body))
    }

    /// A POST whose chunked body is refused.
    static func refused(_ name: String, _ status: Int = 400, chunks: String) -> SmugglingRow {
        refused(name, status, text: post("Transfer-Encoding: chunked", chunks))
    }

    /// Bytes that are one well-formed request, so that what follows is the next without doubt.
    static func two(_ name: String, _ text: String) -> SmugglingRow {
        SmugglingRow(
            name: name, text: text + smuggled, statuses: [200, 200], paths: ["/", "/smuggled"], staysOpen: true)
    }

    /// One well-formed request that what looks like the next is a part of, or that the connection ends with.
    static func one(_ name: String, _ text: String, staysOpen: Bool) -> SmugglingRow {
        SmugglingRow(name: name, text: text, statuses: [200], paths: ["/"], staysOpen: staysOpen)
    }

    static func post(_ fields: String, _ body: String, version: String = "1.1") -> String {
        "POST / HTTP/\(version)\r\nHost: a\r\n\(fields)\r\n\r\n\(body)"
    }
}

@Suite struct RequestSmugglingTests {
    static let transferEncoding: [SmugglingRow] = [
        .refused("CL.TE", fields: "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        .refused("TE.CL", fields: "Transfer-Encoding: chunked\r\nContent-Length: 3"),
        .refused("TE and a CL of 0", fields: "Transfer-Encoding: chunked\r\nContent-Length: 0"),
        .refused("TE with a space before the colon", fields: "Content-Length: 5\r\nTransfer-Encoding : chunked"),
        .refused("TE with a tab before the colon", fields: "Content-Length: 5\r\nTransfer-Encoding\t: chunked"),
        .refused("TE xchunked", 501, fields: "Transfer-Encoding: xchunked"),
        .refused("TE x, after a CL", 501, fields: "Content-Length: 5\r\nTransfer-Encoding: x"),
        .refused("TE chunked, identity", 501, fields: "Transfer-Encoding: chunked, identity"),
        .refused("TE identity, chunked", 501, fields: "Transfer-Encoding: identity, chunked"),
        .refused("TE.TE, the second unknown", 501, fields: "Transfer-Encoding: chunked\r\nTransfer-Encoding: x"),
        .refused("TE.TE, the first unknown", 501, fields: "Transfer-Encoding: x\r\nTransfer-Encoding: chunked"),
        .refused("TE.TE, both chunked", fields: "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        .refused("TE chunked, chunked", fields: "Transfer-Encoding: chunked, chunked"),
        .refused("TE with an empty element", fields: "Transfer-Encoding: ,chunked"),
        .refused("TE with a vertical tab before the value", fields: "Transfer-Encoding: \u{B}chunked"),
        .refused("TE with a form feed after the value", fields: "Transfer-Encoding: chunked\u{C}"),
        .refused("TE with a NUL after the value", fields: "Transfer-Encoding: chunked\u{0}"),
        .refused("TE in quotes", 501, fields: "Transfer-Encoding: \"chunked\""),
        .refused("TE with a parameter", 501, fields: "Transfer-Encoding: chunked;q=1"),
        .refused("TE on a folded line", fields: "Transfer-Encoding:\r\n chunked"),
        .refused("TE as the fold of another field", fields: "X: y\r\n Transfer-Encoding: chunked"),
        .refused("TE behind a bare LF", fields: "Content-Length: 5\r\nX: y\nTransfer-Encoding: chunked"),
        .refused("TE behind a bare CR", fields: "Content-Length: 5\r\nX: y\rTransfer-Encoding: chunked"),
        .refused("TE with a NUL in the name", fields: "Content-Length: 5\r\nTransfer\u{0}-Encoding: chunked"),
        .refused(
            "TE on HTTP/1.0", text: SmugglingRow.post("Transfer-Encoding: chunked", "0\r\n\r\n", version: "1.0")),
        .refused(
            "TE and CL on HTTP/1.0",
            text: SmugglingRow.post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n", version: "1.0")),
        .two("TE behind a tab", SmugglingRow.post("Transfer-Encoding:\tchunked", "0\r\n\r\n")),
        .two("TE in capitals, and space after it", SmugglingRow.post("TRANSFER-ENCODING: CHUNKED \t", "0\r\n\r\n")),
        .two(
            "a field that is not TE",
            SmugglingRow.post("Content-Length: 5\r\nTransfer_Encoding: chunked", "0\r\n\r\n")),
        .two(
            "Connection names TE",
            SmugglingRow.post("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
    ]

    static let contentLength: [SmugglingRow] = [
        .refused("two CLs", fields: "Content-Length: 5\r\nContent-Length: 0"),
        .refused("two CLs, the first 0", fields: "Content-Length: 0\r\nContent-Length: 5"),
        .refused("CL 5, 5", fields: "Content-Length: 5, 5"),
        .refused("CL 5, 0", fields: "Content-Length: 5, 0"),
        .refused("CL +5", fields: "Content-Length: +5"), .refused("CL -0", fields: "Content-Length: -0"),
        .refused("CL 0x5", fields: "Content-Length: 0x5"), .refused("CL 5.0", fields: "Content-Length: 5.0"),
        .refused("CL 0 5", fields: "Content-Length: 0 5"), .refused("CL 0_5", fields: "Content-Length: 0_5"),
        .refused("CL in Arabic digits", fields: "Content-Length: \u{665}"),
        .refused("CL without a value", fields: "Content-Length: "),
        .refused("CL on a folded line", fields: "Content-Length: 0\r\n 5"),
        .refused("CL with a vertical tab", fields: "Content-Length: \u{B}5"),
        .refused("CL with a space before the colon", fields: "Content-Length : 5"),
        .refused("CL with a parenthesis in the name", fields: "Content-Length(): 5"),
        .refused("CL behind a bare LF", fields: "X: y\nContent-Length: 5"),
        .refused("CL of 2^64 + 5", 413, fields: "Content-Length: 18446744073709551621"),
        .two("CL with zeros in front", SmugglingRow.post("Content-Length: 0005", "0\r\n\r\n")),
        .two("two equal CLs", SmugglingRow.post("Content-Length: 5\r\nContent-Length: 5", "0\r\n\r\n")),
        .two("Connection names CL", SmugglingRow.post("Connection: Content-Length\r\nContent-Length: 5", "0\r\n\r\n")),
        .two("a POST without either has no body", SmugglingRow.post("X: y", "")),
        .one(
            "a GET whose body is a request",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: \(SmugglingRow.smuggled.utf8.count)\r\n\r\n"
                + SmugglingRow.smuggled, staysOpen: true),
        .one(
            "a body that is a request, in a chunk",
            SmugglingRow.post("Transfer-Encoding: chunked", "23\r\n\(SmugglingRow.smuggled)\r\n0\r\n\r\n"),
            staysOpen: true),
    ]

    static let chunks: [SmugglingRow] = [
        .refused("a chunk size before a bare LF", chunks: "5\nhello\r\n0\r\n\r\n"),
        .refused("a chunk size before a bare CR", chunks: "5\rhello\r\n0\r\n\r\n"),
        .refused("a chunk extension before a bare LF", chunks: "5;a\nhello\r\n0\r\n\r\n"),
        .refused("a chunk extension with a bare CR", chunks: "5;a\rb\r\nhello\r\n0\r\n\r\n"),
        .refused("a chunk size with an underscore", chunks: "0_5\r\nhello\r\n0\r\n\r\n"),
        .refused("a chunk size with a sign", chunks: "+5\r\nhello\r\n0\r\n\r\n"),
        .refused("a negative chunk size", chunks: "-0\r\n\r\n"),
        .refused("a chunk size with 0x", chunks: "0x5\r\nhello\r\n0\r\n\r\n"),
        .refused("a chunk size behind a space", chunks: " 5\r\nhello\r\n0\r\n\r\n"),
        .refused("a chunk size before a space", chunks: "5 \r\nhello\r\n0\r\n\r\n"),
        .refused("a chunk size of 17 digits", chunks: "00000000000000005\r\nhello\r\n0\r\n\r\n"),
        .refused("a chunk size of 2^64 + 5", 413, chunks: "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        .refused("no chunk size", chunks: "\r\n\r\n"),
        .refused("a chunk longer than its size", chunks: "3\r\nhello\r\n0\r\n\r\n"),
        .refused("a chunk that ends in a bare LF", chunks: "5\r\nhello\n0\r\n\r\n"),
        .refused("a trailer with a bare LF", chunks: "0\r\nX: y\n\r\n"),
        .refused("a trailer that is folded", chunks: "0\r\nX: y\r\n z\r\n\r\n"),
        .two(
            "trailer fields that frame and route",
            SmugglingRow.post(
                "Transfer-Encoding: chunked",
                "0\r\nContent-Length: 37\r\nTransfer-Encoding: chunked\r\nHost: b\r\nHost: c\r\n\r\n")),
        .two(
            "chunk extensions",
            SmugglingRow.post("Transfer-Encoding: chunked", "5; a=\"b;\\\" \";c\r\nhello\r\n000;c\r\n\r\n")),
    ]

    static let others: [SmugglingRow] = [
        .refused("a request line with a bare LF", text: "GET / HTTP/1.1\nHost: a\r\n\r\n"),
        .refused("lines that end in bare LFs", text: "GET / HTTP/1.1\nHost: a\n\n"),
        .refused("a request line with two CRs", text: "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
        .refused("two versions", text: "GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n"),
        .refused("no version", text: "GET /\r\n"),
        .refused("two empty lines in front", text: "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        .refused("the preface of HTTP/2", 505, text: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        .refused("CONNECT", 501, text: "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"),
        .refused("a folded first field", text: "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        .refused("no Host", text: "GET / HTTP/1.1\r\n\r\n"),
        .refused("two Hosts", text: "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        .refused("a Host with user information", text: "GET / HTTP/1.1\r\nHost: b@a\r\n\r\n"),
        .refused("a Host with a path", text: "GET / HTTP/1.1\r\nHost: a/smuggled\r\n\r\n"),
        .refused("a target with user information", text: "GET http://b@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        .refused("a field without a name", text: "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
        .two("an absolute target of another host", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        .two("one empty line in front", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        .two(
            "an upgrade to h2c",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
        ),
        .one(
            "after Connection: close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + SmugglingRow.smuggled,
            staysOpen: false),
        .one("after HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n" + SmugglingRow.smuggled, staysOpen: false),
        SmugglingRow(
            name: "after a good request and a bad one",
            text: "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost : a\r\n\r\n" + SmugglingRow.smuggled,
            statuses: [200, 400], paths: ["/"], staysOpen: false),
    ]

    @Test(arguments: transferEncoding + contentLength + chunks + others)
    func `an ambiguous request is refused`(row: SmugglingRow) {
        let bytes = Array(row.text.utf8)
        var cuts: [[Int]] = bytes.indices.map { [$0] }
        cuts.append(Array(bytes.indices))
        for cut in cuts {
            let connection = DrivenConnection()
            connection.immediate = ["/", "/smuggled"]
            var start = 0
            for end in cut + [bytes.count] where end > start {
                connection.receive(Array(bytes[start..<end]))
                start = end
            }
            let statuses = connection.output.split(separator: "HTTP/1.1 ").map { Int($0.prefix(3)) }
            #expect(statuses == row.statuses, "cut at \(cut)")
            #expect(connection.paths == row.paths, "cut at \(cut)")
            #expect(connection.isFinished == !row.staysOpen, "cut at \(cut)")
            #expect(connection.output.contains("Connection: close\r\n") == !row.staysOpen, "cut at \(cut)")
        }
    }
}
