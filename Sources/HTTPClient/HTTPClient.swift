package import Platform
import Synchronization

/// An HTTP/1.1 client on libcurl, with a thread of its own and persistent connections.
///
/// Every transfer ends exactly once: with a response, with an error, or with `closed` when the client shuts down. Use a
/// separate client for transfers that must not wait behind others (leader election, watches).
package final class HTTPClient: Sendable {
    private let inbox: Inbox
    /// Nil once joined or detached; a thread can be joined or detached only once.
    private let thread: Mutex<NamedThread?>

    /// Starts a client. The deadlines of its transfers are instants of `clock`.
    ///
    /// - Throws: `invalidOptions`.
    package init(options: HTTPClientOptions, clock: any Clock) throws(HTTPClientError) {
        try options.validate()
        try EasyHandle.probe(options)
        let inbox = Inbox()
        self.inbox = inbox
        do {
            let started = try NamedThread("http-client") {
                TransferLoop.run(options: options, clock: clock, inbox: inbox)
                inbox.end()
            }
            thread = Mutex(started)
        } catch {
            throw .invalidOptions("the system starts no thread: check the limit on processes and threads: \(error)")
        }
    }

    deinit {
        inbox.close()
        takeThread()?.detach()
    }

    /// Starts a request and returns at once.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - deadline: When the whole transfer, including the body, must be complete.
    ///   - completion: Called exactly once, with the response or the error, on the thread of the client and without a
    ///     lock held: it must not block. After `shutdown` it is called on the thread of the caller, before this method
    ///     returns.
    /// - Returns: A handle to cancel the transfer.
    @discardableResult
    package func start(
        _ request: ClientRequest, deadline: Instant,
        completion: @escaping @Sendable (Result<ClientResponse, HTTPClientError>) -> Void
    ) -> Transfer {
        let id = inbox.nextID()
        submit(RequestedTransfer(id: id, hop: Hop(request), deadline: deadline, buffer: nil, completion: completion))
        return Transfer(id: id, inbox: inbox)
    }

    /// Sends a request and waits for the whole response. Cancelling the task stops the transfer.
    ///
    /// - Throws: The reason why there is no response; `cancelled` if the task was cancelled.
    package func send(_ request: ClientRequest, deadline: Instant) async throws(HTTPClientError) -> ClientResponse {
        let transfer = Transfer(id: inbox.nextID(), inbox: inbox)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                submit(
                    RequestedTransfer(id: transfer.id, hop: Hop(request), deadline: deadline, buffer: nil) { result in
                        continuation.resume(returning: result)
                    })
                // A cancellation that came before the thread knew the transfer had no effect.
                if Task.isCancelled { transfer.cancel() }
            }
        } onCancel: {
            transfer.cancel()
        }
        return try result.get()
    }

    /// Starts a request whose body is read as it arrives, and returns at once. Releasing the stream stops the transfer.
    /// A stream does not keep its client alive: it ends with `closed` when the client is released.
    ///
    /// - Parameters:
    ///   - request: The request; its `maximumResponseBytes` does not apply.
    ///   - deadline: When the whole transfer must be complete; `Instant.distantFuture` for no deadline.
    ///   - bufferBytes: About how many bytes are buffered for a slow reader before reading from the connection pauses.
    package func stream(
        _ request: ClientRequest, deadline: Instant, bufferBytes: Int = 256 << 10
    ) -> ResponseStream {
        let id = inbox.nextID()
        let buffer = StreamBuffer(capacity: bufferBytes)
        submit(
            RequestedTransfer(id: id, hop: Hop(request), deadline: deadline, buffer: buffer) { result in
                buffer.finish(result.map { _ in })
            })
        return ResponseStream(buffer: buffer, transfer: Transfer(id: id, inbox: inbox))
    }

    /// Fails all active transfers with `closed`, closes all connections, and returns when the thread of the client has
    /// ended.
    ///
    /// Must not be awaited from a completion, which runs on that thread. May be called more than once.
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

/// A handle to an active transfer.
package struct Transfer: Sendable {
    let id: UInt64
    let inbox: Inbox

    /// Stops the transfer and closes its connection; its completion gets `cancelled`. Has no effect after the end of
    /// the transfer.
    package func cancel() {
        _ = inbox.push(.cancel(id))
    }

    /// Continues a transfer that was paused because its reader was slow.
    func resume() {
        _ = inbox.push(.resume(id))
    }
}
