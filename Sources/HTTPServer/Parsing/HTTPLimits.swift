/// Everything that a client may take, with its unit. A server checks them when it is made.
package struct HTTPLimits: Sendable {
    /// Request line and header fields together, in bytes, and the same again for trailers. Default: 16,384 (16 KiB); at most 65,535.
    package var headerBytes = 16_384
    /// Fields in a header. Default: 100.
    package var headerFields = 100
    /// A body, in bytes. Default: 1,048,576 (1 MiB).
    package var bodyBytes = 1_048_576
    /// Bytes of requests that have not come whole yet, or are held until earlier ones are answered, of the whole server. Beyond it
    /// connections that have more than their even share, `unfinishedBytes / connections`, are refused with 503. Without it unfinished
    /// bodies, which need no token, could take `bodyBytes` for each connection. Default: 67,108,864 (64 MiB).
    package var unfinishedBytes = 67_108_864
    /// Open connections of the whole server; more are closed as soon as they are accepted. Default: 10,000, or fewer where the process
    /// may not have so many descriptors: see `DescriptorLimit`.
    package var connections = 10_000
    /// Pipelined requests of one connection that may wait for their answers; more are not read. Default: 16.
    package var requestsUnderWay = 16
    /// From accepting to a finished TLS handshake. Default: 10 s.
    package var handshakeTimeout = Duration.seconds(10)
    /// From a connection's start or a request's first byte to the end of its header. Default: 10 s.
    package var headerTimeout = Duration.seconds(10)
    /// From the end of a header to the end of its body. Default: 30 s.
    package var bodyTimeout = Duration.seconds(30)
    /// Between two requests. Default: 75 s, which is more than the time after which Go's clients close (none by default) or curl's.
    package var idleTimeout = Duration.seconds(75)
    /// Without any progress while an answer waits to be taken by the client. Default: 30 s.
    package var writeTimeout = Duration.seconds(30)
    /// After the last answer, until the client closes its side. Default: 3 s.
    package var lingerTimeout = Duration.seconds(3)

    /// The defaults.
    package init() {}

    func validate() throws(HTTPServerError) {
        try check("headerBytes", headerBytes, 256...65_535)
        try check("headerFields", headerFields, 1...10_000)
        try check("bodyBytes", bodyBytes, 0...(1 << 30))
        try check("unfinishedBytes", unfinishedBytes, 1...(1 << 40))
        try check("connections", connections, 1...1_000_000)
        try check("requestsUnderWay", requestsUnderWay, 1...1_000)
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

/// Why a connection may be ended by time.
enum TimeoutKind: Int, CaseIterable, Sendable {
    case handshake
    case header
    case body
    case idle
    case write
    case linger
}

extension HTTPLimits {
    /// How long a period of `kind` lasts.
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
