package import Platform
import Synchronization

/// What a server has counted since it was made.
package struct HTTPServerCounters: Sendable {
    /// Connections accepted.
    package let accepted = Counter()
    /// Connections closed at once, as `HTTPLimits.connections` were open.
    package let turnedAway = Counter()
    /// TLS handshakes that failed.
    package let failedHandshakes = Counter()
    /// Requests handed to the handler.
    package let requests = Counter()
    /// Requests that the server itself refused: malformed, too large or too slow.
    package let refusedRequests = Counter()
}

/// What the loops of a server share.
final class ServerCore: Sendable {
    let options: HTTPServerOptions
    let handler: any HTTPHandler
    let clock: any Clock
    let log: Log
    let inboxes: [LoopInbox]
    let counters = HTTPServerCounters()
    /// Accepted connections have lower descriptors than this.
    let descriptorCeiling: Int
    private let unfinishedBytes = Atomic<Int>(0)
    private let tls: Mutex<TLSContext?>
    private let listener: Mutex<Listener?>

    init(
        options: HTTPServerOptions, handler: any HTTPHandler, clock: any Clock, log: Log, inboxes: [LoopInbox],
        tls: TLSContext?, listener: consuming Listener
    ) {
        self.options = options
        self.handler = handler
        self.clock = clock
        self.log = log
        self.inboxes = inboxes
        descriptorCeiling = DescriptorLimit.ceiling(
            of: DescriptorLimit.raise(toAtLeast: DescriptorLimit.needed(for: options.limits.connections)))
        self.tls = Mutex(tls)
        self.listener = Mutex(listener)
    }

    /// Gives the listener away, once.
    func takeListener() -> Listener? {
        listener.withLock { $0.take() }
    }

    /// What new TLS connections use.
    var tlsContext: TLSContext? {
        tls.withLock { $0 }
    }

    /// New connections use `context` from now on.
    func replace(_ context: TLSContext) {
        tls.withLock { $0 = context }
    }

    /// Connections that are open or on their way to a loop.
    var openConnections: Int {
        inboxes.reduce(0) { $0 + $1.connectionCount }
    }

    /// Counts bytes of unfinished requests that have come, or gone.
    ///
    /// - Parameter bytes: how many the connection has now.
    /// - Returns: whether they are too many together, and those of the connection more than its share.
    func countUnfinished(_ change: Int, of bytes: Int) -> Bool {
        let limits = options.limits
        let together = unfinishedBytes.wrappingAdd(change, ordering: .relaxed).newValue
        return together > limits.unfinishedBytes && bytes > limits.unfinishedBytes / limits.connections
    }

    /// Asks the handler; returns the answer if it was given at once.
    func ask(_ request: HTTPRequest, _ responder: Responder) -> HTTPResponse? {
        counters.requests.add()
        handler.handle(request, responder)
        return responder.takeImmediateAnswer()
    }
}
