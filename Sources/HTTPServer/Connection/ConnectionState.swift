/// The state of a connection, without its socket: bytes in, requests out; responses in, bytes out.
///
/// Requests are numbered from 0 and answered in order, whatever the order of the responses. At most
/// `HTTPLimits.pipelinedRequests` await their responses; further input is held until there is room, and nothing more is
/// read. A rejected request is answered after the earlier ones, and then the connection closes.
struct ConnectionState: ~Copyable {
    /// Handles a request: returns the response, or nil if it follows through `respond`.
    typealias Handle = (_ sequence: UInt64, _ request: HTTPRequest) -> HTTPResponse?

    /// A period that a timeout limits. A period with another number is a new one.
    struct TimeoutPeriod: Equatable {
        var kind: TimeoutKind
        var number: UInt64
    }

    private enum Input {
        case open
        /// Nothing more is read: a request was rejected or was the last one.
        case closed
        /// The client has closed its sending side.
        case ended
    }

    private let limits: HTTPLimits
    private let trust: ConnectionTrust?
    private var parser: RequestParser
    private var input = Input.open
    private var held: [UInt8] = []
    private var isStopping = false
    private var requests: UInt64 = 0
    private var writes: UInt64 = 0
    private var output = ResponseQueue()

    /// - Parameter trust: given to the handler with each request; nil where nobody asks.
    init(limits: HTTPLimits, peer: PeerAddress, trust: ConnectionTrust? = nil) {
        self.limits = limits
        self.trust = trust
        parser = RequestParser(limits: limits, peer: peer)
    }

    /// Whether the socket should be read.
    var wantsInput: Bool {
        input == .open && held.isEmpty && hasRoom
    }

    /// Whether held bytes can be parsed, because responses have made room.
    var canResume: Bool {
        input == .open && !held.isEmpty && hasRoom
    }

    /// Whether the socket did not accept all output.
    var isBlocked: Bool {
        output.isBlocked
    }

    /// Whether all responses have been written and nothing more is read.
    var isFinished: Bool {
        output.isEmpty && (input != .open || output.isClosing)
    }

    /// Whether the client may still be sending. Closing the socket at once could then destroy the last response in
    /// transit, because the system resets a connection that is closed with unread bytes.
    var needsLingering: Bool {
        input != .ended && output.isClosing
    }

    /// The bytes of the current request and of held requests.
    var unfinishedBytes: Int {
        parser.unfinishedBytes + held.count
    }

    private var hasRoom: Bool {
        output.count < limits.pipelinedRequests && !output.isClosing
    }

    /// The period that a timeout limits now; nil while the client waits for the server.
    var timeout: TimeoutPeriod? {
        if output.isBlocked { return TimeoutPeriod(kind: .write, number: writes) }
        guard input == .open, held.isEmpty else { return nil }
        switch parser.position {
        case .inHeader: return TimeoutPeriod(kind: .header, number: requests)
        case .inBody: return TimeoutPeriod(kind: .body, number: requests)
        case .betweenRequests:
            guard output.isEmpty else { return nil }
            return TimeoutPeriod(kind: requests == 0 ? .header : .idle, number: requests)
        }
    }

    /// Handles bytes from the client.
    ///
    /// - Returns: why a request was rejected, if one was.
    mutating func receive(_ bytes: Span<UInt8>, _ handle: Handle) -> RequestError? {
        var position = 0
        let error = read(bytes, at: &position, handle)
        if input == .open, position < bytes.count { held.append(bytes, position..<bytes.count) }
        return error
    }

    /// Continues with held bytes.
    ///
    /// - Returns: why a request was rejected, if one was.
    mutating func resume(_ handle: Handle) -> RequestError? {
        let bytes = held
        held = []
        return receive(bytes.span, handle)
    }

    /// Handles the end of the input. Complete requests are still answered; an incomplete one is dropped.
    mutating func endInput() {
        input = .ended
        held = []
    }

    /// Adds the response to a request that was not answered at once.
    mutating func respond(_ sequence: UInt64, _ response: HTTPResponse) {
        output.respond(sequence, response)
    }

    /// Handles a timeout.
    ///
    /// - Returns: why a request was rejected; nil if there is nothing to answer and the connection must be dropped.
    mutating func timeOut(_ kind: TimeoutKind) -> RequestError? {
        let error: RequestError
        switch (kind, parser.position) {
        case (.header, .inHeader): error = .headerTooSlow
        case (.body, .inBody): error = .bodyTooSlow
        default: return nil
        }
        reject(error)
        return error
    }

    /// Rejects the current request, because the server exceeds its limit on incomplete requests and this connection its
    /// share.
    ///
    /// - Returns: why the request was rejected; nil if nothing more is read anyway.
    mutating func shed() -> RequestError? {
        guard input == .open else { return nil }
        reject(.tooMuchUnfinished)
        return .tooMuchUnfinished
    }

    /// Closes the connection after the requests that have begun.
    mutating func stop() {
        isStopping = true
        guard input == .open, parser.position == .betweenRequests else { return }
        input = .closed
        held = []
        output.closesAfterLast = true
    }

    /// Fills the empty `buffer` with the next output; see `ResponseQueue`.
    mutating func nextWrite(into buffer: inout [UInt8], date: [UInt8]) -> ResponseQueue.Write {
        output.nextWrite(into: &buffer, date: date)
    }

    /// Keeps the output that the socket did not accept.
    ///
    /// - Parameter hasProgressed: whether it accepted some.
    mutating func keepUnsent(_ bytes: ArraySlice<UInt8>, hasProgressed: Bool) {
        output.keepUnsent(bytes)
        if hasProgressed { writes += 1 }
    }

    private mutating func read(_ bytes: Span<UInt8>, at position: inout Int, _ handle: Handle) -> RequestError? {
        while position < bytes.count, input == .open, hasRoom {
            do throws(RequestError) {
                guard let parsed = try parser.parse(bytes, at: &position) else { break }
                dispatch(parsed, handle)
            } catch {
                reject(error)
                return error
            }
        }
        output.isContinuePending = input == .open && parser.awaitsContinue
        return nil
    }

    private mutating func dispatch(_ parsed: RequestParser.Parsed, _ handle: Handle) {
        requests += 1
        let keepsAlive = parsed.keepsAlive && !isStopping
        if !keepsAlive { input = .closed }
        let slot = ResponseQueue.Request(
            isHead: parsed.request.method == .head, isHTTP10: parsed.isHTTP10, keepsAlive: keepsAlive)
        let sequence = output.add(slot)
        var request = parsed.request
        request.trust = trust
        if let response = handle(sequence, request) { output.respond(sequence, response) }
    }

    private mutating func reject(_ error: RequestError) {
        input = .closed
        held = []
        output.isContinuePending = false
        _ = output.add(.init(isHead: parser.isReadingHead, isHTTP10: false, keepsAlive: false), error.response)
        parser.reset()
    }
}
