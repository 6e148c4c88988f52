/// Why a server cannot be made; says what to change.
package enum HTTPServerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A limit or option out of range.
    case invalidOption(name: String, reason: String)
    /// The address cannot be listened on: in use, not this machine's, not allowed.
    case cannotListen(host: String, port: UInt16, reason: String)
    /// The certificate chain cannot be used.
    case invalidCertificate(reason: String)
    /// The private key cannot be used.
    case invalidPrivateKey(reason: String)
    /// Certificate and key are of two pairs.
    case keyDoesNotMatchCertificate
    /// The system or OpenSSL refuses what every server needs.
    case resources(reason: String)

    /// One line for an operator.
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
