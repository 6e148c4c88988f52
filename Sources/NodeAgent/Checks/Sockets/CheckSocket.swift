import CheckModel
import CheckOptions
import Glibc
import Platform

/// A connected socket of one run, which waits no longer than the run lasts.
struct CheckSocket: ~Copyable {
    let descriptor: FileDescriptor
    /// For messages.
    private let target: String
    private let limit: RunLimit

    /// How often a thread that waits checks whether its run was stopped.
    private static let slice: Duration = .milliseconds(200)

    /// Connects to an address of a server: the first that accepts.
    init(to server: TCPCheck, _ limit: RunLimit) throws(CheckFailure) {
        let addresses = try AddressList(server)
        var failure = CheckFailure(.dns, "\(server.host) has no address")
        for index in 0..<addresses.count {
            do throws(CheckFailure) {
                self = try CheckSocket(to: server, addresses, index, limit)
                return
            } catch {
                failure = error
                if error.kind == .timeout { break }
            }
        }
        throw failure
    }

    /// Connects to the address of a server at an index.
    init(
        to server: TCPCheck, _ addresses: borrowing AddressList, _ index: Int, _ limit: RunLimit
    ) throws(CheckFailure) {
        target = "\(server.host) port \(server.port)"
        self.limit = limit
        let number = addresses.openSocket(index)
        let failed = number < 0 ? errno : 0
        descriptor = FileDescriptor(owning: number)
        guard failed == 0 else { throw CheckFailure(.connect, "\(target): \(systemErrorText(failed))") }
        if addresses.connect(number, index) == 0 { return }
        guard errno == EINPROGRESS else { throw Self.failure(errno, target) }
        try wait(POLLOUT, "not connected in time")
        var error: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(number, SOL_SOCKET, SO_ERROR, &error, &size) == 0 else {
            throw Self.failure(errno, target)
        }
        guard error == 0 else { throw Self.failure(error, target) }
    }

    /// Waits until the socket is readable (`POLLIN`) or writable (`POLLOUT`), or has failed.
    ///
    /// - Throws: `CheckFailure` of kind `timeout`.
    func wait(_ event: Int32, _ late: String) throws(CheckFailure) {
        while let left = limit.left {
            var waiting = pollfd(fd: descriptor.number, events: Int16(event), revents: 0)
            let milliseconds = Int32((min(left, Self.slice).nanoseconds + 999_999) / 1_000_000)
            let ready = unsafe poll(&waiting, 1, milliseconds)
            if ready > 0 { return }
            guard ready == 0 || errno == EINTR else { throw Self.failure(errno, target) }
        }
        throw CheckFailure(.timeout, "\(target): \(late)")
    }

    /// Sends all of a few bytes.
    func send(_ bytes: [UInt8]) throws(CheckFailure) {
        try wait(POLLOUT, "takes no data")
        let sent = unsafe Glibc.send(descriptor.number, bytes, bytes.count, 0)
        guard sent == bytes.count else { throw CheckFailure(.connect, "\(target): takes no data") }
    }

    /// Reads exactly so many bytes, and not one more.
    func receive(_ count: Int) throws(CheckFailure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            try wait(POLLIN, "does not answer")
            let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe recv(descriptor.number, buffer.baseAddress?.advanced(by: filled), count - filled, 0)
            }
            guard got > 0 || (got < 0 && errno == EAGAIN) else {
                throw CheckFailure(.connect, "\(target): the connection was closed before it was answered")
            }
            filled += max(0, got)
        }
        return bytes
    }

    private static func failure(_ number: Int32, _ target: String) -> CheckFailure {
        let kind: CheckFailure.Kind =
            switch number {
            case ECONNREFUSED: .refused
            case ETIMEDOUT: .timeout
            default: .connect
            }
        return CheckFailure(kind, "\(target): \(systemErrorText(number))")
    }
}

extension TCPCheck {
    /// Succeeds if an address of the server accepts a connection, or, if the instance says so, if every one does.
    func run(_ limit: RunLimit) throws(CheckFailure) -> CheckSuccess {
        guard needsAllAddresses else {
            _ = try CheckSocket(to: self, limit)
            return CheckSuccess()
        }
        let addresses = try AddressList(self)
        for index in 0..<addresses.count {
            do throws(CheckFailure) {
                _ = try CheckSocket(to: self, addresses, index, limit)
            } catch {
                let place = addresses.count == 1 ? "" : "address \(index + 1) of \(addresses.count): "
                throw CheckFailure(error.kind, place + error.message)
            }
        }
        return CheckSuccess()
    }
}
