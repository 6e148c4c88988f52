import Glibc
import Platform

/// One event loop of a server, with its epoll and connections. It is used on one thread only.
struct EventLoop: ~Copyable {
    static let inboxToken = UInt64.max
    static let listenerToken = UInt64.max - 1
    /// How often a connection is read before others get their turn.
    private static let readsPerTurn = 4
    /// How long a stopping loop waits for clients to close their side once only lingering connections remain.
    private static let lingerWhenStopping = Duration.milliseconds(500)

    let server: ServerCore
    let inbox: LoopInbox
    var epoll: Epoll
    var acceptor: Acceptor?
    var now: Instant
    private let pulse: LoopPulse
    private var connections = ConnectionTable()
    private var strangers: Strangers
    private var timeouts = TimeoutLists()
    private var input = [UInt8](repeating: 0, count: 32_768)
    private var output: [UInt8] = []
    private var date = DateLine()
    /// Connections with more input than one turn reads.
    private var unread: [UInt64] = []
    private var stopDeadline: Instant?
    private var churn = ConnectionChurn()

    /// - Parameter accepts: whether this loop accepts connections for all loops.
    /// - Throws: `SystemCallError`.
    init(_ server: ServerCore, inbox: LoopInbox, accepts: Bool, pulse: LoopPulse) throws(SystemCallError) {
        self.server = server
        self.inbox = inbox
        self.pulse = pulse
        now = server.clock.now()
        strangers = Strangers(
            capacity: server.capacity, authenticates: server.options.authenticates, loops: server.options.loops)
        let epoll = try Epoll(capacity: 256)
        try epoll.add(inbox.descriptor, EpollEvents(readable: true), token: Self.inboxToken)
        if accepts, let listener = server.takeListener() {
            try epoll.add(listener.descriptor.number, EpollEvents(readable: true), token: Self.listenerToken)
            acceptor = Acceptor(listener)
        }
        self.epoll = epoll
        output.reserveCapacity(20_000)
    }

    /// Runs until the loop is stopped.
    mutating func run() {
        while true {
            let milliseconds = waitingTime()
            pulse.endTurn()
            let count = epoll.wait(milliseconds: milliseconds)
            now = server.clock.now()
            pulse.beginTurn()
            date.update(server.clock.wallTime())
            for index in 0..<count {
                let (token, readiness) = epoll.event(at: index)
                switch token {
                case Self.inboxToken: drainInbox()
                case Self.listenerToken: accept()
                default: handle(token, readiness)
                }
            }
            continueReading()
            expire()
            if churn.isDue(at: now) { FreedMemory.giveBack() }
            if acceptor?.mayResume(at: now) == true { resumeAccepting() }
            if isStopped() { break }
        }
        for token in connections.tokens { drop(token) }
        inbox.close()
    }

    private func waitingTime() -> Int32 {
        guard unread.isEmpty else { return 0 }
        var next = timeouts.nextDeadline ?? .distantFuture
        if let pausedUntil = acceptor?.pausedUntil { next = min(next, pausedUntil) }
        if let stopDeadline { next = min(next, stopDeadline) }
        if let deadline = churn.deadline { next = min(next, deadline) }
        guard next != .distantFuture else { return -1 }
        // Rounded up, so that the deadline has passed when epoll returns.
        let milliseconds = ((next - server.clock.now()).nanoseconds + 999_999) / 1_000_000
        return Int32(clamping: max(0, min(milliseconds, 60_000)))
    }

    private mutating func drainInbox() {
        let contents = inbox.drain()
        for socket in contents.accepted { adopt(socket) }
        for item in contents.responses {
            guard let connection = connections[item.connection] else { continue }
            let wasFull = !connection.state.wantsInput
            connection.state.respond(item.sequence, item.response)
            advance(connection, item.connection)
            reconcile(connection, item.connection)
            // TLS may have buffered bytes that were not read while the connection had no room; epoll does not report
            // them.
            if wasFull, connection.state.wantsInput { unread.append(item.connection) }
        }
        if let deadline = contents.stopDeadline { stop(by: deadline) }
    }

