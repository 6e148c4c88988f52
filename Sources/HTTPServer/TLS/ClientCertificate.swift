package import Platform
import Synchronization

/// The certificate that the client of a connection has shown, issued under a CA that the server trusts.
package struct ClientCertificate: Hashable, Sendable {
    /// The common name of its subject; empty if it has not exactly one, in UTF-8 without spaces and control characters.
    @ExactText package private(set) var name: String
    /// When it expires.
    package let expiry: WallTime

    /// A certificate.
    package init(name: String, expiry: WallTime) {
        self.name = name
        self.expiry = expiry
    }
}

/// A CA under which clients' certificates are issued. Once it is replaced, a certificate that was shown before counts
/// as expired, on connections that are open too: to replace it is the way to revoke what it has issued.
final class ClientAuthority: Sendable {
    /// Its certificates.
    let pem: [UInt8]
    private let ended = Atomic<Bool>(false)

    init(_ pem: [UInt8]) {
        self.pem = pem
    }

    /// Whether it has been replaced.
    var isReplaced: Bool { ended.load(ordering: .relaxed) }

    /// It has, and this stays so.
    func replace() { ended.store(true, ordering: .relaxed) }
}
