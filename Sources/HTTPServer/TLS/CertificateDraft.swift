import COpenSSL
import Platform

/// From when until when a certificate is valid, in seconds since 1970.
struct CertificateValidity {
    let from: Int64
    let until: Int64

    /// For a certificate whose age nothing relies on: a machine that starts with a wrong clock must not make one that
    /// is never valid once the clock is right. The end is that of RFC 5280 §4.1.2.5 for no end.
    static let always = CertificateValidity(from: 0, until: 253_402_300_799)

    /// So many days, from an hour ago, for clocks that are behind.
    static func days(_ days: Int, from now: WallTime) -> CertificateValidity {
        let seconds = now.nanoseconds / 1_000_000_000
        return CertificateValidity(from: seconds - 3600, until: seconds + Int64(days) * 86_400)
    }
}

/// A certificate that is not signed yet.
///
/// It is for clients that pin the key or trust the certificate as their CA: it has `CA:TRUE`, which OpenSSL requires of
/// a trust anchor.
@safe struct CertificateDraft: ~Copyable {
    private let certificate: OpaquePointer

    /// - Parameter key: its key.
    /// - Throws: `HTTPServerError.resources`.
    init(for key: borrowing PrivateKey, validity: CertificateValidity) throws(HTTPServerError) {
        ERR_clear_error()
        guard let new = unsafe X509_new() else { throw .resources(reason: opensslReason()) }
        let serial = Int(truncatingIfNeeded: SystemEntropy().next() >> 1)
        let subject = unsafe X509_get_subject_name(new)
        guard
            unsafe X509_set_version(new, 2) == 1,  // X.509 version 3
            unsafe ASN1_INTEGER_set(X509_get_serialNumber(new), serial) == 1,
            unsafe ASN1_TIME_set(X509_getm_notBefore(new), Int(validity.from)) != nil,
            unsafe ASN1_TIME_set(X509_getm_notAfter(new), Int(validity.until)) != nil,
            unsafe X509_set_pubkey(new, key.pointer) == 1,
            unsafe X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, "cluster-agent", -1, -1, 0) == 1,
            unsafe copenssl_add_extension(new, new, NID_basic_constraints, "critical,CA:TRUE") == 1,
            unsafe copenssl_add_extension(new, new, NID_ext_key_usage, "serverAuth") == 1,
            unsafe copenssl_add_extension(new, new, NID_subject_key_identifier, "hash") == 1
        else {
            unsafe X509_free(new)
            throw .resources(reason: opensslReason())
        }
        unsafe certificate = unsafe new
    }

    deinit {
        unsafe X509_free(certificate)
    }

    /// Gives it every host as a subject alternative name.
    ///
    /// - Throws: `HTTPServerError` if a host is neither an address nor an ASCII host name, or if OpenSSL fails.
    func name(_ hosts: [String]) throws(HTTPServerError) {
        let names = try unsafe alternativeNames(hosts)
        defer { unsafe copenssl_free_names(names) }
        guard
            unsafe X509_add1_ext_i2d(certificate, NID_subject_alt_name, UnsafeMutableRawPointer(names), 0, 0) == 1
        else { throw .resources(reason: opensslReason()) }
    }

    /// Gives it the names of another certificate.
    ///
    /// - Throws: `HTTPServerError.invalidCertificate` if that has none.
    func name(like other: OpaquePointer) throws(HTTPServerError) {
        let index = unsafe X509_get_ext_by_NID(other, NID_subject_alt_name, -1)
        guard index >= 0, unsafe X509_add_ext(certificate, X509_get_ext(other, index), -1) == 1 else {
            ERR_clear_error()
            throw .invalidCertificate(reason: "it has no names (subjectAltName)")
        }
    }

    /// Signs it with its own key, and returns it in PEM.
    ///
    /// - Throws: `HTTPServerError.resources`.
    func selfSigned(_ key: borrowing PrivateKey) throws(HTTPServerError) -> [UInt8] {
        try unsafe signed(by: certificate, key)
    }

    /// Signs it with the key of another certificate, so that who trusts that one trusts this one too, and returns it in
    /// PEM.
    ///
    /// - Throws: `HTTPServerError.resources`.
    func issued(by issuer: OpaquePointer, _ key: borrowing PrivateKey) throws(HTTPServerError) -> [UInt8] {
        // The names of both are the same. Without the identifier of the other key it would count as self-signed.
        guard
            unsafe copenssl_add_extension(certificate, issuer, NID_authority_key_identifier, "keyid,issuer") == 1
        else { throw .resources(reason: opensslReason()) }
        return try unsafe signed(by: issuer, key)
    }

    private func signed(by issuer: OpaquePointer, _ key: borrowing PrivateKey) throws(HTTPServerError) -> [UInt8] {
        guard
            unsafe X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1,
            unsafe X509_sign(certificate, key.pointer, EVP_sha256()) > 0
        else { throw .resources(reason: opensslReason()) }
        let memory = try MemoryBIO()
        guard unsafe PEM_write_bio_X509(memory.pointer, certificate) == 1 else {
            throw .resources(reason: opensslReason())
        }
        return memory.contents
    }
}

private func alternativeNames(_ hosts: [String]) throws(HTTPServerError) -> OpaquePointer {
    guard let names = unsafe GENERAL_NAMES_new() else { throw .resources(reason: opensslReason()) }
    var seen: Set<ExactText> = []
    for host in hosts where seen.insert(host).inserted {
        guard let name = unsafe alternativeName(host) else {
            unsafe copenssl_free_names(names)
            throw .invalidOption(name: "TLS host", reason: "neither an address nor an ASCII host name: '\(host)'")
        }
        guard unsafe copenssl_push_name(names, name) == 1 else {
            unsafe GENERAL_NAME_free(name)
            unsafe copenssl_free_names(names)
            throw .resources(reason: opensslReason())
        }
    }
    return unsafe names
}

private func alternativeName(_ host: String) -> UnsafeMutablePointer<GENERAL_NAME>? {
    let isName = !host.isEmpty && host.utf8.count <= 253 && host.utf8.allSatisfy { isHostNameByte($0) }
    if let address = unsafe a2i_IPADDRESS(host) {
        guard let name = unsafe GENERAL_NAME_new() else { return nil }
        unsafe GENERAL_NAME_set0_value(name, GEN_IPADD, address)
        return unsafe name
    }
    ERR_clear_error()
    guard isName, let text = unsafe ASN1_STRING_type_new(V_ASN1_IA5STRING), let name = unsafe GENERAL_NAME_new()
    else { return nil }
    unsafe ASN1_STRING_set(text, host, -1)
    unsafe GENERAL_NAME_set0_value(name, GEN_DNS, text)
    return unsafe name
}

private func isHostNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "*"):
        true
    default: false
    }
}
