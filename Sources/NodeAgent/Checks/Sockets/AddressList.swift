import CheckModel
import CheckOptions
import Glibc

/// The addresses that `getaddrinfo` finds for a name.
@safe struct AddressList: ~Copyable {
    private let list: UnsafeMutablePointer<addrinfo>
    let count: Int

    /// Blocks for as long as the resolver does.
    ///
    /// - Throws: `CheckFailure` of kind `dns`.
    init(_ server: TCPCheck) throws(CheckFailure) {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_NUMERICSERV
        unsafe hints.ai_family = server.isIPv4Only ? AF_INET : AF_UNSPEC
        var found: UnsafeMutablePointer<addrinfo>?
        let problem = unsafe getaddrinfo(server.host, String(server.port), &hints, &found)
        guard problem == 0, let list = unsafe found else {
            throw CheckFailure(.dns, unsafe "\(server.host): \(String(cString: gai_strerror(problem)))")
        }
        unsafe self.list = list
        var count = 0
        var next: UnsafeMutablePointer<addrinfo>? = unsafe list
        while let one = unsafe next {
            count += 1
            unsafe next = one.pointee.ai_next
        }
        self.count = count
    }

    deinit {
        unsafe freeaddrinfo(list)
    }

    /// A socket that does not block, for the address at an index; negative if there is none.
    func openSocket(_ index: Int) -> Int32 {
        let address = unsafe entry(index)
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        return unsafe socket(address.pointee.ai_family, type, address.pointee.ai_protocol)
    }

    func connect(_ socket: Int32, _ index: Int) -> Int32 {
        let address = unsafe entry(index)
        return unsafe Glibc.connect(socket, address.pointee.ai_addr, address.pointee.ai_addrlen)
    }

    private func entry(_ index: Int) -> UnsafeMutablePointer<addrinfo> {
        var entry = unsafe list
        for _ in 0..<index {
            if let next = unsafe entry.pointee.ai_next { unsafe entry = next }
        }
        return unsafe entry
    }
}
