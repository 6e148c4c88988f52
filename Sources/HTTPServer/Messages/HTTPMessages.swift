/// A request's method; methods that no route of ours uses are kept as their text.
package enum HTTPMethod: Hashable, Sendable {
    case get
    case head
    case post
    case put
    case delete
    case other(String)
}

/// The client's address as the socket tells it.
package struct PeerAddress: Hashable, Sendable {
    /// Numeric IPv4 or IPv6 address without brackets.
    package let host: String
    /// Its port.
    package let port: UInt16

    /// An address.
    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

/// One complete request.
package struct HTTPRequest: Sendable {
    /// The method.
    package var method: HTTPMethod
    /// The path as it came: percent-encoded, beginning with `/`, without the query.
    package var path: String
    /// What follows the first `?`, undecoded; nil without one.
    package var query: String?
    /// The header fields in the order in which they came.
    package var headers: HTTPHeaders
    /// The whole body; chunked bodies are joined.
    package var body: [UInt8]
    /// Who sent it.
    package var peer: PeerAddress

    /// A request.
    package init(
        method: HTTPMethod, path: String, query: String? = nil, headers: HTTPHeaders = HTTPHeaders(),
        body: [UInt8] = [],
        peer: PeerAddress
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.peer = peer
    }
}

/// Asked right before a response is written: a leader's answer must not leave after its term has ended.
package protocol ResponseGate: Sendable {
    /// Nil if the response may be written now; else what to write in its place.
    func replacement() -> HTTPResponse?
}

/// One complete response. `Content-Length`, `Date` and `Connection` are the server's to write.
package struct HTTPResponse: Sendable {
    /// The status code.
    package var status: Int
    /// Further header fields, in order; their names and values were made by us and are not checked again.
    package var headers: [(name: String, value: String)]
    /// The body in pieces, written one after the other without being joined first.
    package var body: [[UInt8]]
    /// Asked right before writing; nil when the answer is good at any time.
    package var gate: (any ResponseGate)?
    /// Whether the connection closes after it.
    package var closesConnection: Bool

    /// A response.
    package init(
        status: Int, headers: [(name: String, value: String)] = [], body: [[UInt8]] = [],
        gate: (any ResponseGate)? = nil,
        closesConnection: Bool = false
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.gate = gate
        self.closesConnection = closesConnection
    }

    /// A text/plain response whose body is `text` and a newline, as Go's `http.Error` writes it.
    package static func text(_ status: Int, _ text: String) -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: [("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff")],
            body: [Array((text + "\n").utf8)])
    }

    /// A 200 with a JSON body.
    package static func json(_ body: [[UInt8]], gate: (any ResponseGate)? = nil) -> HTTPResponse {
        HTTPResponse(status: 200, headers: [("Content-Type", "application/json")], body: body, gate: gate)
    }
}
