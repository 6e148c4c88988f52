import COpenSSL
import Platform

/// Valid at any time: nothing relies on its age, and a machine that starts with a wrong clock must not make one that is
/// never valid once the clock is right. The end is that of RFC 5280 §4.1.2.5 for no end.
private let (validFrom, validUntil) = ("19700101000000Z", "99991231235959Z")

/// Creates a self-signed certificate for `key`, in PEM.
///
/// It is for clients that pin the key or trust the certificate as their CA: it has `CA:TRUE`, which OpenSSL requires of
/// a trust anchor, and every host as a subject alternative name.
///
/// - Throws: `HTTPServerError` if a host is neither an address nor an ASCII host name, or if OpenSSL fails.
func selfSignedCertificate(
    for key: borrowing PrivateKey, hosts: [String]
) throws(HTTPServerError) -> [UInt8] {
    ERR_clear_error()
    guard let certificate = unsafe X509_new() else { throw .resources(reason: opensslReason()) }
    defer { unsafe X509_free(certificate) }
    let names = try unsafe alternativeNames(hosts)
    defer { unsafe copenssl_free_names(names) }
    let serial = Int(truncatingIfNeeded: SystemEntropy().next() >> 1)
    let subject = unsafe X509_get_subject_name(certificate)
    guard
        unsafe X509_set_version(certificate, 2) == 1,  // X.509 version 3
        unsafe ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial) == 1,
        unsafe ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), validFrom) == 1,
        unsafe ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), validUntil) == 1,
        unsafe X509_set_pubkey(certificate, key.pointer) == 1,
        unsafe X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, "cluster-agent", -1, -1, 0) == 1,
        unsafe X509_set_issuer_name(certificate, subject) == 1,
        unsafe X509_add1_ext_i2d(certificate, NID_subject_alt_name, UnsafeMutableRawPointer(names), 0, 0) == 1,
        unsafe addExtension(certificate, NID_basic_constraints, "critical,CA:TRUE"),
        unsafe addExtension(certificate, NID_ext_key_usage, "serverAuth"),
        unsafe X509_sign(certificate, key.pointer, EVP_sha256()) > 0
    else { throw .resources(reason: opensslReason()) }
    let memory = try MemoryBIO()
    guard unsafe PEM_write_bio_X509(memory.pointer, certificate) == 1 else {
        throw .resources(reason: opensslReason())
    }
    return memory.contents
}

private func addExtension(_ certificate: OpaquePointer, _ kind: Int32, _ text: String) -> Bool {
    guard let value = unsafe X509V3_EXT_conf_nid(nil, nil, kind, text) else { return false }
    defer { unsafe X509_EXTENSION_free(value) }
    return unsafe X509_add_ext(certificate, value, -1) == 1
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
