/// The responses of a connection, kept until their turn and written in the order of their requests.
///
/// The gate of a response is checked right before each write that contains bytes of it. Before its first byte another
/// response can replace it. After that the connection must be dropped: the client treats a truncated response as an
/// error, and a late one would be worse.
struct ResponseQueue: ~Copyable {
    /// What to write next.
    enum Write: Equatable {
        case nothing
        case bytes
        /// A partly written response may no longer be sent: drop the connection.
        case refused
    }

    /// The properties of a request that its response depends on.
    struct Request {
        var isHead: Bool
        var isHTTP10: Bool
        var keepsAlive: Bool
    }

    private struct Slot {
        var request: Request
        var response: HTTPResponse?
    }

    /// The body being written, and the position in it.
    private struct Writing {
        var body: [[UInt8]] = []
        var gate: (any ResponseGate)?
        var piece = 0
        var offset = 0

        var isFinished: Bool {
            piece == body.count
        }
    }

    /// The size of one TLS record: the maximum of one write, except for a long head.
    private static let writeLimit = 16_384

    private var slots: [Slot] = []
    /// The number of the request of the first slot.
    private var firstSequence: UInt64 = 0
    private var writing = Writing()
    private var unsent: [UInt8] = []
    /// The gates of the responses in the latest write.
    private var gates: [any ResponseGate] = []
    /// Whether `100 Continue` is sent after all earlier responses.
    var isContinuePending = false
    /// Whether the connection closes after the last pending response.
    var closesAfterLast = false
    /// Whether the last response of the connection has been encoded; nothing is encoded after it.
    private(set) var isClosing = false

    /// The number of requests whose response is pending or not yet encoded.
    var count: Int {
        slots.count
    }

    /// Whether the socket did not accept all of the latest write.
    var isBlocked: Bool {
        !unsent.isEmpty
    }

    /// Whether all responses have been written.
    var isEmpty: Bool {
        slots.isEmpty && writing.isFinished && unsent.isEmpty
    }

    /// Adds a request, and its response if there is one; returns its number, which counts from 0.
    mutating func add(_ request: Request, _ response: HTTPResponse? = nil) -> UInt64 {
        slots.append(Slot(request: request, response: response))
        return firstSequence + UInt64(slots.count - 1)
    }

    /// Adds the response to request `sequence`. A response that no request waits for is dropped.
    mutating func respond(_ sequence: UInt64, _ response: HTTPResponse) {
        guard sequence >= firstSequence, sequence - firstSequence < UInt64(slots.count) else { return }
        let index = Int(sequence - firstSequence)
        if slots[index].response == nil { slots[index].response = response }
    }

    /// Fills the empty `buffer` with the next output. Pass what the socket does not accept to `keepUnsent`.
    mutating func nextWrite(into buffer: inout [UInt8], date: [UInt8]) -> Write {
        if !unsent.isEmpty {
            for gate in gates where gate.replacement() != nil { return .refused }
            buffer.append(contentsOf: unsent)
            unsent = []
            return .bytes
        }
        if !gates.isEmpty { gates.removeAll(keepingCapacity: true) }
        if let gate = writing.gate {
            if gate.replacement() != nil { return .refused }
            gates.append(gate)
        }
        while buffer.count < Self.writeLimit {
            if writing.isFinished, !beginNext(into: &buffer, date: date) { break }
            copyBody(into: &buffer)
        }
        return buffer.isEmpty ? .nothing : .bytes
    }

    /// Keeps the bytes that the socket did not accept.
    mutating func keepUnsent(_ bytes: ArraySlice<UInt8>) {
        unsent = Array(bytes)
    }

    /// Encodes the head of the next response, if there is one.
    private mutating func beginNext(into buffer: inout [UInt8], date: [UInt8]) -> Bool {
        guard !isClosing else { return false }
        guard !slots.isEmpty else {
            if isContinuePending { buffer.append(contentsOf: ResponseEncoder.continueBytes) }
            isContinuePending = false
            return false
        }
        guard var response = slots[0].response else { return false }
        let request = slots[0].request
        slots.removeFirst()
        firstSequence += 1
        if let gate = response.gate {
            if let replacement = gate.replacement() {
                response = replacement
                response.gate = nil
            } else {
                gates.append(gate)
            }
        }
        isClosing = response.closesConnection || !request.keepsAlive || closesAfterLast && slots.isEmpty
        ResponseEncoder.appendHead(
            of: response, isClosing ? .close : request.isHTTP10 ? .explicitKeepAlive : .keepAlive, date: date,
            to: &buffer)
        if isClosing {
            firstSequence += UInt64(slots.count)
            slots = []
            isContinuePending = false
        }
        if !request.isHead, ResponseEncoder.mayHaveBody(response.status) {
            writing = Writing(body: response.body, gate: response.gate)
        }
        return true
    }

    private mutating func copyBody(into buffer: inout [UInt8]) {
        while !writing.isFinished {
            let piece = writing.body[writing.piece]
            let end = min(piece.count, writing.offset + max(0, Self.writeLimit - buffer.count))
            buffer.append(piece.span, writing.offset..<end)
            writing.offset = end
            if end < piece.count { return }
            writing.piece += 1
            writing.offset = 0
        }
        writing = Writing()
    }
}
