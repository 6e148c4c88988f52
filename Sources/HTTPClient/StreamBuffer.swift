import Synchronization

/// What a streamed response has brought and its reader has not taken yet: filled by the client's thread, emptied by one reader.
final class StreamBuffer: Sendable {
    private struct State {
        var head: ResponseHead?
        var bytes: [UInt8] = []
        /// Set once: nothing follows.
        var end: Result<Void, HTTPClientError>?
        var isPaused = false
        var reader: CheckedContinuation<Void, Never>?
    }

    /// What a reader finds.
    enum Taken {
        case bytes([UInt8], wasPaused: Bool)
        case end(Result<Void, HTTPClientError>)
        case nothingYet
    }

    private let capacity: Int
    private let state = Mutex(State())

    /// A buffer that asks for a pause once it holds `capacity` bytes; one piece of at most 16 KiB may exceed it.
    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Takes the response's head.
    func receive(_ head: ResponseHead) {
        change { $0.head = head }
    }

    /// Takes a piece of the body; false to be offered it again once the reader has caught up.
    func receive(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var accepted = true
        change { state in
            accepted = state.bytes.isEmpty || state.bytes.count < capacity
            if accepted { unsafe state.bytes.append(contentsOf: bytes) } else { state.isPaused = true }
        }
        return accepted
    }

    /// Ends it; only the first end counts.
    func finish(_ end: Result<Void, HTTPClientError>) {
        change { state in
            if state.end == nil { state.end = end }
        }
    }

    /// Ends it for a reader that wants no more; what was not read is dropped.
    func cancel() {
        change { state in
            state.end = .failure(.cancelled)
            state.bytes = []
        }
    }

    /// The head, the failure that came in its place, or nil while there is neither.
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

    /// All bytes that are there, else the end.
    func take() -> Taken {
        state.withLock { state in
            if !state.bytes.isEmpty {
                defer {
                    state.bytes = []
                    state.isPaused = false
                }
                return .bytes(state.bytes, wasPaused: state.isPaused)
            }
            return state.end.map { .end($0) } ?? .nothingYet
        }
    }

    /// Waits until `isReady` finds what it looks for; returns at once if it does already.
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
