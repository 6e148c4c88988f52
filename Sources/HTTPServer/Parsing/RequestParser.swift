/// A strict parser of HTTP/1.1 and 1.0 requests (RFC 9112) that accepts its input in pieces of any size.
///
/// Every line must end in CRLF. The RFC allows a recipient to accept a bare LF; this parser rejects it, because parsers
/// that differ here enable request smuggling. One empty line before a request is skipped (§2.2). After an error the
/// parser must not be used again.
struct RequestParser: ~Copyable {
    /// The position in the input, for timeouts.
    enum Position: Equatable {
        case betweenRequests
        case inHeader
        case inBody
    }

    /// A request, and whether the connection persists after it.
    struct Parsed {
        var request: HTTPRequest
        var isHTTP10: Bool
        var keepsAlive: Bool
    }

    private enum Stage {
        case requestLine
        case fields
        case fixedBody(count: Int)
        case chunkedBody
    }

    /// The maximum capacity reserved for an announced body. A larger body must arrive before memory is allocated for
    /// it.
    private static let bodyReservation = 65_536

    private let limits: HTTPLimits
    private let peer: PeerAddress
    private var stage = Stage.requestLine
    private var head: [UInt8] = []
    /// The index in `head` of the first line that has not been parsed.
    private var lineStart = 0
    private var hasSkippedEmptyLine = false
    /// Bytes of the skipped empty line, which are no longer in `head`. They count towards the header limit, so that the
    /// limit does not depend on how the input is split.
    private var skippedBytes = 0
    private var requestLine: RequestLine?
    private var fields: [FieldLine] = []
    private var framing = RequestFraming()
    private var body: [UInt8] = []
    private var chunks: ChunkedBody?
    /// Whether the client waits for `100 Continue` before it sends the body of the current request.
    private(set) var awaitsContinue = false

    init(limits: HTTPLimits, peer: PeerAddress) {
        self.limits = limits
        self.peer = peer
    }

    var position: Position {
        switch stage {
        case .requestLine, .fields: head.isEmpty ? .betweenRequests : .inHeader
        case .fixedBody, .chunkedBody: .inBody
        }
    }

    /// The bytes of the current request so far.
    var unfinishedBytes: Int {
        head.count + body.count
    }

    /// Whether the current request is known to be a HEAD.
    var isReadingHead: Bool {
        requestLine?.method == .head
    }

    /// Parses more input.
    ///
    /// - Parameters:
    ///   - input: the next bytes.
    ///   - position: where to start in `input`; moved past the bytes that were parsed.
    /// - Returns: a request that ends right before `position`; nil if the input ends first.
    mutating func parse(_ input: Span<UInt8>, at position: inout Int) throws(RequestError) -> Parsed? {
        while position < input.count {
            switch stage {
            case .requestLine, .fields:
                position = try readHeader(input, from: position)
                if case .fixedBody(count: 0) = stage { return finish() }
            case .fixedBody(let count):
                awaitsContinue = false
                let end = min(input.count, position + count - body.count)
                body.append(input, position..<end)
                position = end
                if body.count == count { return finish() }
            case .chunkedBody:
                awaitsContinue = false
                position = try decodeChunks(input, from: position)
                if chunks?.isComplete == true { return finish() }
            }
        }
        return nil
    }

    /// Resets the parser and releases the memory of the current request.
    mutating func reset() {
        self = RequestParser(limits: limits, peer: peer)
    }

    /// Copies the bytes of the header, which the request keeps, and parses the complete lines.
    private mutating func readHeader(_ input: Span<UInt8>, from start: Int) throws(RequestError) -> Int {
        let offset = start - head.count
        var (end, completeEnd) = headerEnd(input, from: start)
        let room = start + limits.headerBytes - head.count - skippedBytes
        let isTooLarge = end > room
        if isTooLarge {
            end = room
            completeEnd = (start..<end).last { input[$0] == Byte.lineFeed }.map { $0 + 1 }
        }
        head.append(input, start..<end)
        if let completeEnd { try parseLines(upTo: completeEnd - offset) }
        switch stage {
        case .requestLine:
            try checkBeginning()
            // Without a space it is the method that does not end.
            if isTooLarge { throw head.contains(0x20) ? .requestLineTooLong : .malformedRequestLine }
        case .fields:
            if isTooLarge { throw .headerTooLarge }
        case .fixedBody, .chunkedBody:
            break
        }
        return end
    }

