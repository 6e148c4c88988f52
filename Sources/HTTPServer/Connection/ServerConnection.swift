import Glibc
import Platform

/// A connection on the thread of its loop: socket, transport and state.
final class ServerConnection {
    enum Phase {
        case handshaking
        case open
        /// All responses are sent. Further input is discarded until the client closes its side, so that it receives the
        /// last response.
        case lingering
    }

    let socket: ClientSocket
    var transport: Transport
    var state: ConnectionState
    /// Whether its client has authenticated.
    let trust = ConnectionTrust()
    /// The CA of its client's certificate, if it was asked for one.
    let authority: ClientAuthority?
    /// Whether the loop counts it among its strangers.
    var isStranger = true
    var phase: Phase
    /// The events that the loop watches the socket for.
    var interest = EpollEvents(readable: true)
    /// Whether TLS must write before it can continue reading.
    var readNeedsRoom = false
    /// How many bytes of this connection are included in the count of the server.
    var countedBytes = 0
    /// The period that the current timeout limits.
    var timeout: ConnectionState.TimeoutPeriod?

    /// - Returns: nil if there is no memory for TLS.
    init?(_ socket: ClientSocket, tls: TLSContext?, limits: HTTPLimits) {
        self.socket = socket
        authority = tls?.clientAuthority
        state = ConnectionState(limits: limits, peer: socket.peer, trust: trust)
        guard let tls else {
            transport = .plain(socket.descriptor.number)
            phase = .open
            return
        }
        guard let session = TLSSession(tls, socket: socket.descriptor.number) else { return nil }
        transport = .tls(session)
        phase = .handshaking
    }

    /// The events that the socket should be watched for.
    var wantedInterest: EpollEvents {
        guard phase != .lingering else { return EpollEvents(readable: true) }
        return EpollEvents(
            readable: phase == .handshaking || state.wantsInput, writable: state.isBlocked || readNeedsRoom)
    }

    /// The period that a timeout should limit.
    var wantedTimeout: ConnectionState.TimeoutPeriod? {
        switch phase {
        case .handshaking: ConnectionState.TimeoutPeriod(kind: .handshake, number: 0)
        case .open: state.timeout
        case .lingering: ConnectionState.TimeoutPeriod(kind: .linger, number: 0)
        }
    }

    /// Closes the sending side and starts to linger.
    func beginLingering() {
        transport.sendCloseNotify()
        shutdown(socket.descriptor.number, Int32(SHUT_WR))
        phase = .lingering
        readNeedsRoom = false
    }

    /// Reads and discards available input.
    ///
    /// - Returns: whether the client has closed its side or the connection is broken.
    func discardInput(_ scratch: inout [UInt8]) -> Bool {
        for _ in 0..<8 {
            let count = unsafe recv(socket.descriptor.number, &scratch, scratch.count, 0)
            if count == 0 { return true }
            if count < 0 { return errno != EAGAIN && errno != EINTR }
        }
        return false
    }

    /// Answers in plain text a client that sent plain HTTP to a TLS port, if the socket accepts it.
    func answerPlainHTTP() {
        let text = "this port speaks HTTPS\n"
        let answer =
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: \(text.utf8.count)\r\n"
            + "Connection: close\r\n\r\n\(text)"
        _ = unsafe send(socket.descriptor.number, answer, answer.utf8.count, Int32(MSG_NOSIGNAL))
        shutdown(socket.descriptor.number, Int32(SHUT_WR))
        phase = .lingering
    }
}

/// The connections of a loop, identified by tokens that are never reused.
struct ConnectionTable {
    private var connections: [ServerConnection?] = []
    private var generations: [UInt32] = []
    private var free: [Int] = []

    /// The number of connections.
    var count: Int {
        connections.count - free.count
    }

    /// The tokens of all connections.
    var tokens: [UInt64] {
        connections.indices.filter { connections[$0] != nil }.map(token)
    }

    /// The connection with `token`; nil once it is removed.
    subscript(token: UInt64) -> ServerConnection? {
        let index = Self.index(of: token)
        guard index < connections.count, generations[index] == UInt32(token >> 32) else { return nil }
        return connections[index]
    }

    /// The index of a connection in the table. It is reused after the connection is removed.
    static func index(of token: UInt64) -> Int {
        Int(token & 0xFFFF_FFFF)
    }

    /// The token of the connection at an index.
    func token(at index: Int) -> UInt64 {
        UInt64(generations[index]) << 32 | UInt64(index)
    }

    /// Adds a connection; returns its token.
    mutating func add(_ connection: ServerConnection) -> UInt64 {
        if let index = free.popLast() {
            connections[index] = connection
            return token(at: index)
        }
        connections.append(connection)
        generations.append(0)
        return token(at: connections.count - 1)
    }

    /// Removes a connection.
    mutating func remove(_ token: UInt64) {
        let index = Self.index(of: token)
        connections[index] = nil
        generations[index] &+= 1
        free.append(index)
    }
}
