import CLinux
import Glibc
import Platform

private let backlog: Int32 = 4_096

/// A listening socket.
struct Listener: ~Copyable, Sendable {
    let descriptor: FileDescriptor
    /// The bound port, even if any free port was requested.
    let port: UInt16

    /// Binds and listens.
    ///
    /// - Parameters:
    ///   - host: a numeric address or a host name; empty or `::` for all addresses: IPv6 and IPv4, or IPv4 alone where
    ///     there is no IPv6.
    ///   - port: 0 for any free port.
    /// - Throws: `HTTPServerError.cannotListen`.
    init(host: String, port: UInt16) throws(HTTPServerError) {
        let addresses = try SocketAddress.resolve(host: host, port: port)
        var failure = "no address"
        for address in addresses {
            do {
                let descriptor = try Self.listen(address)
                self.port = SocketAddress.local(of: descriptor.number).port
                self.descriptor = descriptor
                return
            } catch {
                failure = error.description
                // Without IPv6 in the kernel, the next candidate for all addresses is tried; any other failure is
                // final.
                guard error.number == EAFNOSUPPORT || error.number == EADDRNOTAVAIL else { break }
            }
        }
        throw .cannotListen(host: host.isEmpty ? "all addresses" : host, port: port, reason: failure)
    }

    private static func listen(_ address: SocketAddress) throws(SystemCallError) -> FileDescriptor {
        let number = socket(
            Int32(address.family), Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { throw SystemCallError("socket") }
        let descriptor = FileDescriptor(owning: number)
        // A restart must not wait for old connections in TIME_WAIT. Accepted sockets inherit TCP_NODELAY and
        // SO_KEEPALIVE.
        try set(number, SOL_SOCKET, SO_REUSEADDR, 1)
        try set(number, SOL_SOCKET, SO_KEEPALIVE, 1)
        try set(number, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        if address.family == sa_family_t(AF_INET6) {
            try set(number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, address.isUnspecified ? 0 : 1)
        }
        let bound = unsafe address.withPointer { unsafe bind(number, $0, $1) }
        guard bound == 0 else { throw SystemCallError("bind") }
        guard Glibc.listen(number, backlog) == 0 else { throw SystemCallError("listen") }
        return descriptor
    }

    private static func set(
        _ number: Int32, _ level: Int32, _ option: Int32, _ value: Int32
    ) throws(SystemCallError) {
        var value = value
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe setsockopt(number, level, option, &value, size) == 0 else { throw SystemCallError("setsockopt") }
    }
}
