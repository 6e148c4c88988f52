import Platform
import Synchronization

/// The state that the loops of a server share.
final class ServerCore: Sendable {
    let options: HTTPServerOptions
    let handler: any HTTPHandler
    let clock: any Clock
    let log: Log
    let inboxes: [LoopInbox]
    let counters = HTTPServerCounters()
    /// Descriptors of accepted connections are below this number.
    let descriptorCeiling: Int
    /// The connections that may be open: as many as `HTTPLimits` and the limit on descriptors allow.
    let capacity: Int
    private let unfinishedBytes = Atomic<Int>(0)
    private let tls: Mutex<TLSContext?>
    private let listener: Mutex<Listener?>
    private let refusedCertificates = Mutex(ThrottledLine())

    init(
        options: HTTPServerOptions, handler: any HTTPHandler, clock: any Clock, log: Log, inboxes: [LoopInbox],
        tls: TLSContext?, listener: consuming Listener
    ) {
        self.options = options
        self.handler = handler
        self.clock = clock
        self.log = log
        self.inboxes = inboxes
        let limit = DescriptorLimit.raise(toAtLeast: DescriptorLimit.needed(for: options.limits.connections))
        descriptorCeiling =
            options.usesReservedDescriptors
            ? DescriptorLimit.reservedCeiling(of: limit) : DescriptorLimit.ceiling(of: limit)
        capacity = min(options.limits.connections, descriptorCeiling)
        self.tls = Mutex(tls)
        self.listener = Mutex(listener)
    }

    /// Returns the listener on the first call, then nil.
    func takeListener() -> Listener? {
        listener.withLock { $0.take() }
    }

    /// The TLS context of new connections.
    var tlsContext: TLSContext? {
        tls.withLock { $0 }
    }

    /// Replaces the TLS context of new connections.
    func replace(_ context: TLSContext) {
        tls.withLock { $0 = context }
    }

    /// Connections that are open or queued for a loop.
    var openConnections: Int {
        inboxes.reduce(0) { $0 + $1.connectionCount }
    }

    /// Adds to the bytes of incomplete requests of the whole server; `change` may be negative.
    ///
    /// - Parameter bytes: the total of the connection.
    /// - Returns: whether the server exceeds its limit and the connection its share.
    func countUnfinished(_ change: Int, of bytes: Int) -> Bool {
        let limits = options.limits
        let total = unfinishedBytes.wrappingAdd(change, ordering: .relaxed).newValue
        return total > limits.unfinishedBytes && bytes > limits.unfinishedBytes / limits.connections
    }

    /// Logs that a client's certificate was refused in the handshake.
    func noteRefusedCertificate(_ reason: String, from peer: PeerAddress) {
        let now = clock.now()
        guard let count = refusedCertificates.withLock({ $0.note(at: now) }) else { return }
        log.warning("a client's certificate was refused", ["reason": reason, "from": peer.host, "refused": count])
    }

    /// Passes a request to the handler; returns the response if the handler answered at once.
    func dispatch(_ request: HTTPRequest, _ responder: Responder) -> HTTPResponse? {
        counters.requests.add()
        handler.handle(request, responder)
        return responder.takeImmediateResponse()
    }
}
