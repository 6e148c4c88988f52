import Synchronization

/// A value that arrives once, from a callback, and that one task waits for. The first result wins; later ones are
/// dropped.
final class OneShot<Value: Sendable>: Sendable {
    private enum State {
        case empty
        case awaited(CheckedContinuation<Value, any Error>)
        case arrived(Result<Value, any Error>)
        case taken
    }

    private let state = Mutex(State.empty)

    init() {}

    func succeed(_ value: Value) {
        finish(.success(value))
    }

    func fail(_ error: any Error) {
        finish(.failure(error))
    }

    func finish(_ result: Result<Value, any Error>) {
        let continuation: CheckedContinuation<Value, any Error>? = state.withLock { state in
            switch state {
            case .empty:
                state = .arrived(result)
                return nil
            case .awaited(let continuation):
                state = .taken
                return continuation
            case .arrived, .taken:
                return nil
            }
        }
        continuation?.resume(with: result)
    }

    /// Waits for the value; to be called once.
    ///
    /// - Throws: what `fail` was given, or `CancellationError` if the task is cancelled first.
    func value() async throws -> Value {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<Value, any Error>? = state.withLock { state in
                    guard case .arrived(let result) = state else {
                        state = .awaited(continuation)
                        return nil
                    }
                    state = .taken
                    return result
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            fail(CancellationError())
        }
    }
}
