import COpenSSL
import Glibc
package import Platform

/// The certificate chain and private key of a server, verified to belong together.
package final class TLSIdentity: Sendable {
    /// The chain in PEM, with the certificate of the server first.
    package let certificatePEM: [UInt8]
    /// The SHA-256 of the public key of the first certificate (SubjectPublicKeyInfo, DER), in the form of libcurl's
    /// `CURLOPT_PINNEDPUBLICKEY`: `sha256//` and Base64.
    package let publicKeyPin: String
    /// The private key in PEM, unencrypted.
    package let privateKeyPEM: [UInt8]
    /// When the first certificate expires; nil if it never does.
    package let expiry: WallTime?

    /// An identity from the contents of PEM files.
    ///
    /// - Parameters:
    ///   - certificatePEM: one or more certificates, with that of the server first.
    ///   - keyPEM: its unencrypted private key.
    /// - Throws: `HTTPServerError` if either cannot be used or they do not belong together.
    package init(certificatePEM: [UInt8], keyPEM privateKeyPEM: [UInt8]) throws(HTTPServerError) {
        let chain = try CertificateChain(pem: certificatePEM)
        let key = try PrivateKey(pem: privateKeyPEM)
        guard unsafe X509_check_private_key(chain.first, key.pointer) == 1 else {
            ERR_clear_error()
            throw .keyDoesNotMatchCertificate
        }
        self.certificatePEM = certificatePEM
        self.privateKeyPEM = privateKeyPEM
        publicKeyPin = try chain.publicKeyPin()
        expiry = try chain.expiry()
    }

    /// The pin of the first certificate, for a client that has the certificate and no CA to verify it.
    ///
    /// - Throws: `HTTPServerError.invalidCertificate`.
    package static func publicKeyPin(of certificatePEM: [UInt8]) throws(HTTPServerError) -> String {
        try CertificateChain(pem: certificatePEM).publicKeyPin()
    }

    /// A secret that everybody has who has a private key, and nobody else: the SHA-256 of a purpose and the key's text,
    /// in hexadecimal. It tells nothing about the key, and differs for each purpose.
    ///
    /// - Throws: `HTTPServerError.invalidPrivateKey` if OpenSSL fails.
    package static func secret(for purpose: String, derivedFrom keyPEM: [UInt8]) throws(HTTPServerError) -> String {
        guard let digest = sha256(Array(purpose.utf8) + [0] + keyPEM) else {
            throw .invalidPrivateKey(reason: opensslReason())
        }
        return digest.map { zeroPadded(UInt64($0), width: 2, radix: 16) }.joined()
    }

    /// Generates a P-256 key and a self-signed certificate for it.
    ///
    /// It is valid at any time.
    ///
    /// - Parameter hosts: host names and addresses that clients use, in addition to `localhost`, `127.0.0.1` and `::1`.
    /// - Throws: `HTTPServerError` if a host is neither an address nor an ASCII host name, or if OpenSSL fails.
    package static func selfSigned(hosts: [String]) throws(HTTPServerError) -> TLSIdentity {
        try generated(hosts: ["localhost", "127.0.0.1", "::1"] + hosts, .always)
    }

    /// Generates a P-256 key and a self-signed certificate for it that is valid for so many days from `now` on.
    ///
    /// - Parameter hosts: the host names and addresses that clients use.
    /// - Throws: `HTTPServerError` if a host is neither an address nor an ASCII host name, or if OpenSSL fails.
    package static func selfSigned(
        hosts: [String], days: Int, from now: WallTime
    ) throws(HTTPServerError) -> TLSIdentity {
        try generated(hosts: hosts, .days(days, from: now))
    }

    private static func generated(
        hosts: [String], _ validity: CertificateValidity
    ) throws(HTTPServerError) -> TLSIdentity {
        let key = try PrivateKey.generate()
        let draft = try CertificateDraft(for: key, validity: validity)
        try draft.name(hosts)
        return try TLSIdentity(certificatePEM: try draft.selfSigned(key), keyPEM: try key.pem())
    }

    /// A new P-256 key and a certificate for it with the same names, issued by this one: clients that trust this
    /// certificate trust the new one too, and clients that trust the new one do not trust this one.
    ///
    /// - Throws: `HTTPServerError` if the certificate may not issue another one or has no names, or if OpenSSL fails.
    package func successor(days: Int, from now: WallTime) throws(HTTPServerError) -> TLSIdentity {
        let issuer = try CertificateChain(pem: certificatePEM)
        guard unsafe X509_check_ca(issuer.first) == 1 else {
            throw .invalidCertificate(reason: "it may not issue another one: renew it where it comes from")
        }
        let key = try PrivateKey.generate()
        let draft = try CertificateDraft(for: key, validity: .days(days, from: now))
        try unsafe draft.name(like: issuer.first)
        let certificate = try unsafe draft.issued(by: issuer.first, try PrivateKey(pem: privateKeyPEM))
        return try TLSIdentity(certificatePEM: certificate, keyPEM: try key.pem())
    }
}

