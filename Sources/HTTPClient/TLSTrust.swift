/// Which servers a client trusts, and its own certificate.
///
/// With `caPEM`, only certificates issued under it are trusted, not the roots of the system. With a pin and no `caPEM`,
/// neither chain nor name is verified: the key alone decides. With both, both must match.
package struct TLSTrust: Sendable, Hashable {
    /// CA certificates in PEM; nil for the system's roots.
    package var caPEM: [UInt8]?
    /// A directory of CA certificates that `openssl rehash` has prepared, instead of `caPEM`.
    package var caDirectory: String?
    /// `sha256//` and the Base64 of the SHA-256 of the public key of the server (SubjectPublicKeyInfo); nil for no pin.
    package var pinnedPublicKey: String?
    /// The client certificate and its chain in PEM.
    package var clientCertificatePEM: [UInt8]?
    /// The private key of the client certificate in PEM.
    package var clientKeyPEM: [UInt8]?
    /// The password of the private key; nil if it has none.
    package var clientKeyPassword: String?
    /// The ciphers of TLS 1.2, as OpenSSL names them; nil for its own.
    package var ciphers: String?
    /// The ciphers of TLS 1.3, as OpenSSL names them; nil for its own.
    package var suites: String?
    /// The TLS server name (SNI) to send and verify instead of the host of the URL.
    package var serverName: String?
    /// False to accept any certificate; a pin is still checked.
    package var verifies: Bool

    /// By default the roots of the system are trusted.
    package init(
        caPEM: [UInt8]? = nil, caDirectory: String? = nil, pinnedPublicKey: String? = nil,
        clientCertificatePEM: [UInt8]? = nil,
        clientKeyPEM: [UInt8]? = nil, clientKeyPassword: String? = nil, ciphers: String? = nil, suites: String? = nil,
        serverName: String? = nil, verifies: Bool = true
    ) {
        self.caPEM = caPEM
        self.caDirectory = caDirectory
        self.pinnedPublicKey = pinnedPublicKey
        self.clientCertificatePEM = clientCertificatePEM
        self.clientKeyPEM = clientKeyPEM
        self.clientKeyPassword = clientKeyPassword
        self.ciphers = ciphers
        self.suites = suites
        self.serverName = serverName
        self.verifies = verifies
    }

    /// Whether the chain and the name of the certificate are verified.
    var verifiesChain: Bool {
        verifies && (caPEM != nil || pinnedPublicKey == nil)
    }

    /// - Throws: `invalidOptions` for errors that can be detected before a handshake.
    func validate() throws(HTTPClientError) {
        if let caPEM, !Self.contains("-----BEGIN CERTIFICATE-----", caPEM), !Self.contains("-----BEGIN TRUSTED", caPEM)
        {
            throw .invalidOptions("the CA contains no PEM certificate (-----BEGIN CERTIFICATE-----)")
        }
        if let pinnedPublicKey, !Self.isPin(pinnedPublicKey) {
            throw .invalidOptions(
                "the pinned public key \(pinnedPublicKey) is not sha256// and 44 characters of Base64 (a SHA-256)")
        }
        if (clientCertificatePEM == nil) != (clientKeyPEM == nil) {
            throw .invalidOptions("a client certificate and its key must be given together")
        }
        if let serverName, serverName.isEmpty || serverName.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) {
            throw .invalidOptions("the TLS server name is empty or contains a space or control character")
        }
    }

    private static func isPin(_ text: String) -> Bool {
        let prefix = "sha256//"
        guard text.hasPrefix(prefix) else { return false }
        let digest = text.utf8.dropFirst(prefix.utf8.count)
        guard digest.count == 44, digest.last == UInt8(ascii: "=") else { return false }
        return digest.dropLast().allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                true
            default: false
            }
        }
    }

    private static func contains(_ needle: String, _ bytes: [UInt8]) -> Bool {
        let needle = Array(needle.utf8)
        guard bytes.count >= needle.count else { return false }
        return (0...(bytes.count - needle.count)).contains { start in
            bytes[start] == needle[0] && bytes[start..<(start + needle.count)].elementsEqual(needle)
        }
    }
}
