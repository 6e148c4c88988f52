import Platform
import Synchronization

/// How other threads reach an event loop.
final class LoopInbox: Sendable {
    /// An answer that was not given while the handler was being called.
    struct Answer: Sendable {
        let connection: UInt64
        let sequence: UInt64
        let response: HTTPResponse
    }

    /// All that has come since the loop looked last.
    struct Contents: Sendable {
        var answers: [Answer] = []
        var accepted: [ClientSocket] = []
        /// Set once the loop is to end: by when.
        var stopDeadline: Instant?

        fileprivate var isClosed = false

        fileprivate var isEmpty: Bool {
            answers.isEmpty && accepted.isEmpty && stopDeadline == nil
        }
    }

    private let connections = Atomic<Int>(0)
    private let contents = Mutex(Contents())
    private let event: EventDescriptor

    /// - Throws: `SystemCallError`.
    init() throws(SystemCallError) {
        event = try EventDescriptor()
    }

    /// How many connections the loop has, with those that are on their way to it.
    var connectionCount: Int {
        connections.load(ordering: .relaxed)
    }

    /// Counts a connection that is given to the loop.
    func connectionBegan() {
        connections.wrappingAdd(1, ordering: .relaxed)
    }

    /// Counts a connection that is closed.
    func connectionEnded() {
        connections.wrappingSubtract(1, ordering: .relaxed)
    }

    /// Readable while there is something in it.
    var descriptor: Int32 {
        event.number
    }

    /// Delivers an answer.
    func post(_ answer: Answer) {
        put { $0.answers.append(answer) }
    }

    /// Hands over a connection.
    func post(_ socket: ClientSocket) {
        put { $0.accepted.append(socket) }
    }

    /// Asks the loop to end.
    func postStop(by deadline: Instant) {
        put { $0.stopDeadline = deadline }
    }

    /// Takes all of it.
    func take() -> Contents {
        event.clear()
        return contents.withLock { contents in
            defer { contents = Contents() }
            return contents
        }
    }

    /// Drops all that is in it and all that will come: the loop has ended.
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

    /// The loop is woken by the first thing that comes; it takes all of them at once.
    private func put(_ change: (inout Contents) -> Void) {
        let wasEmpty = contents.withLock { contents in
            guard !contents.isClosed else { return false }
            defer { change(&contents) }
            return contents.isEmpty
        }
        if wasEmpty { event.signal() }
    }
}

/// An accepted connection; closed when nothing refers to it any more.
final class ClientSocket: Sendable {
    let descriptor: FileDescriptor
    let peer: PeerAddress

    init(_ descriptor: consuming FileDescriptor, peer: PeerAddress) {
        self.descriptor = descriptor
        self.peer = peer
    }
}
