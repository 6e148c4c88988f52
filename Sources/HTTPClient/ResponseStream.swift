/// A response whose body one task reads as it arrives. Releasing the stream stops the transfer and closes its
/// connection.
///
/// A slow reader slows the server down: when the buffer is full, nothing is read from the connection until the reader
/// catches up.
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

    /// Waits for the status and header of the response. The body may be far from complete at that point.
    ///
    /// - Throws: The reason why there is no response; `cancelled` if the task was cancelled, which stops the transfer.
    package func head() async throws(HTTPClientError) -> ResponseHead {
        while true {
            if let head = buffer.head() { return try head.get() }
            await waitOrCancel { hasHead, _ in hasHead }
        }
    }

    /// Waits for more of the body and returns everything received so far, split at arbitrary positions; nil at the end
    /// of the body.
    ///
    /// - Throws: The reason why the body is incomplete, after all bytes received before; `cancelled` if the task was
    ///   cancelled, which stops the transfer.
    package func next() async throws(HTTPClientError) -> [UInt8]? {
        while true {
            switch buffer.read() {
            case .bytes(let bytes, let wasPaused):
                if wasPaused { transfer.resume() }
                return bytes
            case .end(let end):
                try end.get()
                return nil
            case .pending: await waitOrCancel { _, hasBytes in hasBytes }
            }
        }
    }

    /// Stops the transfer and closes its connection. A waiting reader gets `cancelled`.
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
