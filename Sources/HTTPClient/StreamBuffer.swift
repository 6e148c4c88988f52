import Synchronization

/// The unread part of a streamed response: filled by the thread of the client, emptied by one reader.
final class StreamBuffer: Sendable {
    private struct State {
        var head: ResponseHead?
        var bytes: [UInt8] = []
        /// Set once; nothing follows it.
        var end: Result<Void, HTTPClientError>?
        var isPaused = false
        var reader: CheckedContinuation<Void, Never>?
    }

    /// The result of a read.
    enum ReadResult {
        case bytes([UInt8], wasPaused: Bool)
        case end(Result<Void, HTTPClientError>)
        case pending
    }

    private let capacity: Int
    private let state = Mutex(State())

    /// A buffer that pauses the transfer once it holds `capacity` bytes; one piece of up to 16 KiB may exceed it.
    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Stores the head of the response.
    func receive(_ head: ResponseHead) {
        change { $0.head = head }
    }

    /// Stores a piece of the body. Returns false if the buffer is full; libcurl delivers the piece again after the
    /// pause.
    func receive(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var accepted = true
        change { state in
            accepted = state.bytes.isEmpty || state.bytes.count < capacity
            if accepted { unsafe state.bytes.append(contentsOf: bytes) } else { state.isPaused = true }
        }
        return accepted
    }

    /// Ends the response. Only the first end counts.
    func finish(_ end: Result<Void, HTTPClientError>) {
        change { state in
            if state.end == nil { state.end = end }
        }
    }

    /// Ends the response for a reader that wants no more; unread bytes are dropped.
    func cancel() {
        change { state in
            state.end = .failure(.cancelled)
            state.bytes = []
        }
    }

    /// The head, or the failure that came instead; nil while there is neither.
    func head() -> Result<ResponseHead, HTTPClientError>? {
        state.withLock { state in
            if let head = state.head { return .success(head) }
            switch state.end {
            case .failure(let error): return .failure(error)
            case .success: return .failure(.malformedResponse("it has no header"))
            case nil: return nil
            }
        }
    }

    /// Removes and returns all buffered bytes; the end once there are none.
    func read() -> ReadResult {
        state.withLock { state in
            if !state.bytes.isEmpty {
                defer {
                    state.bytes = []
                    state.isPaused = false
                }
                return .bytes(state.bytes, wasPaused: state.isPaused)
            }
            return state.end.map { .end($0) } ?? .pending
        }
    }

    /// Waits until `isWanted` holds or the response has ended; returns at once if that is so already.
    func wait(_ isWanted: @Sendable (_ hasHead: Bool, _ hasBytes: Bool) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                precondition(state.reader == nil, "a response stream has one reader")
                let isReady = state.end != nil || isWanted(state.head != nil, !state.bytes.isEmpty)
                if !isReady { state.reader = continuation }
                return isReady
            }
            if isReady { continuation.resume() }
        }
    }

    private func change(_ change: (inout State) -> Void) {
        let reader = state.withLock { state in
            change(&state)
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }
}
