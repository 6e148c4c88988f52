/// The address to connect to in place of the one in a URL, whose name stays the one in `Host` and in TLS.
package struct ConnectTarget: Sendable, Hashable {
    /// A name or numeric address, IPv6 without brackets.
    package var host: String
    /// The port.
    package var port: UInt16

    /// A target.
    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

/// One request.
package struct ClientRequest: Sendable {
    /// The method, such as `GET`; case matters.
    package var method: String
    /// An absolute `https` URL (or `http`, where the client allows it) without user information; its path is sent as it is.
    package var url: String
    /// Header fields, in order. An `Authorization` here wins over the client's bearer token. `Content-Length`,
    /// `Transfer-Encoding` and `Expect` are the client's to write and refused here.
    package var headers: [(name: String, value: String)]
    /// The body; its `Content-Type` is the caller's to give.
    package var body: [UInt8]?
    /// The largest body to accept, in bytes after decompression. Not for streams, whose buffer is bounded in its place.
    package var maximumResponseBytes: Int
    /// How many redirects to follow; with 0 the 3xx itself is the response. Followed for `GET`, `HEAD` and `POST` (which
    /// a 301, 302 or 303 turns into `GET`) only; `Authorization` and `Cookie` are not sent to another host, port or scheme.
    package var maximumRedirects: Int
    /// Where to connect in place of the URL's host and port; nil to connect there.
    package var connectTo: ConnectTarget?
    /// Fails the transfer when nothing comes from the server for this long, counted from the start; nil to rely on the deadline
    /// alone. A stream that waits for its reader is not idle.
    package var idleTimeout: Duration?
    /// Asks for a gzip body, and decodes it; worth it for large lists only.
    package var acceptsCompression: Bool

    /// A request; 16 MiB of response, no redirects.
    package init(
        _ method: String = "GET", url: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil,
        maximumResponseBytes: Int = 16 << 20, maximumRedirects: Int = 0, connectTo: ConnectTarget? = nil,
        idleTimeout: Duration? = nil, acceptsCompression: Bool = false
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.maximumResponseBytes = maximumResponseBytes
        self.maximumRedirects = maximumRedirects
        self.connectTo = connectTo
        self.idleTimeout = idleTimeout
        self.acceptsCompression = acceptsCompression
    }
}
