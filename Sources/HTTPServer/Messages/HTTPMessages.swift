package import Platform
import Synchronization

/// The method of a request. Methods that no route uses are kept as text.
package enum HTTPMethod: Hashable, Sendable {
    case get
    case head
    case post
    case put
    case delete
    case other(String)
}

/// The address of a client, as reported by the socket.
package struct PeerAddress: Hashable, Sendable {
    /// The numeric IPv4 or IPv6 address, without brackets.
    @ExactText package private(set) var host: String
    /// The port.
    package let port: UInt16

    /// An address.
    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

/// Whether the client of a connection has authenticated with any of its requests. Who finds that out says so.
///
/// Where connections are short, those whose clients have not are closed first.
final class ConnectionTrust: Sendable {
    private let flag = Atomic<Bool>(false)
    private let shown = Mutex<(certificate: ClientCertificate, authority: ClientAuthority?)?>(nil)

    /// The certificate that it has shown, as expired if its CA has been replaced since; nil if it has none.
    var certificate: ClientCertificate? {
        shown.withLock { $0 }.map { certificate, authority in
            authority?.isReplaced == true
                ? ClientCertificate(name: certificate.name, expiry: WallTime(nanoseconds: .min)) : certificate
        }
    }

    /// It has shown this one.
    func note(_ certificate: ClientCertificate?, of authority: ClientAuthority? = nil) {
        shown.withLock { $0 = certificate.map { ($0, authority) } }
    }

    /// Whether it has.
    var isGiven: Bool { flag.load(ordering: .relaxed) }

    /// It has, and this stays so.
    func give() { flag.store(true, ordering: .relaxed) }
}

/// A complete request.
package struct HTTPRequest: Sendable {
    /// The method.
    package var method: HTTPMethod
    /// The path as received: percent-encoded, beginning with `/`, without the query.
    package var path: String
    /// The part after the first `?`, not decoded; nil if there is none.
    package var query: String?
    /// The header fields in the order received.
    package var headers: HTTPHeaders
    /// The whole body; chunks are joined.
    package var body: [UInt8]
    /// The address of the client.
    package var peer: PeerAddress
    /// Whether the client of the connection has authenticated; nil for a request of no connection.
    var trust: ConnectionTrust?

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

extension HTTPRequest {
    /// Notes that the client has authenticated, by whatever means: from then on its connection counts as one of a known
    /// client. See `HTTPLimits`.
    package func noteAuthenticated() { trust?.give() }

    /// The certificate that the client has shown; nil if it has none, or was not asked for one. It may have expired
    /// since.
    package var clientCertificate: ClientCertificate? {
        get { trust?.certificate }
        set {
            if trust == nil { trust = ConnectionTrust() }
            trust?.note(newValue)
        }
    }
}

/// Decides right before a response is written whether it may still be sent: the answer of a leader must not leave after
/// the end of its term.
package protocol ResponseGate: Sendable {
    /// Nil if the response may be sent now; else the response to send instead.
    func replacement() -> HTTPResponse?
}

/// A complete response. The server adds `Content-Length`, `Date` and `Connection`.
package struct HTTPResponse: Sendable {
    /// The status code.
    package var status: Int
    /// The other header fields, in order. They are not validated.
    package var headers: [(name: String, value: String)]
    /// The body in pieces, which are written one after another without being joined.
    package var body: [[UInt8]]
    /// Checked right before each write; nil if the response stays valid.
    package var gate: (any ResponseGate)?
    /// Whether the connection closes after the response.
    package var closesConnection = false

    /// A response.
    package init(
        status: Int, headers: [(name: String, value: String)] = [], body: [[UInt8]] = [],
        gate: (any ResponseGate)? = nil
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.gate = gate
    }

    /// A text/plain response with the body `text` and a newline, as `http.Error` of Go writes it.
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
