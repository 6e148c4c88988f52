/// The options of a server.
package struct HTTPServerOptions: Sendable {
    /// The name in logs and thread names, such as `api`; thread names show at most 12 bytes of it.
    package var name: String
    /// The numeric address or host name to listen on; empty or `::` for all addresses, IPv6 and IPv4.
    package var host: String
    /// The TCP port; 0 for any free port.
    package var port: UInt16
    /// The number of event-loop threads, 1 to 64.
    package var loops: Int
    /// The limits on clients.
    package var limits: HTTPLimits
    /// TLS; nil for plain HTTP.
    package var tls: TLSServerOptions?
    /// Whether its clients authenticate with bearer tokens. Those that do never lose their connections to others.
    package var authenticates = false
    /// Whether its connections may use descriptors that those of other servers leave: for probes and metrics, which
    /// must be answered when a flood of connections has taken all others.
    package var usesReservedDescriptors = false

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

/// The TLS options of a server. ALPN offers only HTTP/1.1.
package struct TLSServerOptions: Sendable {
    /// The oldest accepted TLS version.
    package enum MinimumVersion: Sendable {
        /// TLS 1.2 and 1.3.
        case tls12
        /// TLS 1.3 only.
        case tls13
    }

    /// What is wrong with CA certificates in PEM; nil if nothing is.
    package static func problem(ofAuthority pem: [UInt8]) -> String? {
        do throws(HTTPServerError) {
            _ = try CertificateChain(pem: pem)
            return nil
        } catch {
            return error.description
        }
    }

    /// The certificate and private key.
    package var identity: TLSIdentity
    /// The oldest accepted TLS version.
    package var minimumVersion: MinimumVersion
    /// CA certificates in PEM under which clients' certificates are issued; nil to ask for none. A client without a
    /// certificate is served, too; one with a certificate of another CA is not.
    package var clientAuthorityPEM: [UInt8]?

    /// TLS with the certificate of `identity`.
    package init(identity: TLSIdentity, minimumVersion: MinimumVersion = .tls13) {
        self.identity = identity
        self.minimumVersion = minimumVersion
    }
}
