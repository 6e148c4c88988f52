import COpenSSL
import Glibc

/// Why a TLS handshake, or what it needs, failed.
package enum TLSClientError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The files of CAs, certificate or key, or the ciphers, cannot be used.
    case invalidOptions(String)
    /// The handshake failed.
    case handshake(String)
    /// What should be a certificate is none.
    case noCertificate(String)

    /// What happened.
    package var description: String {
        switch self {
        case .invalidOptions(let reason), .handshake(let reason), .noCertificate(let reason): reason
        }
    }
}

/// What a client trusts and shows. All files are in PEM.
package struct TLSClientOptions: Sendable {
    /// The CAs; nil for the system's.
    package var caFile: String?
    /// A directory of CAs that `openssl rehash` has prepared, instead of a file.
    package var caDirectory: String?
    /// The client certificate and its chain; nil for none.
    package var certificateFile: String?
    /// Its private key; nil if it is in the same file.
    package var keyFile: String?
    /// The password of the private key; nil if it has none.
    package var keyPassword: String?
    /// The ciphers of TLS 1.2 and below, as OpenSSL names them; nil for its own.
    package var ciphers: String?
    /// The ciphers of TLS 1.3, as OpenSSL names them; nil for its own.
    package var suites: String?
    /// Whether TLS 1.0 and 1.1 are offered. Weak keys and signatures are accepted then, too.
    package var allowsOldVersions = false

    /// The system's CAs, and no client certificate.
    package init() {}
}

/// The OpenSSL context of one client.
@safe package struct TLSClientContext: ~Copyable {
    let pointer: OpaquePointer
    /// What OpenSSL asks for when it reads an encrypted key.
    private let password: UnsafeMutablePointer<CChar>?

    /// Reads the files.
    ///
    /// - Throws: `invalidOptions`.
    package init(_ options: TLSClientOptions) throws(TLSClientError) {
        ERR_clear_error()
        guard let context = unsafe SSL_CTX_new(TLS_client_method()) else { throw .invalidOptions(opensslReason()) }
        let password = unsafe options.keyPassword.flatMap { unsafe strdup($0) }
        do throws(TLSClientError) {
            unsafe copenssl_set_up_client(context, options.allowsOldVersions ? 1 : 0)
            unsafe copenssl_set_password(context, password)
            try unsafe Self.configure(context, options)
        } catch {
            unsafe SSL_CTX_free(context)
            unsafe free(password)
            throw error
        }
        unsafe self.pointer = context
        unsafe self.password = password
    }

    private static func configure(_ context: OpaquePointer, _ options: TLSClientOptions) throws(TLSClientError) {
        if let ciphers = options.ciphers, unsafe SSL_CTX_set_cipher_list(context, ciphers) != 1 {
            throw .invalidOptions("tls_ciphers: \(opensslReason())")
        }
        if let suites = options.suites, unsafe SSL_CTX_set_ciphersuites(context, suites) != 1 {
            throw .invalidOptions("tls_ciphers: \(opensslReason())")
        }
        let hasAuthorities =
            if options.caFile != nil || options.caDirectory != nil {
                unsafe SSL_CTX_load_verify_locations(context, options.caFile, options.caDirectory) == 1
            } else {
                unsafe SSL_CTX_set_default_verify_paths(context) == 1
            }
        guard hasAuthorities else { throw .invalidOptions("tls_ca_cert: \(opensslReason())") }
        guard let certificate = options.certificateFile else { return }
        guard unsafe SSL_CTX_use_certificate_chain_file(context, certificate) == 1 else {
            throw .invalidOptions("the file of tls_cert cannot be used (\(opensslReason()))")
        }
        guard unsafe SSL_CTX_use_PrivateKey_file(context, options.keyFile ?? certificate, SSL_FILETYPE_PEM) == 1 else {
            throw .invalidOptions("the key of tls_private_key or tls_cert cannot be used (\(opensslReason()))")
        }
    }

    deinit {
        unsafe SSL_CTX_free(pointer)
        unsafe free(password)
    }
}

/// What OpenSSL says of the first failure in its queue, which is empty afterwards.
func opensslReason() -> String {
    let error = ERR_get_error()
    ERR_clear_error()
    guard error != 0, let reason = unsafe ERR_reason_error_string(error) else { return "OpenSSL gives no reason" }
    return unsafe String(cString: reason)
}
