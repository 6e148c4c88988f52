import CLinux
import Glibc
import Platform

/// A listener, and the pause after the process has run out of descriptors.
final class Acceptor {
    /// Without a pause the loop would spin: a connection that cannot be accepted keeps the listener readable.
    static let pause = Duration.milliseconds(100)

    let listener: Listener
    /// The end of the current pause.
    var pausedUntil: Instant?
    /// When a pause was last logged.
    var loggedAt: Instant?

    init(_ listener: consuming Listener) {
        self.listener = listener
    }

    /// Whether a pause has ended.
    func mayResume(at now: Instant) -> Bool {
        pausedUntil.map { $0 <= now } ?? false
    }

    /// Accepts one pending connection.
    ///
    /// - Returns: nil if none is pending.
    /// - Throws: `SystemCallError` if the system cannot accept now.
    func accept() throws(SystemCallError) -> ClientSocket? {
        while true {
            var number: Int32 = -1
            let address = unsafe SocketAddress.filled {
                unsafe number = clinux_accept(listener.descriptor.number, $0, $1)
            }
            if number >= 0 { return ClientSocket(FileDescriptor(owning: number), peer: address.peer) }
            switch errno {
            case EAGAIN: return nil
            case EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM: throw SystemCallError("accept4")
            // The connection failed before it was accepted; the next may succeed (accept(2), "Error handling").
            default: continue
            }
        }
    }
}

extension EventLoop {
    private static let acceptsPerTurn = 64
    private static let logInterval = Duration.seconds(10)

    /// Accepts pending connections and assigns each one to the loop with the fewest.
    mutating func accept() {
        for _ in 0..<Self.acceptsPerTurn {
            do {
                guard let socket = try acceptor?.accept() else { return }
                assign(socket)
            } catch {
                return pauseAccepting(error)
            }
        }
    }

    /// Watches the listener again after a pause.
    mutating func resumeAccepting() {
        guard let number = acceptor?.listener.descriptor.number else { return }
        acceptor?.pausedUntil = nil
        do {
            try epoll.add(number, EpollEvents(readable: true), token: Self.listenerToken)
        } catch {
            acceptor?.pausedUntil = now + Acceptor.pause
        }
    }

    private mutating func assign(_ socket: ClientSocket) {
        guard server.openConnections < server.capacity || crowdOutOldest(),
            socket.descriptor.number < server.descriptorCeiling || crowdOutOldest()
        else {
            server.counters.turnedAway.add()
            return
        }
        server.counters.accepted.add()
        let fewest = server.inboxes.min { $0.connectionCount < $1.connectionCount }
        (fewest ?? inbox).connectionBegan()
        if let fewest, fewest !== inbox { fewest.post(socket) } else { adopt(socket) }
    }

    private mutating func pauseAccepting(_ error: SystemCallError) {
        guard let number = acceptor?.listener.descriptor.number else { return }
        epoll.remove(number)
        acceptor?.pausedUntil = now + Acceptor.pause
        if let loggedAt = acceptor?.loggedAt, now - loggedAt < Self.logInterval { return }
        acceptor?.loggedAt = now
        server.log.warning("cannot accept connections, retrying", ["error": error])
    }
}
