import Synchronization

/// Answers requests. Called on an event loop's thread: it must not block; it may answer at once or later.
package protocol HTTPHandler: Sendable {
    /// Takes one request; answers through `responder`, exactly once, from any thread.
    func handle(_ request: HTTPRequest, _ responder: Responder)
}

/// The right to answer one request, once, from any thread.
///
/// If it is dropped unused the request is answered with 500, so that no client waits for ever.
package final class Responder: Sendable {
    private enum Destination: Sendable {
        case function(@Sendable (HTTPResponse) -> Void)
        case loop(LoopInbox, connection: UInt64, sequence: UInt64)
    }

    private enum State: Sendable {
        /// The handler is being called on the loop's thread, which looks here when it returns.
        case handling
        /// Answered while the handler was being called; the loop takes the answer from here, with no message to itself.
        case answered(HTTPResponse)
        /// The handler has returned: an answer has to be delivered.
        case waiting
        case used
    }

    private let destination: Destination
    private let state: Mutex<State>

    /// A responder that hands the response to `deliver`; tests make their own.
    package init(_ deliver: @escaping @Sendable (HTTPResponse) -> Void) {
        destination = .function(deliver)
        state = Mutex(.waiting)
    }

    init(_ inbox: LoopInbox, connection: UInt64, sequence: UInt64) {
        destination = .loop(inbox, connection: connection, sequence: sequence)
        state = Mutex(.handling)
    }

    deinit {
        let isUnused = state.withLock { state in
            if case .waiting = state { true } else { false }
        }
        if isUnused { respond(.text(500, "no answer was given")) }
    }

    /// Answers. Only the first call does anything.
    package func respond(_ response: HTTPResponse) {
        let isToBeDelivered = state.withLock { state in
            switch state {
            case .handling:
                state = .answered(response)
                return false
            case .waiting:
                state = .used
                return true
            case .answered, .used:
                return false
            }
        }
        guard isToBeDelivered else { return }
        switch destination {
        case .function(let deliver): deliver(response)
        case .loop(let inbox, let connection, let sequence):
            inbox.post(LoopInbox.Answer(connection: connection, sequence: sequence, response: response))
        }
    }

    /// The answer, if it was given while the handler was being called; later ones go through the inbox.
    func takeImmediateAnswer() -> HTTPResponse? {
        state.withLock { state in
            if case .answered(let response) = state {
                state = .used
                return response
            }
            state = .waiting
            return nil
        }
    }
}
