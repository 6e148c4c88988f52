import Platform

/// Encodes the heads of responses (RFC 9112 §4).
enum ResponseEncoder {
    /// The interim response to `Expect: 100-continue`.
    static let continueBytes = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// What a response says about the persistence of the connection.
    enum Persistence {
        /// Nothing: HTTP/1.1 connections are persistent.
        case keepAlive
        /// Keep-alive, which an HTTP/1.0 client must be told.
        case explicitKeepAlive
        case close
    }

    private static let contentLength = Array("Content-Length: ".utf8)
    private static let close = Array("Connection: close\r\n".utf8)
    private static let keepAlive = Array("Connection: keep-alive\r\n".utf8)
    private static let statusLines: [[UInt8]] = (0..<600).map { status in
        reasons[status].map { Array("HTTP/1.1 \(status) \($0)\r\n".utf8) } ?? []
    }

    /// Appends the head of `response` to `buffer`.
    static func appendHead(
        of response: HTTPResponse, _ persistence: Persistence, date: [UInt8], to buffer: inout [UInt8]
    ) {
        let known = response.status >= 0 && response.status < 600 ? statusLines[response.status] : []
        if known.isEmpty {
            buffer.append(contentsOf: "HTTP/1.1 \(response.status) \r\n".utf8)
        } else {
            buffer.append(contentsOf: known)
        }
        buffer.append(contentsOf: date)
        if mayHaveBody(response.status) {
            buffer.append(contentsOf: contentLength)
            var length = 0
            for piece in response.body { length += piece.count }
            append(length, to: &buffer)
            appendLineEnd(to: &buffer)
        }
        for (name, value) in response.headers {
            buffer.append(contentsOf: name.utf8)
            buffer.append(UInt8(ascii: ":"))
            buffer.append(Byte.space)
            buffer.append(contentsOf: value.utf8)
            appendLineEnd(to: &buffer)
        }
        switch persistence {
        case .keepAlive: break
        case .explicitKeepAlive: buffer.append(contentsOf: keepAlive)
        case .close: buffer.append(contentsOf: close)
        }
        appendLineEnd(to: &buffer)
    }

    /// Whether responses with this status have a body and a length (RFC 9110 §6.4.1, §8.6).
    static func mayHaveBody(_ status: Int) -> Bool {
        status >= 200 && status != 204 && status != 304
    }

    private static func appendLineEnd(to buffer: inout [UInt8]) {
        buffer.append(Byte.carriageReturn)
        buffer.append(Byte.lineFeed)
    }

    private static func append(_ number: Int, to buffer: inout [UInt8]) {
        if number >= 10 { append(number / 10, to: &buffer) }
        buffer.append(UInt8(ascii: "0") + UInt8(number % 10))
    }

    private static let reasons: [Int: String] = [
        200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently",
        302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect",
        400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
        406: "Not Acceptable", 408: "Request Timeout", 409: "Conflict", 410: "Gone", 411: "Length Required",
        412: "Precondition Failed", 413: "Content Too Large", 414: "URI Too Long", 415: "Unsupported Media Type",
        417: "Expectation Failed", 421: "Misdirected Request", 422: "Unprocessable Content", 429: "Too Many Requests",
        431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
        502: "Bad Gateway",
        503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported", 508: "Loop Detected",
    ]
}

/// The `Date` line of responses, formatted once per second.
struct DateLine {
    private var second = Int64.min
    /// `Date: Sun, 06 Nov 1994 08:49:37 GMT` and CRLF.
    private(set) var bytes: [UInt8] = []

    /// Formats the line again if the second has changed.
    mutating func update(_ time: WallTime) {
        let second = time.nanoseconds / 1_000_000_000
        guard second != self.second else { return }
        self.second = second
        bytes = Array("Date: \(imfFixdate(time))\r\n".utf8)
    }
}

/// A time in the date format of HTTP (RFC 9110 §5.6.7).
func imfFixdate(_ time: WallTime) -> String {
    let civil = CivilTime(time)
    let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let date = "\(zeroPadded(civil.day, width: 2)) \(months[civil.month - 1]) \(zeroPadded(civil.year, width: 4))"
    return "\(weekdays[civil.weekday]), \(date) \(civil.clockText) GMT"
}
