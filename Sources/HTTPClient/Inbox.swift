import CCurl
import Platform
import Synchronization

/// A transfer as the caller asked for it.
struct RequestedTransfer: Sendable {
    let id: UInt64
    let request: ClientRequest
    let deadline: Instant
    let buffer: StreamBuffer?
    let completion: @Sendable (Result<ClientResponse, HTTPClientError>) -> Void
}

/// What other threads ask of the client's thread.
enum Command: Sendable {
    case start(RequestedTransfer)
    case cancel(UInt64)
    case resume(UInt64)
}

/// Wakes a thread out of `curl_multi_poll`.
///
/// `@unchecked Sendable`: `curl_multi_wakeup` is the one function of a multi handle that any thread may call; the pointer is only
/// used under the inbox's lock, and the thread takes it out under that lock before it frees the handle.
@safe struct Waker: @unchecked Sendable {
    private let multi: UnsafeMutableRawPointer

    init(multi: UnsafeMutableRawPointer) {
        unsafe self.multi = multi
    }

    func wake() {
        unsafe _ = curl_multi_wakeup(multi)
    }
}

/// The commands that wait for the client's thread, and whether it still takes any.
final class Inbox: Sendable {
    private struct State {
        var lastID: UInt64 = 0
        var commands: [Command] = []
        var waker: Waker?
        var isClosed = false
        var hasEnded = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// An identity for a new transfer.
    func nextID() -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
    }

    /// Queues a command and wakes the thread; false once closed. The wake-up is under the lock because the handle must not be freed
    /// meanwhile; it writes one byte to a non-blocking socket.
    func push(_ command: Command) -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state.commands.append(command)
            // The thread takes all commands at once: with others already waiting it has been woken.
            if state.commands.count == 1 { state.waker?.wake() }
            return true
        }
    }

    /// Takes no more commands, and has the thread end.
    func close() {
        state.withLock { state in
            guard !state.isClosed else { return }
            state.isClosed = true
            state.waker?.wake()
        }
    }

    /// The commands so far, and whether they are the last.
    func take() -> (commands: [Command], isClosed: Bool) {
        state.withLock { state in
            defer { state.commands = [] }
            return (state.commands, state.isClosed)
        }
    }

    /// From now on commands wake the thread; nil before its handle is freed.
    func attach(_ waker: Waker?) {
        state.withLock { $0.waker = waker }
    }

    /// The thread's last act.
    func end() {
        let waiters = state.withLock { state in
            state.hasEnded = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Waits for `end`, also in a cancelled task: it follows `close` promptly.
    func waitUntilEnded() async {
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                if !state.hasEnded { state.waiters.append(continuation) }
                return state.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
    }
}
