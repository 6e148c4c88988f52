/// Why a server cannot start, and what to change.
package enum HTTPServerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A limit or option is out of range.
    case invalidOption(name: String, reason: String)
    /// The address cannot be bound: in use, not local, or not permitted.
    case cannotListen(host: String, port: UInt16, reason: String)
    /// The certificate chain cannot be used.
    case invalidCertificate(reason: String)
    /// The private key cannot be used.
    case invalidPrivateKey(reason: String)
    /// The private key does not belong to the certificate.
    case keyDoesNotMatchCertificate
    /// The system or OpenSSL lacks a resource that every server needs.
    case resources(reason: String)

    /// A line for operators.
    package var description: String {
        switch self {
        case .invalidOption(let name, let reason): "\(name): \(reason)"
        case .cannotListen(let host, let port, let reason): "cannot listen on \(host) port \(port): \(reason)"
        case .invalidCertificate(let reason): "TLS certificate: \(reason)"
        case .invalidPrivateKey(let reason): "TLS private key: \(reason)"
        case .keyDoesNotMatchCertificate: "TLS private key: it is not the key of the first certificate"
        case .resources(let reason): "cannot start the server: \(reason)"
        }
    }
}
