import CCurl
import Platform
import Synchronization

/// A transfer as requested by the caller.
struct RequestedTransfer: Sendable {
    let id: UInt64
    var hop: Hop
    let deadline: Instant
    let buffer: StreamBuffer?
    let completion: @Sendable (Result<ClientResponse, HTTPClientError>) -> Void
}

/// A command of another thread to the thread of the client.
enum Command: Sendable {
    case start(RequestedTransfer)
    case cancel(UInt64)
    case resume(UInt64)
}

/// Wakes a thread from `curl_multi_poll`.
///
/// `@unchecked Sendable`: `curl_multi_wakeup` is the only function of a multi handle that any thread may call. The
/// pointer is used only under the lock of the inbox, and the thread removes it under that lock before it frees the
/// handle.
@safe struct Waker: @unchecked Sendable {
    private let multi: UnsafeMutableRawPointer

    init(multi: UnsafeMutableRawPointer) {
        unsafe self.multi = multi
    }

    func wake() {
        unsafe _ = curl_multi_wakeup(multi)
    }
}

/// The commands queued for the thread of the client.
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

    /// An id for a new transfer.
    func nextID() -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
    }

    /// Queues a command and wakes the thread; false once closed. The wake-up happens under the lock because the handle
    /// must not be freed meanwhile; it writes one byte to a non-blocking socket.
    func push(_ command: Command) -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state.commands.append(command)
            // The thread drains all commands at once: if others are queued it has been woken already.
            if state.commands.count == 1 { state.waker?.wake() }
            return true
        }
    }

    /// Refuses further commands and makes the thread end.
    func close() {
        state.withLock { state in
            guard !state.isClosed else { return }
            state.isClosed = true
            state.waker?.wake()
        }
    }

    /// Removes and returns the queued commands, and whether the inbox is closed.
    func drain() -> (commands: [Command], isClosed: Bool) {
        state.withLock { state in
            defer { state.commands = [] }
            return (state.commands, state.isClosed)
        }
    }

    /// Sets what wakes the thread; nil before its handle is freed.
    func attach(_ waker: Waker?) {
        state.withLock { $0.waker = waker }
    }

    /// Marks the end of the thread, as its last action.
    func end() {
        let waiters = state.withLock { state in
            state.hasEnded = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Waits for `end`, even in a cancelled task: it follows `close` promptly.
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
