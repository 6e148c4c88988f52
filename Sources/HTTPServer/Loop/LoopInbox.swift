import Platform
import Synchronization

/// The inbox of an event loop, through which other threads reach it.
final class LoopInbox: Sendable {
    /// A response given after the handler had returned.
    struct Response: Sendable {
        let connection: UInt64
        let sequence: UInt64
        let response: HTTPResponse
    }

    /// Everything posted since the last drain.
    struct Contents: Sendable {
        var responses: [Response] = []
        var accepted: [ClientSocket] = []
        /// Set once the loop must stop: the deadline.
        var stopDeadline: Instant?

        fileprivate var isClosed = false

        fileprivate var isEmpty: Bool {
            responses.isEmpty && accepted.isEmpty && stopDeadline == nil
        }
    }

    private let connections = Atomic<Int>(0)
    private let contents = Mutex(Contents())
    private let event: EventDescriptor

    /// - Throws: `SystemCallError`.
    init() throws(SystemCallError) {
        event = try EventDescriptor()
    }

    /// The number of connections of the loop, including queued ones.
    var connectionCount: Int {
        connections.load(ordering: .relaxed)
    }

    /// Counts a connection assigned to the loop.
    func connectionBegan() {
        connections.wrappingAdd(1, ordering: .relaxed)
    }

    /// Counts a closed connection.
    func connectionEnded() {
        connections.wrappingSubtract(1, ordering: .relaxed)
    }

    /// The descriptor to watch; readable while the inbox is not empty.
    var descriptor: Int32 {
        event.number
    }

    /// Posts a response.
    func post(_ response: Response) {
        put { $0.responses.append(response) }
    }

    /// Posts an accepted connection.
    func post(_ socket: ClientSocket) {
        put { $0.accepted.append(socket) }
    }

    /// Asks the loop to stop.
    func postStop(by deadline: Instant) {
        put { $0.stopDeadline = deadline }
    }

    /// Removes and returns everything posted.
    func drain() -> Contents {
        event.clear()
        return contents.withLock { contents in
            defer { contents = Contents() }
            return contents
        }
    }

    /// Drops everything posted now and later, because the loop has ended.
    func close() {
        let dropped = contents.withLock { contents in
            defer {
                contents = Contents()
                contents.isClosed = true
            }
            return contents
        }
        for _ in dropped.accepted { connectionEnded() }
    }

    /// Only the first item wakes the loop, which drains all items at once.
    private func put(_ change: (inout Contents) -> Void) {
        let wasEmpty = contents.withLock { contents in
            guard !contents.isClosed else { return false }
            defer { change(&contents) }
            return contents.isEmpty
        }
        if wasEmpty { event.signal() }
    }
}

/// An accepted connection, closed when its last reference is released.
final class ClientSocket: Sendable {
    let descriptor: FileDescriptor
    let peer: PeerAddress

    init(_ descriptor: consuming FileDescriptor, peer: PeerAddress) {
        self.descriptor = descriptor
        self.peer = peer
    }
}
