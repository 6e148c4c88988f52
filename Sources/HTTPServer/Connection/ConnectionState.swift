/// What one connection does, without its socket: bytes in, requests out; answers in, bytes out.
///
/// Requests are numbered from 0 and answered in their order, whatever the order in which the answers are given. At most
/// `HTTPLimits.requestsUnderWay` wait for their answers; what comes beyond is held until there is room, and nothing more is read.
/// A request that is refused is answered after the earlier ones, and the connection ends with it.
struct ConnectionState: ~Copyable {
    /// Answers a request at once, or returns nil and answers later with `respond`.
    typealias Handle = (_ sequence: UInt64, _ request: HTTPRequest) -> HTTPResponse?

    /// A period that may last only so long. A period with another number is a new one.
    struct TimeoutPeriod: Equatable {
        var kind: TimeoutKind
        var number: UInt64
    }

    private enum Input {
        case open
        /// Nothing more is read: a request was refused, or was the last.
        case closed
        /// The client has ended its half.
        case ended
    }

    private let limits: HTTPLimits
    private var parser: RequestParser
    private var input = Input.open
    private var held: [UInt8] = []
    private var isStopping = false
    private var requests: UInt64 = 0
    private var writes: UInt64 = 0
    private var output = ResponseQueue()

    init(limits: HTTPLimits, peer: PeerAddress) {
        self.limits = limits
        parser = RequestParser(limits: limits, peer: peer)
    }

    /// Whether the socket should be read.
    var wantsInput: Bool {
        input == .open && held.isEmpty && hasRoom
    }

    /// Whether held bytes can be read on, as answers have made room.
    var canResume: Bool {
        input == .open && !held.isEmpty && hasRoom
    }

    /// Whether the socket did not take all that was to be written.
    var isBlocked: Bool {
        output.isBlocked
    }

    /// Whether all that will be said has been said.
    var isFinished: Bool {
        output.isEmpty && (input != .open || output.isClosing)
    }

    /// Whether the client may still be sending, so that closing the socket at once could destroy the last answer on its way: the
    /// system resets a connection that is closed with unread bytes.
    var needsLingering: Bool {
        input != .ended && output.isClosing
    }

    /// Bytes that have come and are of no complete request, or of one that is held.
    var unfinishedBytes: Int {
        parser.unfinishedBytes + held.count
    }

    private var hasRoom: Bool {
        output.count < limits.requestsUnderWay && !output.isClosing
    }

    /// What runs now against the clock; nil while the client waits for us.
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

    /// Takes bytes from the client.
    ///
    /// - Returns: why a request was refused, if one was.
    mutating func receive(_ bytes: Span<UInt8>, _ handle: Handle) -> RequestError? {
        var position = 0
        let error = read(bytes, at: &position, handle)
        if input == .open, position < bytes.count { held.append(bytes, position..<bytes.count) }
        return error
    }

    /// Reads held bytes on.
    ///
    /// - Returns: why a request was refused, if one was.
    mutating func resume(_ handle: Handle) -> RequestError? {
        let bytes = held
        held = []
        return receive(bytes.span, handle)
    }

    /// The client has ended its half: what it has asked is still answered; a request that is not complete never will be.
    mutating func endInput() {
        input = .ended
        held = []
    }

    /// Takes the answer to a request that was not answered at once.
    mutating func respond(_ sequence: UInt64, _ response: HTTPResponse) {
        output.respond(sequence, response)
    }

    /// A period has lasted too long.
    ///
    /// - Returns: why a request was refused; nil if there is nothing to say and the connection is to be dropped.
    mutating func timeOut(_ kind: TimeoutKind) -> RequestError? {
        let error: RequestError
        switch (kind, parser.position) {
        case (.header, .inHeader): error = .headerTooSlow
        case (.body, .inBody): error = .bodyTooSlow
        default: return nil
        }
        refuse(error)
        return error
    }

    /// The server has too much of unfinished requests, and this connection more than its share.
    ///
    /// - Returns: why the request is refused; nil if nothing is read any more.
    mutating func shed() -> RequestError? {
        guard input == .open else { return nil }
        refuse(.tooMuchUnfinished)
        return .tooMuchUnfinished
    }

    /// Ends the connection after the requests that have begun.
    mutating func stop() {
        isStopping = true
        guard input == .open, parser.position == .betweenRequests else { return }
        input = .closed
        held = []
        output.closesAfterLast = true
    }

    /// Fills `buffer`, which is empty, with what is to be written now; see `ResponseQueue`.
    mutating func nextWrite(into buffer: inout [UInt8], date: [UInt8]) -> ResponseQueue.Write {
        output.nextWrite(into: &buffer, date: date)
    }

    /// Keeps what the socket did not take of the newest write.
    ///
    /// - Parameter hasProgressed: whether it took some.
    mutating func keepUnsent(_ bytes: ArraySlice<UInt8>, hasProgressed: Bool) {
        output.keepUnsent(bytes)
        if hasProgressed { writes += 1 }
    }

    private mutating func read(_ bytes: Span<UInt8>, at position: inout Int, _ handle: Handle) -> RequestError? {
        while position < bytes.count, input == .open, hasRoom {
            do throws(RequestError) {
                guard let parsed = try parser.parse(bytes, at: &position) else { break }
                take(parsed, handle)
            } catch {
                refuse(error)
                return error
            }
        }
        output.owesContinue = input == .open && parser.awaitsContinue
        return nil
    }

    private mutating func take(_ parsed: RequestParser.Parsed, _ handle: Handle) {
        requests += 1
        let keepsAlive = parsed.keepsAlive && !isStopping
        if !keepsAlive { input = .closed }
        let slot = ResponseQueue.Request(
            isHead: parsed.request.method == .head, isHTTP10: parsed.isHTTP10, keepsAlive: keepsAlive)
        let sequence = output.add(slot)
        if let response = handle(sequence, parsed.request) { output.respond(sequence, response) }
    }

    private mutating func refuse(_ error: RequestError) {
        input = .closed
        held = []
        output.owesContinue = false
        _ = output.add(.init(isHead: parser.isReadingHead, isHTTP10: false, keepsAlive: false), error.response)
        parser.forget()
    }
}
