import Glibc
import Platform
import Synchronization
import TestKit

/// A TCP server that says exactly what a test tells it to, good HTTP or not: one thread for each connection.
package final class RawServer: Sendable {
    /// What it has seen so far.
    package struct Seen {
        package var connections = 0
        package var requests: [String] = []
        /// Connections of which the peer closed its side while the server waited for that.
        package var closedByPeer = 0
    }

    package let port: UInt16
    private let listener: Int32
    private let state: State

    /// Shared with the threads, which may outlive the server.
    final class State: Sendable {
        let seen = Mutex(Seen())
    }

    /// Listens on a free port of 127.0.0.1 and runs `serve` for each connection, which is closed when it returns.
    package init(_ serve: @escaping @Sendable (RawConnection) -> Void) throws {
        let (listener, port) = try listenOnLoopback(backlog: 64)
        let state = State()
        self.listener = listener
        self.port = port
        self.state = state
        let thread = try NamedThread("raw-server") {
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { break }
                state.seen.withLock { $0.connections += 1 }
                let connection = RawConnection(descriptor: descriptor, state: state)
                try? NamedThread("raw-connection") {
                    serve(connection)
                    connection.close()
                }.detach()
            }
            close(listener)
        }
        thread.detach()
    }

    deinit {
        // Ends the accepting thread, which closes the descriptor.
        shutdown(listener, Int32(SHUT_RDWR))
    }

    /// A server that gives every request of a connection the same answer.
    package convenience init(answer: String) throws {
        try self.init { connection in
            while connection.readRequest() != nil { connection.write(answer) }
        }
    }

    /// A server that reads a request, writes `text` and nothing more, and waits for the client to close.
    package convenience init(stallingAfter text: String) throws {
        try self.init { connection in
            _ = connection.readRequest()
            connection.write(text)
            connection.waitForClose()
        }
    }

    package var seen: Seen { state.seen.withLock { $0 } }

    package func url(_ path: String = "/", scheme: String = "http") -> String {
        "\(scheme)://127.0.0.1:\(port)\(path)"
    }
}

/// One connection of a `RawServer`, used by its thread.
package final class RawConnection: Sendable {
    private let descriptor: Mutex<Int32?>
    private let number: Int32
    private let state: RawServer.State

    init(descriptor: Int32, state: RawServer.State) {
        // A test that fails must not hang.
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        number = descriptor
        self.descriptor = Mutex(descriptor)
        self.state = state
    }

    /// Reads one request with the body that its Content-Length announces; nil when the peer has closed.
    package func readRequest() -> String? {
        var bytes: [UInt8] = []
        while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            guard let byte = read(1)?.first else { return nil }
            bytes.append(byte)
        }
        let head = String(decoding: bytes, as: UTF8.self)
        let length = head.split(separator: "\r\n").first { $0.hasPrefix("Content-Length: ") }
            .flatMap { Int($0.dropFirst(16)) }
        var body: [UInt8] = []
        while body.count < length ?? 0 {
            guard let more = read(65_536) else { return nil }
            body += more
        }
        let request = head + String(decoding: body, as: UTF8.self)
        state.seen.withLock { $0.requests.append(request) }
        return request
    }

    /// Writes all of `text`; false when the peer has closed.
    @discardableResult
    package func write(_ text: String) -> Bool {
        write(Array(text.utf8))
    }

    /// Writes all of `bytes`; false when the peer has closed.
    @discardableResult
    package func write(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Waits until the peer closes, and counts it.
    package func waitForClose() {
        while read(65_536) != nil {}
        state.seen.withLock { $0.closedByPeer += 1 }
    }

    /// Breaks the connection so that the peer sees a reset.
    package func reset() {
        var now = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(number, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    package func close() {
        let descriptor = descriptor.withLock { descriptor in
            defer { descriptor = nil }
            return descriptor
        }
        if let descriptor { Glibc.close(descriptor) }
    }

    /// Reads exactly so many bytes; nil when the peer has closed.
    package func read(exactly count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            guard let more = read(count - bytes.count) else { return nil }
            bytes += more
        }
        return bytes
    }

    /// Passes everything on to a server on 127.0.0.1, and back, until either closes.
    package func tunnel(to port: UInt16) {
        let other = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        let done = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(other, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        let back = RawConnection(descriptor: other, state: state)
        guard done == 0 else { return back.close() }
        let isOver = Gate()
        try? NamedThread("tunnel") { [self] in
            while let bytes = back.read(65_536), write(bytes) {}
            shutdown(number, Int32(SHUT_RDWR))
            isOver.open()
        }.detach()
        while let bytes = read(65_536), back.write(bytes) {}
        shutdown(other, Int32(SHUT_RDWR))
        isOver.wait()
        back.close()
    }

    private func read(_ limit: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = unsafe recv(number, &bytes, limit, 0)
        return count > 0 ? Array(bytes.prefix(count)) : nil
    }
}

/// A listening socket on a port of 127.0.0.1: a free one, or one that was listened on before.
package func listenOnLoopback(backlog: Int32, port: UInt16 = 0) throws -> (descriptor: Int32, port: UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    var yes = Int32(1)
    if port != 0 { unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size)) }
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let done = unsafe withUnsafeMutablePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
            unsafe bind(descriptor, pointer, length) == 0 && listen(descriptor, backlog) == 0
                && getsockname(descriptor, pointer, &length) == 0
        }
    }
    guard done else { throw TestFailure("no listening socket: \(systemErrorText(errno))") }
    return (descriptor, UInt16(bigEndian: address.sin_port))
}

/// A signal from a test to a server's thread, or back.
package final class Gate: Sendable {
    package init() {}

    private let isOpen = Atomic<Bool>(false)

    package func open() { isOpen.store(true, ordering: .sequentiallyConsistent) }

    /// Blocks the thread until the gate is open; a minute at most.
    package func wait() {
        for _ in 0..<60_000 where !isOpen.load(ordering: .sequentiallyConsistent) { usleep(1_000) }
    }
}
