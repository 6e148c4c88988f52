import Synchronization

/// Handles requests. It is called on the thread of an event loop and must not block; it may answer at once or later.
package protocol HTTPHandler: Sendable {
    /// Handles a request. It must be answered through `responder`, exactly once, from any thread.
    func handle(_ request: HTTPRequest, _ responder: Responder)
}

/// Answers one request, once, from any thread.
///
/// A responder that is released without an answer sends a 500, so that no client waits forever.
package final class Responder: Sendable {
    private enum Destination: Sendable {
        case function(@Sendable (HTTPResponse) -> Void)
        case loop(LoopInbox, connection: UInt64, sequence: UInt64)
    }

    private enum State: Sendable {
        /// The handler is running on the thread of the loop, which checks for a response when the handler returns.
        case handling
        /// Answered while the handler was running; the loop takes the response from here, without a message to itself.
        case answered(HTTPResponse)
        /// The handler has returned; a response must be posted.
        case waiting
        case used
    }

    private let destination: Destination
    private let state: Mutex<State>

    /// A responder that passes the response to `deliver`, without an event loop.
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

    /// Sends the response. Only the first call has an effect.
    package func respond(_ response: HTTPResponse) {
        let mustDeliver = state.withLock { state in
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
        guard mustDeliver else { return }
        switch destination {
        case .function(let deliver): deliver(response)
        case .loop(let inbox, let connection, let sequence):
            inbox.post(LoopInbox.Response(connection: connection, sequence: sequence, response: response))
        }
    }

    /// The response, if it was given while the handler was running; a later one goes through the inbox.
    func takeImmediateResponse() -> HTTPResponse? {
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