    /// The end of the header in `input`, or else the end of the input; and the end of the last complete line.
    private func headerEnd(_ input: Span<UInt8>, from start: Int) -> (end: Int, completeEnd: Int?) {
        var lineBegin = start - (head.count - lineStart)
        var mayBeSkipped = if case .requestLine = stage { !hasSkippedEmptyLine } else { false }
        var completeEnd: Int?
        var search = start
        while let lineFeed = input.lineFeed(from: search) {
            search = lineFeed + 1
            completeEnd = search
            if lineFeed - lineBegin <= 1, !mayBeSkipped { return (search, search) }
            mayBeSkipped = false
            lineBegin = search
        }
        return (input.count, completeEnd)
    }

    /// Parses complete lines up to `end`, which follows a line feed.
    private mutating func parseLines(upTo end: Int) throws(RequestError) {
        let head = head
        let bytes = head.span
        var position = lineStart
        while position < end {
            switch stage {
            case .requestLine where bytes[position] == Byte.carriageReturn:
                try skipLineEnd(bytes, at: &position)
                guard !hasSkippedEmptyLine else { throw .malformedRequestLine }
                hasSkippedEmptyLine = true
            case .requestLine:
                requestLine = try RequestLine(bytes, at: &position)
                fields.reserveCapacity(12)
                stage = .fields
            case .fields where bytes[position] == Byte.carriageReturn:
                try skipLineEnd(bytes, at: &position)
                try beginBody()
            case .fields:
                let line = try FieldLine(bytes, at: &position)
                guard fields.count < limits.headerFields else { throw .tooManyFields }
                fields.append(line)
                try framing.add(bytes, line)
            case .fixedBody, .chunkedBody:
                return
            }
        }
        lineStart = position
    }

    private func skipLineEnd(_ bytes: Span<UInt8>, at position: inout Int) throws(RequestError) {
        guard bytes[position + 1] == Byte.lineFeed else { throw .bareCarriageReturn }
        position += 2
    }

    /// Rejects at its first byte what cannot begin a request, such as a TLS handshake, instead of after a timeout.
    private mutating func checkBeginning() throws(RequestError) {
        if lineStart == head.count {
            skippedBytes += head.count
            head.removeAll(keepingCapacity: true)
            lineStart = 0
        } else if !Byte.token.contains(head[lineStart]), head[lineStart] != Byte.carriageReturn {
            throw head[lineStart] == Byte.lineFeed ? .bareLineFeed : .malformedRequestLine
        }
    }

    private mutating func beginBody() throws(RequestError) {
        let minorVersion = requestLine?.minorVersion ?? 1
        switch try framing.body(minorVersion: minorVersion, limit: limits.bodyBytes) {
        case .none:
            stage = .fixedBody(count: 0)
        case .length(let count):
            body.reserveCapacity(min(count, Self.bodyReservation))
            stage = .fixedBody(count: count)
            awaitsContinue = framing.awaitsContinue(minorVersion: minorVersion)
        case .chunked:
            chunks = ChunkedBody(limits: limits)
            stage = .chunkedBody
            awaitsContinue = framing.awaitsContinue(minorVersion: minorVersion)
        }
    }

    private mutating func decodeChunks(_ input: Span<UInt8>, from start: Int) throws(RequestError) -> Int {
        try chunks?.decode(input, from: start, into: &body) ?? start
    }

    /// Returns the complete request and resets the parser for the next one.
    private mutating func finish() -> Parsed? {
        guard let line = requestLine else { return nil }
        let request = HTTPRequest(
            method: line.method, path: line.path, query: line.query, headers: HTTPHeaders(head: head, lines: fields),
            body: body, peer: peer)
        let parsed = Parsed(
            request: request, isHTTP10: line.minorVersion == 0,
            keepsAlive: framing.keepsAlive(minorVersion: line.minorVersion))
        reset()
        return parsed
    }
}
