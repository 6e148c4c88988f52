import COpenSSL

/// The OpenSSL context that all TLS connections of a server share.
// Proof: an SSL_CTX counts its references atomically and locks what SSL_new reads. It is modified only in `init`,
// before it is shared.
@safe final class TLSContext: @unchecked Sendable {
    private static let http11: [UInt8] = [8] + Array("http/1.1".utf8)
    /// The fastest suite on machines with AES in hardware comes first; clients without it get ChaCha20
    /// (SSL_OP_PRIORITIZE_CHACHA).
    private static let tls13Suites = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"
    private static let tls12Suites = "ECDHE+AESGCM:ECDHE+CHACHA20"

    let pointer: OpaquePointer
    /// The CA of clients' certificates; nil if none are asked for.
    let clientAuthority: ClientAuthority?

    /// - Throws: `HTTPServerError` if OpenSSL rejects the certificate or key, for example because the key is too short
    ///   for its policy.
    ///
    /// - Parameter former: the CA before this context; it goes on if it is the same.
    init(_ options: TLSServerOptions, replacing former: ClientAuthority? = nil) throws(HTTPServerError) {
        clientAuthority = options.clientAuthorityPEM.map { pem in
            former.flatMap { $0.pem == pem ? $0 : nil } ?? ClientAuthority(pem)
        }
        ERR_clear_error()
        guard let context = unsafe SSL_CTX_new(TLS_server_method()) else { throw .resources(reason: opensslReason()) }
        do throws(HTTPServerError) {
            try unsafe Self.configure(context, options)
        } catch {
            unsafe SSL_CTX_free(context)
            throw error
        }
        unsafe pointer = context
    }

    deinit {
        unsafe SSL_CTX_free(pointer)
    }

    private static func configure(_ context: OpaquePointer, _ options: TLSServerOptions) throws(HTTPServerError) {
        let minimum = options.minimumVersion == .tls12 ? TLS1_2_VERSION : TLS1_3_VERSION
        guard unsafe copenssl_set_versions(context, minimum) == 1,
            unsafe SSL_CTX_set_ciphersuites(context, tls13Suites) == 1,
            unsafe SSL_CTX_set_cipher_list(context, tls12Suites) == 1,
            unsafe SSL_CTX_set_num_tickets(context, 1) == 1
        else { throw .resources(reason: opensslReason()) }
        unsafe copenssl_set_modes(context)
        unsafe SSL_CTX_set_options(context, copenssl_server_options())
        unsafe SSL_CTX_set_alpn_select_cb(context, selectHTTP11, nil)
        let chain = try CertificateChain(pem: options.identity.certificatePEM)
        let key = try PrivateKey(pem: options.identity.privateKeyPEM)
        guard unsafe SSL_CTX_use_certificate(context, chain.first) == 1 else {
            throw .invalidCertificate(reason: opensslReason())
        }
        for index in unsafe chain.certificates.indices.dropFirst() {
            guard unsafe copenssl_add_chain_certificate(context, chain.certificates[index]) == 1 else {
                throw .invalidCertificate(reason: opensslReason())
            }
        }
        if let authority = options.clientAuthorityPEM {
            let trusted = try CertificateChain(pem: authority)
            guard unsafe copenssl_ask_for_certificates(context) == 1 else {
                throw .resources(reason: opensslReason())
            }
            for index in unsafe trusted.certificates.indices {
                guard unsafe copenssl_trust(context, trusted.certificates[index]) == 1 else {
                    throw .invalidCertificate(reason: opensslReason())
                }
            }
        }
        guard unsafe SSL_CTX_use_PrivateKey(context, key.pointer) == 1 else {
            throw .invalidPrivateKey(reason: opensslReason())
        }
    }

    /// Selects `http/1.1` if the client offers it, and rejects a client that offers only other protocols (RFC 7301
    /// §3.2).
    private static let selectHTTP11: SSL_CTX_alpn_select_cb_func = { _, selected, selectedLength, offered, count, _ in
        var chosen: UnsafeMutablePointer<UInt8>?
        let result = unsafe http11.withUnsafeBufferPointer { ours in
            unsafe SSL_select_next_proto(&chosen, selectedLength, ours.baseAddress, UInt32(ours.count), offered, count)
        }
        guard result == OPENSSL_NPN_NEGOTIATED, let chosen = unsafe chosen else { return SSL_TLSEXT_ERR_ALERT_FATAL }
        unsafe selected?.pointee = unsafe UnsafePointer(chosen)
        return SSL_TLSEXT_ERR_OK
    }
}
