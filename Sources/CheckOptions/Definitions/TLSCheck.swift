import JSON
package import Platform

/// `tls`: the version, the certificate and its expiry that a server shows in a TLS handshake, or a certificate in a
/// file.
package struct TLSCheck: Sendable, Hashable {
    /// Where the certificate is.
    package enum Target: Sendable, Hashable {
        case server(TCPCheck)
        /// A file with a certificate, in PEM or DER.
        case file(ExactText)
    }

    /// What is said before the handshake.
    package enum StartTLS: String, Sendable, Hashable, CaseIterable {
        case postgres, mysql
    }

    /// A version of TLS, as OpenSSL names it.
    package enum Version: String, Sendable, Hashable, CaseIterable {
        /// Never negotiated: no current OpenSSL speaks it.
        case ssl3 = "SSLv3"
        case tls1 = "TLSv1"
        case tls11 = "TLSv1.1"
        case tls12 = "TLSv1.2"
        case tls13 = "TLSv1.3"
    }

    /// Where the certificate is.
    package internal(set) var target: Target
    /// The name that is sent and that the certificate must have; nil for none, of a file.
    package internal(set) var serverName: ExactText?
    /// Whether the certificate must have that name.
    package internal(set) var validatesName = true
    /// Which servers are trusted.
    package internal(set) var trust: CheckTrust
    /// The versions that may be negotiated. Every version is offered.
    package internal(set) var versions: Set<Version> = [.tls12, .tls13]
    /// How the certificate's expiry is judged.
    package internal(set) var expiry: CertificateExpiry
    /// What is said before the handshake; nil for nothing.
    package internal(set) var startTLS: StartTLS?
}

extension InstanceReader {
    func tlsCheck() throws(CheckOptionError) -> (CheckDefinition.Work, timeout: Duration) {
        let timeout = try seconds("timeout", upTo: Self.longestTimeout) ?? Self.defaultTimeout
        let expiry = CertificateExpiry(
            warning: try threshold("warning", days: 14), critical: try threshold("critical", days: 7))
        var check = TLSCheck(target: try tlsTarget(), trust: try trust(.tls), expiry: expiry)
        if case .server(let server) = check.target { check.serverName = ExactText(server.host) }
        if let name = try text("server_hostname"), !name.isEmpty {
            check.serverName = ExactText(try host("server_hostname"))
        }
        // A name may end with the root's dot, but no certificate has it (RFC 6066 §3).
        if let name = check.serverName?.text, name.hasSuffix(".") {
            check.serverName = ExactText(String(name.dropLast()))
        }
        let validates = try flag("tls_validate_hostname")
        let validatesByAlias = try flag("validate_hostname")
        check.validatesName = validates ?? validatesByAlias ?? true
        let versions = try texts("allowed_versions", isShared: true)
        if !versions.isEmpty {
            check.versions = Set(try versions.map { text throws(CheckOptionError) in try version(text) })
        }
        if let protocolName = try text("start_tls"), !protocolName.isEmpty {
            check.startTLS = TLSCheck.StartTLS(rawValue: protocolName.lowercased())
            guard check.startTLS != nil else {
                throw CheckOptionError("start_tls is neither postgres nor mysql", .unsupported)
            }
        }
        return (.tls(check), min(timeout, try interval()))
    }

    /// A file, or a server: a host, or a URL whose host and port count.
    private func tlsTarget() throws(CheckOptionError) -> TLSCheck.Target {
        if let path = try text("local_cert_path"), !path.isEmpty { return .file(ExactText(path)) }
        var server = try server("server", of: requiredText("server"))
        if value("port") != nil { server.port = try port("port") }
        return .server(server)
    }

    /// The server that an option names: that of a URL, or a host, and perhaps its port, which is 443 otherwise.
    func server(_ key: String, of text: String) throws(CheckOptionError) -> TCPCheck {
        guard let scheme = text.firstRange(of: "://") else {
            let isAddress = !text.hasPrefix("[") && text.utf8.count { $0 == UInt8(ascii: ":") } > 1
            return try server(key, isAddress ? "[\(text)]" : text)
        }
        let authority = text[scheme.upperBound...].prefix { !"/?#".contains($0) }
        return try server(key, String(authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""))
    }

    /// A host, IPv6 in brackets, and perhaps its port.
    private func server(_ key: String, _ authority: String) throws(CheckOptionError) -> TCPCheck {
        var host = authority
        var port: UInt16?
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            host = String(authority[..<colon])
            port = portNumber(authority[colon...].dropFirst())
            guard port != nil else { throw failure(key, "has a port that is not from 1 to 65535") }
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard Self.isHost(host), !host.contains("["), !host.contains("]") else {
            throw failure(key, "has no host's name or address")
        }
        return TCPCheck(host: host, port: port ?? 443)
    }

    /// `TLSv1.2`, `1.2` or `v1.2`, in any case of letters.
    private func version(_ text: String) throws(CheckOptionError) -> TLSCheck.Version {
        var number = text.lowercased()
        if number == "sslv3" { return .ssl3 }
        for prefix in ["tls", "v"] where number.hasPrefix(prefix) { number.removeFirst(prefix.count) }
        switch number {
        case "1", "1.0": return .tls1
        case "1.1": return .tls11
        case "1.2": return .tls12
        case "1.3": return .tls13
        default: throw failure("allowed_versions", "has an element that is no version from SSLv3 to TLSv1.3")
        }
    }
}