/// The certificates of a PEM text.
@safe struct CertificateChain: ~Copyable {
    let certificates: [OpaquePointer]

    /// - Throws: `HTTPServerError.invalidCertificate`.
    init(pem: [UInt8]) throws(HTTPServerError) {
        ERR_clear_error()
        var found: [OpaquePointer] = unsafe []
        var reason: String?
        do {
            let memory = try MemoryBIO(pem)
            while let certificate = unsafe PEM_read_bio_X509(memory.pointer, nil, nil, nil) {
                unsafe found.append(certificate)
            }
        } catch {
            reason = error.description
        }
        if reason == nil {
            if copenssl_is_end_of_pem(ERR_peek_last_error()) == 0 { reason = opensslReason() }
            if unsafe found.isEmpty { reason = "no certificate in it (PEM, -----BEGIN CERTIFICATE-----)" }
        }
        ERR_clear_error()
        if let reason {
            unsafe found.forEach { unsafe X509_free($0) }
            throw .invalidCertificate(reason: reason)
        }
        unsafe certificates = found
    }

    deinit {
        unsafe certificates.forEach { unsafe X509_free($0) }
    }

    /// The certificate of the server.
    var first: OpaquePointer {
        unsafe certificates[0]
    }

    /// - Throws: `HTTPServerError.invalidCertificate`.
    func publicKeyPin() throws(HTTPServerError) -> String {
        var der: UnsafeMutablePointer<UInt8>?
        let length = unsafe i2d_X509_PUBKEY(X509_get_X509_PUBKEY(first), &der)
        guard length > 0, let bytes = unsafe der else { throw .invalidCertificate(reason: opensslReason()) }
        defer { unsafe CRYPTO_free(bytes, #fileID, #line) }
        let copy = unsafe Array(UnsafeBufferPointer(start: bytes, count: Int(length)))
        guard let digest = sha256(copy) else { throw .invalidCertificate(reason: opensslReason()) }
        return "sha256//" + base64(digest)
    }

    /// - Returns: nil for the end of the year 9999, which means never (RFC 5280, section 4.1.2.5), and for any other
    ///   date that is too late for a wall time.
    /// - Throws: `HTTPServerError.invalidCertificate`.
    func expiry() throws(HTTPServerError) -> WallTime? {
        var time = unsafe tm()
        guard unsafe ASN1_TIME_to_tm(X509_get0_notAfter(first), &time) == 1 else {
            throw .invalidCertificate(reason: opensslReason())
        }
        let seconds = unsafe Int64(timegm(&time))
        guard seconds < Int64.max / 1_000_000_000 else { return nil }
        return WallTime(nanoseconds: max(seconds, 0) * 1_000_000_000)
    }
}

/// The SHA-256 of bytes; nil if OpenSSL fails.
package func sha256(_ bytes: [UInt8]) -> [UInt8]? {
    var digest = [UInt8](repeating: 0, count: 32)
    guard unsafe EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha256(), nil) == 1 else { return nil }
    return digest
}

/// Standard Base64 with padding (RFC 4648 §4).
func base64(_ bytes: [UInt8]) -> String {
    var text = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
    let length = unsafe EVP_EncodeBlock(&text, bytes, Int32(bytes.count))
    return String(decoding: text[..<Int(length)], as: UTF8.self)
}
