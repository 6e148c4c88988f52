package import Platform

/// The address to connect to instead of the one in the URL. `Host` and TLS still use the name in the URL.
package struct ConnectTarget: Sendable, Hashable {
    /// A host name or a numeric address, IPv6 without brackets.
    @ExactText package var host: String
    /// The port.
    package var port: UInt16

    /// A target.
    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

/// What becomes of a response's body.
package enum BodyUse: Sendable {
    /// It is part of the response.
    case kept
    /// It is read and thrown away. It must not break off; but the response is complete with `maximumResponseBytes` of
    /// it, and when the time is over, if something of it came in the second half of that.
    case discarded
    /// It is not read: the response is complete with its header.
    case unread
}

/// One request.
package struct ClientRequest: Sendable {
    /// The method, such as `GET`; case matters.
    package var method: String
    /// An absolute `https` URL (or `http`, if the client allows it) without user information. Its path is sent
    /// unchanged.
    package var url: String
    /// Header fields, in order. `Authorization` takes precedence over the bearer token of the client. `Content-Length`,
    /// `Transfer-Encoding` and `Expect` are set by the client and refused here.
    package var headers: [(name: String, value: String)]
    /// The body; the caller sets its `Content-Type`.
    package var body: [UInt8]?
    /// The maximum size of the response body, in bytes after decompression. Does not apply to streams, whose buffer is
    /// bounded instead.
    package var maximumResponseBytes: Int
    /// The header fields that are sent instead of `headers` once a redirect has led to another scheme, host or port:
    /// any of `headers` may be a secret between the caller and the server that it named.
    package var headersElsewhere: [(name: String, value: String)]
    /// How many redirects to follow; with 0 the 3xx itself is the response. After 302 and 303 any method but `HEAD`
    /// becomes `GET`, after 301 only `POST`; the body goes with 307 and 308 only. The bearer token of the client is not
    /// sent to another scheme, host or port; cookies that are set on the way are sent where they belong, unless the
    /// request has a `Cookie` field of its own. A stream follows none.
    package var maximumRedirects: Int
    /// The time limit for the connection, if it is shorter than that of the client.
    package var connectTimeout: Duration?
    /// What becomes of the body.
    package var bodyUse = BodyUse.kept
    /// Which servers to trust; nil for those of the client.
    package var trust: TLSTrust?
    /// Whether `User-Agent` and `Accept` are sent where `headers` lacks them.
    package var sendsDefaultHeaders = true
    /// The proxies; nil for that of the client.
    package var proxies: ProxyRules?
    /// The TLS server name (SNI) to send and verify instead of that of the client or the host of the URL. It is not
    /// used once a redirect has led elsewhere.
    package var serverName: String?
    /// The user and the password for a server that asks for digest authentication; nil for none. They are not sent once
    /// a redirect has led elsewhere.
    package var digest: (username: String, password: String)?
    /// Where to connect instead of the host and port of the URL.
    package var connectTo: ConnectTarget?
    /// Fails the transfer when the server sends nothing for this long, starting with the request; nil to rely on the
    /// deadline alone. A stream that waits for its reader is not idle.
    package var idleTimeout: Duration?
    /// Accepts a body in gzip or deflate, and decodes it.
    package var acceptsCompression: Bool

    /// A request that allows a response of 16 MiB and no redirects.
    package init(
        _ method: String = "GET", url: String, headers: [(name: String, value: String)] = [],
        headersElsewhere: [(name: String, value: String)] = [], body: [UInt8]? = nil,
        maximumResponseBytes: Int = 16 << 20, maximumRedirects: Int = 0, connectTo: ConnectTarget? = nil,
        idleTimeout: Duration? = nil, acceptsCompression: Bool = false
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.headersElsewhere = headersElsewhere
        self.body = body
        self.maximumResponseBytes = maximumResponseBytes
        self.maximumRedirects = maximumRedirects
        self.connectTo = connectTo
        self.idleTimeout = idleTimeout
        self.acceptsCompression = acceptsCompression
    }

    /// Sets a header field, in place of all others of that name.
    package mutating func setField(_ name: String, _ value: String) {
        headers.removeAll { areEqualFieldNames($0.name, name) }
        headers.append((name, value))
    }
}
