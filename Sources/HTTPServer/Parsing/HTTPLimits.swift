/// The limits on what clients may send and use, with units. A server validates them when it is created.
package struct HTTPLimits: Sendable {
    /// The size of request line and header fields together, in bytes; the same limit applies to trailers. Default:
    /// 16,384 (16 KiB); maximum: 65,535.
    var headerBytes = 16_384
    /// The number of header fields. Default: 100.
    var headerFields = 100
    /// The size of a request body, in bytes. Default: 1,048,576 (1 MiB).
    var bodyBytes = 1_048_576
    /// The bytes of incomplete requests, and of requests held until earlier ones are answered, of the whole server.
    /// Above this limit, connections that use more than an equal share, `unfinishedBytes / connections`, are rejected
    /// with 503. Without it incomplete bodies, which need no token, could use `bodyBytes` per connection. Default:
    /// 67,108,864 (64 MiB).
    var unfinishedBytes = 67_108_864
    /// The open connections of the whole server; further ones are closed on arrival. Only some of them may belong to
    /// clients that have not authenticated: see `Strangers`. Default: 10,000, or fewer if the limit on descriptors is
    /// lower: see `DescriptorLimit`.
    package var connections = 10_000
    /// The pipelined requests of one connection that may await their responses; further ones are not read. Default: 16.
    var pipelinedRequests = 16
    /// From accepting a connection to the end of the TLS handshake. Default: 10 s.
    var handshakeTimeout = Duration.seconds(10)
    /// From the start of a connection or the first byte of a request to the end of its header. Default: 10 s.
    var headerTimeout = Duration.seconds(10)
    /// From the end of a header to the end of the body. Default: 30 s.
    var bodyTimeout = Duration.seconds(30)
    /// Between two requests. Default: 75 s, longer than `HTTPClient` reuses idle connections.
    package var idleTimeout = Duration.seconds(75)
    /// Without progress while a response waits for the client to read it. Default: 30 s.
    var writeTimeout = Duration.seconds(30)
    /// From the last response until the client closes its side. Default: 3 s.
    var lingerTimeout = Duration.seconds(3)

    /// The defaults.
    package init() {}

    /// The defaults, with a limit on connections.
    package init(connections: Int) {
        self.connections = connections
    }

    func validate() throws(HTTPServerError) {
        try check("headerBytes", headerBytes, 256...65_535)
        try check("headerFields", headerFields, 1...10_000)
        try check("bodyBytes", bodyBytes, 0...(1 << 30))
        try check("unfinishedBytes", unfinishedBytes, 1...(1 << 40))
        try check("connections", connections, 1...1_000_000)
        try check("pipelinedRequests", pipelinedRequests, 1...1_000)
        let durations = [
            ("handshakeTimeout", handshakeTimeout), ("headerTimeout", headerTimeout), ("bodyTimeout", bodyTimeout),
            ("idleTimeout", idleTimeout), ("writeTimeout", writeTimeout), ("lingerTimeout", lingerTimeout),
        ]
        for (name, value) in durations where value < .milliseconds(1) || value > .seconds(86_400) {
            throw .invalidOption(name: name, reason: "must be 1 ms to 1 day, not \(value)")
        }
    }

    private func check(_ name: String, _ value: Int, _ allowed: ClosedRange<Int>) throws(HTTPServerError) {
        guard allowed.contains(value) else {
            throw .invalidOption(
                name: name, reason: "must be \(allowed.lowerBound) to \(allowed.upperBound), not \(value)")
        }
    }
}

/// The reason of a timeout.
enum TimeoutKind: Int, CaseIterable, Sendable {
    case handshake
    case header
    case body
    case idle
    case write
    case linger
}

extension HTTPLimits {
    /// The duration of timeouts of `kind`.
    func duration(_ kind: TimeoutKind) -> Duration {
        switch kind {
        case .handshake: handshakeTimeout
        case .header: headerTimeout
        case .body: bodyTimeout
        case .idle: idleTimeout
        case .write: writeTimeout
        case .linger: lingerTimeout
        }
    }
}
