import Glibc
package import Platform
import Synchronization

/// An HTTP/1.1 server: event-loop threads that parse requests, pass them to the handler, and write its responses.
///
/// A request that is answered at once is read, handled and answered on one thread. The server answers invalid requests
/// itself; they never reach the handler. The first loop accepts connections and assigns each one to the loop with the
/// fewest.
package final class HTTPServer: Sendable {
    private struct State {
        var threads: [NamedThread] = []
        var running = 0
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    /// The port that the server listens on.
    package let port: UInt16
    private let core: ServerCore
    private let state = Mutex(State())

    /// Binds and listens. No connection is accepted before `start`.
    ///
    /// - Parameters:
    ///   - handler: called on the threads of the loops; it must not block.
    ///   - clock: for timeouts and the `Date` field.
    /// - Throws: `HTTPServerError` if an option is out of range, the address is unavailable, or TLS cannot be set up.
    package init(
        options: HTTPServerOptions, handler: any HTTPHandler, clock: any Clock, log: Log
    ) throws(HTTPServerError) {
        try options.validate()
        var tls: TLSContext?
        if let options = options.tls { tls = try TLSContext(options) }
        var inboxes: [LoopInbox] = []
        do {
            for _ in 0..<options.loops { inboxes.append(try LoopInbox()) }
        } catch {
            throw .resources(reason: error.description)
        }
        let listener = try Listener(host: options.host, port: options.port)
        port = listener.port
        core = ServerCore(
            options: options, handler: handler, clock: clock, log: log, inboxes: inboxes, tls: tls, listener: listener)
    }

    deinit {
        for inbox in core.inboxes { inbox.postStop(by: .distantPast) }
    }

    /// The counters of the server.
    var counters: HTTPServerCounters {
        core.counters
    }

    /// The number of open connections.
    var openConnections: Int {
        core.openConnections
    }

    /// The number of connections of each loop, for tests.
    var connectionsOfLoops: [Int] {
        core.inboxes.map(\.connectionCount)
    }

    /// Starts the threads of the event loops. Call once.
    ///
    /// - Throws: `HTTPServerError.resources` if the system has no thread or no descriptor for a loop. A server without
    ///   all of its loops would leave connections unanswered; `stop` ends those that have started.
    package func start() throws(HTTPServerError) {
        do {
            for index in core.inboxes.indices {
                let name = "\(core.options.name)-\(index)"
                let loop = UnstartedLoop(
                    try EventLoop(
                        core, inbox: core.inboxes[index], accepts: index == 0, pulse: LoopPulse(name)))
                state.withLock { $0.running += 1 }
                do {
                    let thread = try NamedThread(name) { [weak self] in
                        loop.run()
                        self?.loopEnded()
                    }
                    state.withLock { $0.threads.append(thread) }
                } catch {
                    loopEnded()
                    throw error
                }
            }
        } catch {
            throw .resources(reason: "\(error): check the limits on threads and open files")
        }
    }

    /// Stops gracefully: accepts no more connections, closes idle ones, completes requests that have begun, and ends
    /// the threads.
    ///
    /// The last response on each connection has `Connection: close`. Call once.
    ///
    /// - Parameter limit: the time after which remaining connections are closed.
    package func stop(within limit: Duration) async {
        _ = core.takeListener()
        let deadline = core.clock.now() + limit
        for inbox in core.inboxes { inbox.postStop(by: deadline) }
        await withCheckedContinuation { continuation in
            let isStopped = state.withLock { state in
                if state.running > 0 { state.waiters.append(continuation) }
                return state.running == 0
            }
            if isStopped { continuation.resume() }
        }
        // All threads have left their loops, so this does not block.
        for thread in state.withLock({ $0.threads }) { thread.join() }
        state.withLock { $0.threads = [] }
    }

    /// Replaces the certificate and key for new connections, for example after a renewal. Open connections keep theirs.
    ///
    /// - Throws: `HTTPServerError` if the identity cannot be used or the server does not use TLS; the old identity then
    ///   stays.
    package func replaceIdentity(
        _ identity: TLSIdentity, clientAuthorityPEM: [UInt8]? = nil
    ) throws(HTTPServerError) {
        guard var options = core.options.tls else {
            throw .invalidOption(name: "identity", reason: "the server does not use TLS")
        }
        options.identity = identity
        options.clientAuthorityPEM = clientAuthorityPEM
        let former = core.tlsContext?.clientAuthority
        let context = try TLSContext(options, replacing: former)
        core.replace(context)
        if former !== context.clientAuthority { former?.replace() }
    }

    private func loopEnded() {
        let waiters = state.withLock { state in
            state.running -= 1
            guard state.running == 0 else { return [] as [CheckedContinuation<Void, Never>] }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

}

/// A loop on its way to its thread.
private final class UnstartedLoop: Sendable {
    private let loop: Mutex<EventLoop?>

    init(_ loop: consuming sending EventLoop) {
        self.loop = Mutex(loop)
    }

    /// Runs the loop on the calling thread. Call once.
    func run() {
        guard var loop = loop.withLock({ $0.take() }) else { return }
        loop.run()
    }
}
