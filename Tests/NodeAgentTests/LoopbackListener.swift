import Glibc
import Platform
import Synchronization

/// A listening socket on loopback that answers every connection in the same way.
final class LoopbackListener: Sendable {
    enum Behaviour: Sendable {
        /// Reads one request's header, sends these bytes, closes.
        case answers([UInt8])
        /// Sends these bytes without reading anything first, closes.
        case greets([UInt8])
        /// Accepts, never answers.
        case isSilent
        /// Does not accept; its queue is full, so that further connections hang.
        case isFull
    }

    let port: UInt16
    private let socket: Int32
    private let fillers = Mutex<[Int32]>([])
    private let thread: NamedThread?

    init(_ behaviour: Behaviour) {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        port = Self.bindToAnyPort(socket)
        let isFull = if case .isFull = behaviour { true } else { false }
        listen(socket, isFull ? 0 : 64)
        if isFull {
            thread = nil
            let port = port
            fillers.withLock { $0 = (0..<4).map { _ in Self.connectWithoutWaiting(to: port) } }
            return
        }
        let socket = socket
        thread = try? NamedThread("listener") {
            var open: [Int32] = []
            while true {
                let connection = accept(socket, nil, nil)
                guard connection >= 0 else { break }
                switch behaviour {
                case .answers(let bytes):
                    Self.readHeader(connection)
                    Self.finish(connection, bytes)
                case .greets(let bytes): Self.finish(connection, bytes)
                case .isSilent, .isFull: open.append(connection)
                }
            }
            for connection in open { close(connection) }
        }
    }

    deinit {
        shutdown(socket, Int32(SHUT_RDWR))
        thread?.join()
        close(socket)
        for filler in fillers.withLock({ $0 }) { close(filler) }
    }

    /// An HTTP response with this body.
    static func response(_ status: Int, _ body: String = "", headers: [String] = []) -> [UInt8] {
        let lines = ["HTTP/1.1 \(status) X", "Content-Length: \(body.utf8.count)", "Connection: close"] + headers
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8)
    }

    /// A port on which nothing listens.
    static func closedPort() -> UInt16 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        return bindToAnyPort(socket)
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        return address
    }

    private static func bindToAnyPort(_ socket: Int32) -> UInt16 {
        var address = loopback(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = unsafe bind(socket, address, size)
                _ = unsafe getsockname(socket, address, &size)
            }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func connectWithoutWaiting(to port: UInt16) -> Int32 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = loopback(port)
        unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = unsafe connect(socket, address, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return socket
    }

    private static func readHeader(_ connection: Int32) {
        var seen: [UInt8] = []
        var byte: UInt8 = 0
        while seen.suffix(4) != [13, 10, 13, 10], unsafe recv(connection, &byte, 1, 0) == 1 { seen.append(byte) }
    }

    private static func finish(_ connection: Int32, _ bytes: [UInt8]) {
        _ = unsafe bytes.withUnsafeBytes {
            unsafe send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        shutdown(connection, Int32(SHUT_WR))
        var buffer = [UInt8](repeating: 0, count: 1024)
        while unsafe recv(connection, &buffer, buffer.count, 0) > 0 {}
        close(connection)
    }
}
