import JSON
package import Platform

/// How a check verifies a server's certificate, and its own.
package struct CheckTrust: Sendable, Hashable {
    /// Whether the chain and the name are verified.
    package var verifies = true
    /// A file with CA certificates in PEM, read at each run, or a directory of them that `openssl rehash` has prepared;
    /// nil for the system's.
    package var caFile: String?
    /// A file with the client certificate in PEM; nil for none.
    package var certificateFile: String?
    /// A file with its private key; nil if it is in the same file.
    package var keyFile: String?
    /// The password of the private key; nil if it has none.
    package var keyPassword: ExactText?
    /// The ciphers of TLS 1.2 and below, as OpenSSL names them; nil for its own.
    package var ciphers: String?
    /// The ciphers of TLS 1.3, as OpenSSL names them; nil for its own.
    package var suites: String?

    /// The default: the system's CAs.
    package init(
        verifies: Bool = true, caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil
    ) {
        self.verifies = verifies
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}

extension InstanceReader {
    /// The keys that a check knows besides those of all HTTP checks, and what `tls_verify` is unless it is set.
    struct Aliases {
        var timeout: String?
        var verify: String?
        /// Whether its value says not to verify.
        var isVerifyInverted = false
        var authority: String?
        var certificate: String?
        var key: String?
        var verifies = true

        static let none = Aliases()
        static let httpCheck = Aliases(
            verify: "disable_ssl_validation", isVerifyInverted: true, authority: "ca_certs", certificate: "client_cert",
            key: "client_key", verifies: false)
        static let tls = Aliases(
            verify: "validate_cert", authority: "ca_cert", certificate: "cert", key: "private_key")
        static let legacyPrometheus = Aliases(
            timeout: "prometheus_timeout", verify: "ssl_verify", authority: "ssl_ca_cert", certificate: "ssl_cert",
            key: "ssl_private_key")
    }

    func trust(_ aliases: Aliases) throws(CheckOptionError) -> CheckTrust {
        var trust = CheckTrust(verifies: aliases.verifies)
        if let verifies = try flag("tls_verify") {
            trust.verifies = verifies
        } else if let verifies = try flag(aliases.verify) {
            trust.verifies = verifies != aliases.isVerifyInverted
        }
        // `ssl_ca_cert: false` is how old instances turn verification off.
        if let alias = aliases.authority, value(alias) == .bool(false) {
            trust.verifies = false
        } else if let file = try text("tls_ca_cert", or: aliases.authority, isShared: true) {
            trust.caFile = file
            trust.verifies = true
        }
        trust.certificateFile = try text("tls_cert", or: aliases.certificate)
        trust.keyFile = try text("tls_private_key", or: aliases.key)
        guard trust.certificateFile != nil || trust.keyFile == nil else {
            throw failure("tls_private_key", "needs tls_cert")
        }
        trust.keyPassword = try text("tls_private_key_password").map { ExactText($0) }
        try addCiphers(to: &trust)
        return trust
    }

    /// `tls_ciphers`, a list or a text. The names of TLS 1.3 are not those of a list for older versions, which OpenSSL
    /// would refuse for having none that it knows.
    private func addCiphers(to trust: inout CheckTrust) throws(CheckOptionError) {
        let isList = if case .array? = value("tls_ciphers") { true } else { false }
        let names =
            try isList ? texts("tls_ciphers") : (text("tls_ciphers") ?? "").split(separator: ":").map(String.init)
        // Upstream's default, which OpenSSL takes for its own.
        guard !names.contains(where: { $0.uppercased() == "ALL" }) else { return }
        let suites = names.filter { $0.hasPrefix("TLS_") }
        let ciphers = names.filter { !$0.hasPrefix("TLS_") }
        if !suites.isEmpty { trust.suites = suites.joined(separator: ":") }
        if !ciphers.isEmpty { trust.ciphers = ciphers.joined(separator: ":") }
    }
}