    /// Adopts an accepted connection, which was counted when it was accepted.
    mutating func adopt(_ socket: ClientSocket) {
        let limits = server.options.limits
        guard stopDeadline == nil, let connection = ServerConnection(socket, tls: server.tlsContext, limits: limits)
        else { return inbox.connectionEnded() }
        let token = connections.add(connection)
        do {
            try epoll.add(socket.descriptor.number, connection.interest, token: token)
        } catch {
            server.log.warning("cannot watch a connection", ["error": error])
            connections.remove(token)
            return inbox.connectionEnded()
        }
        if let oldest = strangers.add(token, from: socket.peer.host) { crowdOut(oldest) }
        reconcile(connection, token)
    }

    private mutating func handle(_ token: UInt64, _ readiness: EpollEvents) {
        guard let connection = connections[token] else { return }
        if connection.phase == .lingering {
            if connection.discardInput(&input) { drop(token) }
            return
        }
        if readiness.isBroken, !connection.interest.isReadable { return drop(token) }
        if readiness.isWritable {
            connection.readNeedsRoom = false
            advance(connection, token)
        }
        read(connection, token)
        reconcile(connection, token)
    }

    private mutating func read(_ connection: ServerConnection, _ token: UInt64) {
        for _ in 0..<Self.readsPerTurn {
            guard connection.phase == .handshaking || connection.state.wantsInput, connections[token] != nil else {
                return
            }
            let outcome = unsafe input.withUnsafeMutableBytes { unsafe connection.transport.read(into: $0) }
            if connection.phase == .handshaking, connection.transport.isEstablished {
                if let certificate = connection.transport.clientCertificate {
                    connection.trust.note(certificate, of: connection.authority)
                }
                connection.phase = .open
                churn.noteChange(at: now)
            }
            switch outcome {
            case .bytes(let count):
                let (server, inbox) = (server, inbox)
                let error = connection.state.receive(input.span.extracting(0..<count)) { sequence, request in
                    server.dispatch(request, Responder(inbox, connection: token, sequence: sequence))
                }
                noteTrust(in: connection, token)
                recordRejection(error, connection)
                advance(connection, token)
                guard count == input.count || connection.transport.hasBufferedInput else { return }
            case .needsInput:
                return
            case .interrupted:
                continue
            case .needsRoom:
                connection.readNeedsRoom = true
                return
            case .ended:
                return connection.state.endInput()
            case .failedAsPlainHTTP:
                return connection.answerPlainHTTP()
            case .failed:
                recordFailure(of: connection)
                return drop(token)
            }
        }
        unread.append(token)
    }

    /// Continues reading connections that had more input than one turn reads.
    private mutating func continueReading() {
        guard !unread.isEmpty else { return }
        let tokens = unread
        unread = []
        for token in tokens { handle(token, EpollEvents(readable: true)) }
    }

    /// Writes as much as possible, and reads held requests when there is room for them.
    private mutating func advance(_ connection: ServerConnection, _ token: UInt64) {
        while flush(connection, token), connection.state.canResume {
            let (server, inbox) = (server, inbox)
            let error = connection.state.resume { sequence, request in
                server.dispatch(request, Responder(inbox, connection: token, sequence: sequence))
            }
            recordRejection(error, connection)
        }
    }

    /// - Returns: whether all output has been written.
    private mutating func flush(_ connection: ServerConnection, _ token: UInt64) -> Bool {
        while true {
            output.removeAll(keepingCapacity: true)
            switch connection.state.nextWrite(into: &output, date: date.bytes) {
            case .nothing:
                return true
            case .refused:
                drop(token)
                return false
            case .bytes:
                guard write(connection, token) else { return false }
            }
        }
    }

    private mutating func write(_ connection: ServerConnection, _ token: UInt64) -> Bool {
        var sent = 0
        while sent < output.count {
            let outcome = unsafe output.withUnsafeBytes { bytes in
                unsafe connection.transport.write(UnsafeRawBufferPointer(rebasing: bytes[sent...]))
            }
            switch outcome {
            case .bytes(let count):
                sent += count
            case .needsInput, .needsRoom, .interrupted:
                connection.state.keepUnsent(output[sent...], hasProgressed: sent > 0)
                return false
            case .ended, .failed, .failedAsPlainHTTP:
                drop(token)
                return false
            }
        }
        return true
    }

