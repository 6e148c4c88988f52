package import Platform
import Synchronization

/// An HTTP/1.1 client over libcurl, with one thread of its own and connections that are kept and reused.
///
/// Every transfer ends exactly once: with a response, with an error, or, when the client is shut down, with `closed`. Use one
/// client for each trust domain, and one of their own for transfers that must not wait behind others (election, watches).
package final class HTTPClient: Sendable {
    private let inbox: Inbox
    /// Nil once joined or detached, which a thread can be only once.
    private let thread: Mutex<NamedThread?>

    /// A client whose thread is running; the deadlines of its transfers are instants of `clock`.
    ///
    /// - Throws: `invalidOptions`.
    package init(options: HTTPClientOptions, clock: any Clock) throws(HTTPClientError) {
        try options.validate()
        try EasyHandle.probe(options)
        let inbox = Inbox()
        self.inbox = inbox
        let started = NamedThread("http-client") {
            TransferLoop.run(options: options, clock: clock, inbox: inbox)
            inbox.end()
        }
        guard let started else {
            throw .invalidOptions("the system starts no thread: check the limit on processes and threads")
        }
        thread = Mutex(started)
    }

    deinit {
        inbox.close()
        takeThread()?.detach()
    }

    /// Starts a request and returns at once.
    ///
    /// - Parameters:
    ///   - request: What to ask.
    ///   - deadline: When the whole transfer, body included, must be over.
    ///   - completion: Called exactly once with the response or the reason why there is none, on the client's thread with no
    ///     lock held: it must not block. After `shutdown` it is called on the caller's thread, before this returns.
    /// - Returns: The right to cancel it.
    @discardableResult
    package func start(
        _ request: ClientRequest, deadline: Instant,
        completion: @escaping @Sendable (Result<ClientResponse, HTTPClientError>) -> Void
    ) -> Transfer {
        let id = inbox.nextID()
        submit(RequestedTransfer(id: id, request: request, deadline: deadline, buffer: nil, completion: completion))
        return Transfer(id: id, inbox: inbox)
    }

    /// Sends a request and waits for the whole response. Cancelling the task stops the transfer.
    ///
    /// - Throws: Why there is no response; `cancelled` if the task was cancelled.
    package func send(_ request: ClientRequest, deadline: Instant) async throws(HTTPClientError) -> ClientResponse {
        let transfer = Transfer(id: inbox.nextID(), inbox: inbox)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                submit(
                    RequestedTransfer(id: transfer.id, request: request, deadline: deadline, buffer: nil) { result in
                        continuation.resume(returning: result)
                    })
                // A cancellation that came before the transfer was known to the thread found nothing to stop.
                if Task.isCancelled { transfer.cancel() }
            }
        } onCancel: {
            transfer.cancel()
        }
        return try result.get()
    }

    /// Starts a request whose body is read in pieces while it comes, and returns at once. Dropping the stream stops it; holding it
    /// does not keep the client, whose end ends it with `closed`.
    ///
    /// - Parameters:
    ///   - request: What to ask; its `maximumResponseBytes` does not apply.
    ///   - deadline: When the whole transfer must be over; `Instant.distantFuture` for none.
    ///   - bufferBytes: About how much is held for a slow reader before the connection is no longer read from.
    package func stream(
        _ request: ClientRequest, deadline: Instant, bufferBytes: Int = 256 << 10
    ) -> ResponseStream {
        let id = inbox.nextID()
        let buffer = StreamBuffer(capacity: bufferBytes)
        submit(
            RequestedTransfer(id: id, request: request, deadline: deadline, buffer: buffer) { result in
                buffer.finish(result.map { _ in })
            })
        return ResponseStream(buffer: buffer, transfer: Transfer(id: id, inbox: inbox))
    }

    /// Fails every transfer under way with `closed`, closes all connections, and returns when the client's thread has ended.
    ///
    /// Not to be awaited from a completion, which runs on that thread. May be called more than once.
    package func shutdown() async {
        inbox.close()
        await inbox.waitUntilEnded()
        takeThread()?.join()
    }

    private func takeThread() -> NamedThread? {
        thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
    }

    private func submit(_ transfer: RequestedTransfer) {
        guard !inbox.push(.start(transfer)) else { return }
        transfer.completion(.failure(.closed))
    }
}

/// The right to stop one transfer.
package struct Transfer: Sendable {
    let id: UInt64
    let inbox: Inbox

    /// Stops the transfer and closes its connection; its completion gets `cancelled`. Does nothing once it is over.
    package func cancel() {
        _ = inbox.push(.cancel(id))
    }

    /// Goes on with a transfer that was paused because its reader was slow.
    func resume() {
        _ = inbox.push(.resume(id))
    }
}
