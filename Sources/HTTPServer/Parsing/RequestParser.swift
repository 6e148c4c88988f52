/// A byte-strict parser of HTTP/1.1 and 1.0 requests (RFC 9112) that takes its input in pieces of any size.
///
/// Every line ends in CRLF: a bare LF, which the RFC lets a recipient accept, is refused, as readers that differ in it can be played
/// against each other. One empty line before a request is skipped (§2.2). After an error it must not be used again.
struct RequestParser: ~Copyable {
    /// Where it stands, for the timeouts.
    enum Position: Equatable {
        case betweenRequests
        case inHeader
        case inBody
    }

    /// A request, and whether the connection may serve another after it.
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

    /// So much is reserved for a body at once; what is announced beyond must come before memory is spent on it.
    private static let bodyReservation = 65_536

    private let limits: HTTPLimits
    private let peer: PeerAddress
    private var stage = Stage.requestLine
    private var head: [UInt8] = []
    /// Where in `head` the first line begins that has not been read.
    private var lineStart = 0
    private var hasSkippedEmptyLine = false
    /// Bytes of the empty line that are no longer in `head`. They count as those of the header do, so that the limit is the same however the
    /// input is cut.
    private var skippedBytes = 0
    private var requestLine: RequestLine?
    private var fields: [FieldLine] = []
    private var framing = RequestFraming()
    private var body: [UInt8] = []
    private var chunks: ChunkedBody?
    /// Whether the client waits for a 100 before it sends the body of the request that is being read.
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

    /// Bytes of the request that is being read.
    var unfinishedBytes: Int {
        head.count + body.count
    }

    /// Whether the request that is being read is a HEAD, as far as is known.
    var isReadingHead: Bool {
        requestLine?.method == .head
    }

    /// Reads on.
    ///
    /// - Parameters:
    ///   - input: the next bytes.
    ///   - position: where in `input` to begin; moved behind what was read.
    /// - Returns: a request, whose last byte is right before `position`; nil when the input is used up first.
    mutating func parse(_ input: Span<UInt8>, at position: inout Int) throws(RequestError) -> Parsed? {
        while position < input.count {
            switch stage {
            case .requestLine, .fields:
                position = try takeHeader(input, from: position)
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

    /// Gives the memory of a request that was refused back.
    mutating func forget() {
        self = RequestParser(limits: limits, peer: peer)
    }

    /// Copies the header's bytes, which the request will keep, up to its end, and reads the lines that are complete.
    private mutating func takeHeader(_ input: Span<UInt8>, from start: Int) throws(RequestError) -> Int {
        let offset = start - head.count
        var (end, completeEnd) = headerEnd(input, from: start)
        let room = start + limits.headerBytes - head.count - skippedBytes
        let isTooLarge = end > room
        if isTooLarge {
            end = room
            completeEnd = (start..<end).last { input[$0] == Byte.lineFeed }.map { $0 + 1 }
        }
        head.append(input, start..<end)
        if let completeEnd { try readLines(upTo: completeEnd - offset) }
        switch stage {
        case .requestLine:
            try checkBeginning()
            if isTooLarge { throw .requestLineTooLong }
        case .fields:
            if isTooLarge { throw .headerTooLarge }
        case .fixedBody, .chunkedBody:
            break
        }
        return end
    }

    /// Where in `input` the header ends, or the input's end; and where its last complete line ends.
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

    /// Reads complete lines; `end` is behind a line feed.
    private mutating func readLines(upTo end: Int) throws(RequestError) {
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
                try framing.take(bytes, line)
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

    /// What cannot begin a request, such as a TLS handshake, is refused at its first byte instead of after the timeout.
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

    /// The request that is complete; the parser is ready for the next.
    private mutating func finish() -> Parsed? {
        guard let line = requestLine else { return nil }
        let request = HTTPRequest(
            method: line.method, path: line.path, query: line.query, headers: HTTPHeaders(head: head, lines: fields),
            body: body, peer: peer)
        let parsed = Parsed(
            request: request, isHTTP10: line.minorVersion == 0,
            keepsAlive: framing.keepsAlive(minorVersion: line.minorVersion))
        forget()
        return parsed
    }
}
