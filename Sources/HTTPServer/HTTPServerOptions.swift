/// What a server listens on and how.
package struct HTTPServerOptions: Sendable {
    /// Names the server in logs and its threads, such as `api`; at most 12 bytes are shown in thread names.
    package var name: String
    /// A numeric address or a name to listen on; empty means every address, IPv6 and IPv4.
    package var host: String
    /// The TCP port; 0 takes any free one.
    package var port: UInt16
    /// How many event-loop threads there are, 1 to 64.
    package var loops: Int
    /// What one client may take.
    package var limits: HTTPLimits
    /// TLS; nil serves plain HTTP.
    package var tls: TLSServerOptions?

    /// Options.
    package init(
        name: String, host: String = "", port: UInt16, loops: Int = 1, limits: HTTPLimits = HTTPLimits(),
        tls: TLSServerOptions? = nil
    ) {
        self.name = name
        self.host = host
        self.port = port
        self.loops = loops
        self.limits = limits
        self.tls = tls
    }

    func validate() throws(HTTPServerError) {
        guard (1...64).contains(loops) else {
            throw .invalidOption(name: "loops", reason: "must be 1 to 64, not \(loops)")
        }
        try limits.validate()
    }
}

/// How a server speaks TLS. Only HTTP/1.1 is offered by ALPN.
package struct TLSServerOptions: Sendable {
    /// The oldest version that is accepted.
    package enum MinimumVersion: Sendable {
        /// TLS 1.2 and 1.3.
        case tls12
        /// TLS 1.3 only.
        case tls13
    }

    /// Certificate and key.
    package var identity: TLSIdentity
    /// The oldest version that is accepted.
    package var minimumVersion: MinimumVersion

    /// TLS as `identity`.
    package init(identity: TLSIdentity, minimumVersion: MinimumVersion = .tls13) {
        self.identity = identity
        self.minimumVersion = minimumVersion
    }
}
