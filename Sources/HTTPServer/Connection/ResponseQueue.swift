/// The answers of one connection: kept until it is their turn, then written in the order of their requests.
///
/// A response's gate is asked right before each write that holds bytes of it. Before its first byte another response can take its
/// place; after that the connection has to be dropped, as a truncated answer is an error for the client, and a late one is worse.
struct ResponseQueue: ~Copyable {
    /// What to hand to the socket next.
    enum Write: Equatable {
        case nothing
        case bytes
        /// A response that has begun may no longer be sent: drop the connection.
        case refused
    }

    /// What a response needs to know of its request.
    struct Request {
        var isHead: Bool
        var isHTTP10: Bool
        var keepsAlive: Bool
    }

    private struct Slot {
        var request: Request
        var response: HTTPResponse?
    }

    /// The body that is being written, and how far it is.
    private struct Writing {
        var body: [[UInt8]] = []
        var gate: (any ResponseGate)?
        var piece = 0
        var offset = 0

        var isFinished: Bool {
            piece == body.count
        }
    }

    /// One TLS record's worth: what one write holds at most, but for a long head.
    private static let writeLimit = 16_384

    private var slots: [Slot] = []
    /// The number of the request that the first slot belongs to.
    private var firstSequence: UInt64 = 0
    private var writing = Writing()
    private var unsent: [UInt8] = []
    /// The gates of the responses that have bytes in the newest write.
    private var gates: [any ResponseGate] = []
    /// Whether a 100 is due once all earlier answers are written.
    var owesContinue = false
    /// Whether the connection closes after the answers that are waited for now.
    var closesAfterLast = false
    /// Whether a response that ends the connection has been encoded; nothing is encoded after it.
    private(set) var isClosing = false

    /// How many requests wait for their answers, or their answers for their turn.
    var count: Int {
        slots.count
    }

    /// Whether the socket did not take all of the newest write.
    var isBlocked: Bool {
        !unsent.isEmpty
    }

    /// Whether every answer has been written.
    var isEmpty: Bool {
        slots.isEmpty && writing.isFinished && unsent.isEmpty
    }

    /// Adds a request that will be answered; returns its number, which counts from 0.
    mutating func add(_ request: Request, _ response: HTTPResponse? = nil) -> UInt64 {
        slots.append(Slot(request: request, response: response))
        return firstSequence + UInt64(slots.count - 1)
    }

    /// Takes the answer to the request with the number `sequence`; one that is not waited for is dropped.
    mutating func respond(_ sequence: UInt64, _ response: HTTPResponse) {
        guard sequence >= firstSequence, sequence - firstSequence < UInt64(slots.count) else { return }
        let index = Int(sequence - firstSequence)
        if slots[index].response == nil { slots[index].response = response }
    }

    /// Fills `buffer`, which is empty, with what is to be written now. What the socket does not take comes back by `keepUnsent`.
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

    /// Keeps what the socket did not take.
    mutating func keepUnsent(_ bytes: ArraySlice<UInt8>) {
        unsent = Array(bytes)
    }

    /// Encodes the head of the next response, if it is there.
    private mutating func beginNext(into buffer: inout [UInt8], date: [UInt8]) -> Bool {
        guard !isClosing else { return false }
        guard !slots.isEmpty else {
            if owesContinue { buffer.append(contentsOf: ResponseEncoder.continueBytes) }
            owesContinue = false
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
            of: response, isClosing ? .close : request.isHTTP10 ? .keepAliveSaid : .keepAlive, date: date,
            to: &buffer)
        if isClosing {
            firstSequence += UInt64(slots.count)
            slots = []
            owesContinue = false
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
