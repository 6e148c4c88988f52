import COpenSSL

/// A private key.
@safe struct PrivateKey: ~Copyable {
    let pointer: OpaquePointer

    private init(owning pointer: OpaquePointer) {
        unsafe self.pointer = unsafe pointer
    }

    /// Reads the key from a PEM text.
    ///
    /// - Throws: `HTTPServerError.invalidPrivateKey` if there is none or it is encrypted.
    init(pem: [UInt8]) throws(HTTPServerError) {
        ERR_clear_error()
        let memory = try MemoryBIO(pem)
        guard let key = unsafe copenssl_read_key(memory.pointer) else {
            throw .invalidPrivateKey(
                reason: "no unencrypted private key in it (PEM, -----BEGIN PRIVATE KEY-----): \(opensslReason())")
        }
        unsafe self.init(owning: key)
    }

    deinit {
        unsafe EVP_PKEY_free(pointer)
    }

    /// Generates a key on the curve P-256.
    ///
    /// - Throws: `HTTPServerError.resources`.
    static func generate() throws(HTTPServerError) -> PrivateKey {
        ERR_clear_error()
        guard let key = unsafe copenssl_generate_p256() else { throw .resources(reason: opensslReason()) }
        return unsafe PrivateKey(owning: key)
    }

    /// The key in PEM (PKCS #8, unencrypted).
    ///
    /// - Throws: `HTTPServerError.resources`.
    func pem() throws(HTTPServerError) -> [UInt8] {
        let memory = try MemoryBIO()
        guard unsafe PEM_write_bio_PrivateKey(memory.pointer, pointer, nil, nil, 0, nil, nil) == 1 else {
            throw .resources(reason: opensslReason())
        }
        return memory.contents
    }
}

/// A memory BIO, the in-memory buffer of OpenSSL.
@safe struct MemoryBIO: ~Copyable {
    let pointer: OpaquePointer

    /// A buffer that contains `bytes`.
    ///
    /// - Throws: `HTTPServerError.resources`.
    init(_ bytes: [UInt8] = []) throws(HTTPServerError) {
        guard let bio = unsafe BIO_new(BIO_s_mem()) else { throw .resources(reason: opensslReason()) }
        guard unsafe bytes.isEmpty || BIO_write(bio, bytes, Int32(clamping: bytes.count)) == bytes.count else {
            unsafe BIO_free(bio)
            throw .resources(reason: opensslReason())
        }
        unsafe pointer = bio
    }

    deinit {
        unsafe BIO_free(pointer)
    }

    /// A copy of the contents.
    var contents: [UInt8] {
        var start: UnsafeMutablePointer<CChar>?
        let length = unsafe copenssl_bio_contents(pointer, &start)
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: max(0, length)))
    }
}

/// The reason of the last error in the OpenSSL error queue of this thread; empties the queue.
func opensslReason() -> String {
    let error = ERR_peek_last_error()
    ERR_clear_error()
    guard error != 0, let reason = unsafe ERR_reason_error_string(error) else { return "unknown OpenSSL error" }
    return unsafe String(cString: reason)
}
