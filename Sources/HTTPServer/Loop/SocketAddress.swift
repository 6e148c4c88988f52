import CLinux
import Glibc

/// An IPv4 or IPv6 address with a port, as system calls use it.
struct SocketAddress {
    private var storage = sockaddr_storage()
    private var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

    var family: sa_family_t {
        storage.ss_family
    }

    /// Whether this is the unspecified address (`::` or `0.0.0.0`).
    var isUnspecified: Bool {
        let host = peer.host
        return host == "::" || host == "0.0.0.0"
    }

    var port: UInt16 {
        peer.port
    }

    /// The numeric address and port. An IPv4-mapped IPv6 address (`::ffff:…`, from a dual-stack socket) is shown as
    /// IPv4.
    var peer: PeerAddress {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        var port: UInt16 = 0
        let isIPv6 = family == sa_family_t(AF_INET6)
        unsafe withUnsafeBytes(of: storage) { bytes in
            // Both families begin with family and port; the IPv4 address follows at offset 4, the IPv6 address at
            // offset 8.
            unsafe port = UInt16(bigEndian: bytes.load(fromByteOffset: 2, as: UInt16.self))
            let isMapped =
                unsafe isIPv6 && bytes[8..<18].allSatisfy { $0 == 0 } && bytes[18] == 0xFF && bytes[19] == 0xFF
            let offset = isMapped ? 20 : isIPv6 ? 8 : 4
            let family = isIPv6 && !isMapped ? AF_INET6 : AF_INET
            unsafe inet_ntop(family, bytes.baseAddress?.advanced(by: offset), &text, socklen_t(text.count))
        }
        let host = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return PeerAddress(host: String(decoding: host, as: UTF8.self), port: port)
    }

    /// Passes the address to a system call that reads it.
    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        unsafe withUnsafePointer(to: storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
        }
    }

    /// An address that a system call fills in.
    static func filled(by body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Void) -> Self {
        var address = SocketAddress()
        var length = address.length
        unsafe withUnsafeMutablePointer(to: &address.storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, &length) }
        }
        address.length = length
        return address
    }

    /// The address to which `socket` is bound.
    static func local(of socket: Int32) -> Self {
        unsafe filled { unsafe _ = getsockname(socket, $0, $1) }
    }

    /// The addresses to listen on for a host, in the order in which to try them.
    ///
    /// - Parameter host: empty or `::` for all addresses. An IPv6 address may have brackets, and an IPv4 one its
    ///   IPv6-mapped form (`::ffff:…`).
    /// - Throws: `HTTPServerError.cannotListen`.
    static func resolve(host: String, port: UInt16) throws(HTTPServerError) -> [SocketAddress] {
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        let host = isBracketed ? String(host.dropFirst().dropLast()) : host
        let hosts = host.isEmpty || host == "::" ? ["::", "0.0.0.0"] : [host]
        var addresses: [SocketAddress] = []
        for host in hosts {
            for address in try lookUp(host, port: port) {
                // `peer` shows a mapped address as the IPv4 address that it stands for.
                let isMapped = address.family == sa_family_t(AF_INET6) && !address.peer.host.contains(":")
                addresses += isMapped ? try lookUp(address.peer.host, port: port) : [address]
            }
        }
        return addresses
    }

    private static func lookUp(_ host: String, port: UInt16) throws(HTTPServerError) -> [SocketAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(host, String(port), &hints, &list)
        guard status == 0 else {
            let reason = unsafe gai_strerror(status).map { unsafe String(cString: $0) } ?? "unknown"
            throw .cannotListen(host: host, port: port, reason: reason)
        }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let info = unsafe next {
            var address = SocketAddress()
            unsafe withUnsafeMutableBytes(of: &address.storage) { bytes in
                unsafe bytes.copyMemory(
                    from: UnsafeRawBufferPointer(start: info.pointee.ai_addr, count: Int(info.pointee.ai_addrlen)))
            }
            unsafe address.length = info.pointee.ai_addrlen
            addresses.append(address)
            unsafe next = info.pointee.ai_next
        }
        return addresses
    }
}
