import COpenSSL
import Glibc

/// The client's side of a TLS handshake over a socket that does not block.
@safe package struct TLSHandshake: ~Copyable {
    /// What has to happen before the handshake goes on.
    package enum Progress: Sendable {
        case done, needsInput, needsRoom
    }

    private let pointer: OpaquePointer

    /// A handshake over the socket `number`, which it does not own, and which must be open for as long.
    ///
    /// - Parameter serverName: the name to send; an address is not sent (RFC 6066 §3).
    package init(
        _ context: borrowing TLSClientContext, socket number: Int32, serverName: String?
    ) throws(TLSClientError) {
        ERR_clear_error()
        guard let session = unsafe SSL_new(context.pointer) else { throw .handshake(opensslReason()) }
        let isNameSent =
            if let serverName, !isAddress(serverName) {
                unsafe copenssl_send_name(session, serverName) == 1
            } else { true }
        guard isNameSent, unsafe SSL_set_fd(session, number) == 1 else {
            unsafe SSL_free(session)
            throw .handshake(opensslReason())
        }
        unsafe SSL_set_connect_state(session)
        unsafe pointer = session
    }

    deinit {
        unsafe SSL_free(pointer)
    }

    /// Goes on as far as the socket allows.
    ///
    /// - Throws: `handshake`.
    package func advance() throws(TLSClientError) -> Progress {
        ERR_clear_error()
        let result = unsafe SSL_do_handshake(pointer)
        guard result != 1 else { return .done }
        switch unsafe SSL_get_error(pointer, result) {
        case SSL_ERROR_WANT_READ: return .needsInput
        case SSL_ERROR_WANT_WRITE: return .needsRoom
        case SSL_ERROR_SYSCALL where ERR_peek_error() == 0: throw .handshake("the connection was lost")
        default: throw .handshake(opensslReason())
        }
    }

    /// The negotiated version, such as `TLSv1.3`.
    package var version: String {
        unsafe SSL_get_version(pointer).map { unsafe String(cString: $0) } ?? ""
    }

    /// Why the server's certificate is not trusted; nil if it is. Its name is not looked at.
    package var distrust: CertificateDistrust? {
        let result = unsafe SSL_get_verify_result(pointer)
        guard result != X509_V_OK else { return nil }
        let reason = unsafe X509_verify_cert_error_string(result).map { unsafe String(cString: $0) }
        return CertificateDistrust(
            isExpired: result == X509_V_ERR_CERT_HAS_EXPIRED, reason: reason ?? "error \(result)")
    }

    /// The server's certificate.
    ///
    /// - Throws: `noCertificate`.
    package func certificate() throws(TLSClientError) -> PeerCertificate {
        guard let certificate = unsafe SSL_get1_peer_certificate(pointer) else {
            throw .noCertificate("the server shows no certificate")
        }
        return unsafe PeerCertificate(owning: certificate)
    }
}

/// Why a certificate is not trusted.
package struct CertificateDistrust: Sendable {
    /// Whether it, or one of its issuers, has expired.
    package let isExpired: Bool
    /// What OpenSSL says.
    package let reason: String
}

/// A certificate.
@safe package struct PeerCertificate: ~Copyable {
    private let pointer: OpaquePointer

    fileprivate init(owning pointer: OpaquePointer) {
        unsafe self.pointer = pointer
    }

    /// The first certificate of a file in PEM, or the one in DER.
    ///
    /// - Throws: `noCertificate`.
    package init(file contents: [UInt8]) throws(TLSClientError) {
        ERR_clear_error()
        defer { ERR_clear_error() }
        let certificate = unsafe contents.withUnsafeBytes { bytes -> OpaquePointer? in
            guard let bio = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return nil }
            defer { unsafe BIO_free(bio) }
            if let certificate = unsafe PEM_read_bio_X509(bio, nil, nil, nil) { return unsafe certificate }
            unsafe copenssl_rewind(bio)
            return unsafe d2i_X509_bio(bio, nil)
        }
        guard let certificate = unsafe certificate else { throw .noCertificate("neither PEM nor DER") }
        unsafe pointer = certificate
    }

    deinit {
        unsafe X509_free(pointer)
    }

    /// When it ends, in seconds since 1970; nil if it does not say.
    package var end: Int64? {
        let end = unsafe copenssl_certificate_end(pointer)
        return end < 0 ? nil : end
    }

    /// Whether it is for a host's name or address.
    package func isFor(_ name: String) -> Bool {
        unsafe copenssl_is_for(pointer, name) == 1
    }
}

private func isAddress(_ host: String) -> Bool {
    var bytes = [UInt8](repeating: 0, count: 16)
    return unsafe inet_pton(AF_INET, host, &bytes) == 1 || inet_pton(AF_INET6, host, &bytes) == 1
}
