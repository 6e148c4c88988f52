import COpenSSL
import Glibc
import Platform

extension ClientCertificate {
    /// That of a session whose handshake is over; nil if the client has shown none.
    init?(ofSession session: OpaquePointer) {
        guard let certificate = unsafe SSL_get0_peer_certificate(session),
            unsafe SSL_get_verify_result(session) == Int(X509_V_OK)
        else { return nil }
        // A certificate without an end counts as expired.
        let end = max(0, unsafe copenssl_certificate_end(certificate))
        let name = unsafe X509_get_subject_name(certificate).flatMap { unsafe Self.name(in: $0) }
        self.init(name: name ?? "", expiry: WallTime(seconds: end))
    }

    private static func name(in subject: OpaquePointer) -> String? {
        let position = unsafe X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
        // Of two names nobody can say which one counts.
        guard position >= 0, unsafe X509_NAME_get_index_by_NID(subject, NID_commonName, position) < 0 else {
            return nil
        }
        var text: UnsafeMutablePointer<UInt8>?
        let entry = unsafe X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, position))
        let length = unsafe ASN1_STRING_to_UTF8(&text, entry)
        guard length >= 0, let bytes = unsafe text else { return nil }
        defer { unsafe CRYPTO_free(bytes, #fileID, #line) }
        guard length > 0 else { return nil }
        let copy = unsafe Array(UnsafeBufferPointer(start: bytes, count: Int(length)))
        guard copy.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { return nil }
        return String(validating: copy, as: UTF8.self)
    }
}