    /// Reconciles the interest, the timeout and the phase of a connection with its state.
    private mutating func reconcile(_ connection: ServerConnection, _ token: UInt64) {
        guard connections[token] != nil else { return }
        if shedUnfinished(connection) {
            advance(connection, token)
            guard connections[token] != nil else { return }
        }
        if connection.phase != .lingering, connection.state.isFinished {
            guard connection.state.needsLingering else {
                connection.transport.sendCloseNotify()
                return drop(token)
            }
            connection.beginLingering()
        }
        let interest = connection.wantedInterest
        if interest != connection.interest {
            connection.interest = interest
            do {
                try epoll.change(connection.socket.descriptor.number, interest, token: token)
            } catch {
                return drop(token)
            }
        }
        let timeout = connection.wantedTimeout
        guard timeout != connection.timeout else { return }
        connection.timeout = timeout
        let index = ConnectionTable.index(of: token)
        if let timeout {
            let deadline = now + server.options.limits.duration(timeout.kind)
            timeouts.set(index, timeout.kind, deadline: deadline)
        } else {
            timeouts.clear(index)
        }
    }

    /// Makes room for another connection: closes the oldest one whose client has not authenticated.
    ///
    /// - Returns: whether there was one.
    mutating func crowdOutOldest() -> Bool {
        guard let oldest = strangers.removeOldest() else { return false }
        crowdOut(oldest)
        return true
    }

    private mutating func noteTrust(in connection: ServerConnection, _ token: UInt64) {
        guard connection.isStranger, connection.trust.isGiven else { return }
        connection.isStranger = false
        strangers.remove(token)
    }

    private mutating func crowdOut(_ token: UInt64) {
        server.counters.crowdedOut.add()
        drop(token)
    }

    private mutating func drop(_ token: UInt64) {
        guard let connection = connections[token] else { return }
        if connection.isStranger { strangers.remove(token) }
        countUnfinished(0, connection)
        timeouts.clear(ConnectionTable.index(of: token))
        connections.remove(token)
        churn.noteChange(at: now)
        inbox.connectionEnded()
    }

    private mutating func expire() {
        while let (index, kind) = timeouts.popExpired(at: now) {
            let token = connections.token(at: index)
            guard let connection = connections[token] else { continue }
            connection.timeout = nil
            guard connection.phase == .open, let error = connection.state.timeOut(kind) else {
                drop(token)
                continue
            }
            recordRejection(error, connection)
            advance(connection, token)
            reconcile(connection, token)
        }
    }

    /// Rejects the request that is being read if the bytes of incomplete requests exceed the limit.
    ///
    /// - Returns: whether it was rejected.
    private func shedUnfinished(_ connection: ServerConnection) -> Bool {
        guard countUnfinished(connection.state.unfinishedBytes, connection), let error = connection.state.shed() else {
            return false
        }
        recordRejection(error, connection)
        countUnfinished(connection.state.unfinishedBytes, connection)
        return true
    }

    /// Updates the count of bytes of incomplete requests. Most requests arrive whole and cost nothing here.
    ///
    /// - Returns: whether they exceed the limit.
    @discardableResult
    private func countUnfinished(_ bytes: Int, _ connection: ServerConnection) -> Bool {
        guard bytes != connection.countedBytes else { return false }
        defer { connection.countedBytes = bytes }
        return server.countUnfinished(bytes - connection.countedBytes, of: bytes)
    }

    private func recordFailure(of connection: ServerConnection) {
        guard connection.phase == .handshaking else { return }
        server.counters.failedHandshakes.add()
        guard let problem = connection.transport.clientCertificateProblem else { return }
        server.noteRefusedCertificate(problem, from: connection.socket.peer)
    }

    private func recordRejection(_ error: RequestError?, _ connection: ServerConnection) {
        guard let error else { return }
        server.counters.refusedRequests.add()
        server.log.debug(
            "rejected a request",
            ["peer": connection.socket.peer.host, "status": error.status, "reason": error.reason])
    }

    private mutating func stop(by deadline: Instant) {
        stopDeadline = min(deadline, stopDeadline ?? .distantFuture)
        acceptor = nil
        for token in connections.tokens {
            guard let connection = connections[token] else { continue }
            if connection.phase == .handshaking {
                drop(token)
            } else {
                connection.state.stop()
                reconcile(connection, token)
            }
        }
    }

    private mutating func isStopped() -> Bool {
        guard let stopDeadline else { return false }
        if connections.count == 0 || now >= stopDeadline { return true }
        let allLinger = connections.tokens.allSatisfy { connections[$0]?.phase == .lingering }
        if allLinger { self.stopDeadline = min(stopDeadline, now + Self.lingerWhenStopping) }
        return false
    }
}
