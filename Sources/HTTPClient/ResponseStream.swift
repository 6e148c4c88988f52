/// A response whose body is read while it comes, by one task. Dropping it stops the transfer and closes its connection.
///
/// A slow reader slows the server down: when the buffer is full the connection is not read from until it is emptied.
package final class ResponseStream: Sendable {
    private let buffer: StreamBuffer
    private let transfer: Transfer

    init(buffer: StreamBuffer, transfer: Transfer) {
        self.buffer = buffer
        self.transfer = transfer
    }

    deinit {
        transfer.cancel()
    }

    /// Waits for the response's status and header; the body may be far from complete then.
    ///
    /// - Throws: Why there is none; `cancelled` if the task was cancelled, which stops the transfer.
    package func head() async throws(HTTPClientError) -> ResponseHead {
        while true {
            if let head = buffer.head() { return try head.get() }
            await waitOrCancel { hasHead, _ in hasHead }
        }
    }

    /// Waits for more of the body and returns all of it that is there, cut at no particular place; nil at its proper end.
    ///
    /// - Throws: Why it broke off, after all bytes that came before; `cancelled` if the task was cancelled, which stops the
    ///   transfer.
    package func next() async throws(HTTPClientError) -> [UInt8]? {
        while true {
            switch buffer.take() {
            case .bytes(let bytes, let wasPaused):
                if wasPaused { transfer.resume() }
                return bytes
            case .end(let end):
                try end.get()
                return nil
            case .nothingYet: await waitOrCancel { _, hasBytes in hasBytes }
            }
        }
    }

    /// Stops the transfer and closes its connection; a reader that waits gets `cancelled`.
    package func cancel() {
        buffer.cancel()
        transfer.cancel()
    }

    private func waitOrCancel(_ isWanted: @Sendable (_ hasHead: Bool, _ hasBytes: Bool) -> Bool) async {
        await withTaskCancellationHandler {
            await buffer.wait(isWanted)
        } onCancel: {
            cancel()
        }
    }
}
