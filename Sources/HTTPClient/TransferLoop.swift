import CCurl
import Glibc
import Platform

/// The loop of the client's thread: takes commands, moves transfers on, ends those that are over or late.
final class TransferLoop {
    /// The longest wait, in milliseconds, while a transfer is under way: `poll` does not count time in which the machine slept, the
    /// clock does.
    private static let longestWait: Int64 = 1_000
    /// The same with nothing under way; commands end it at once.
    private static let idleWait: Int32 = 600_000

    private let multi: MultiHandle
    private let options: HTTPClientOptions
    private let clock: any Clock
    private let inbox: Inbox
    private var active: [UInt64: ActiveTransfer] = [:]
    /// No transfer is late before it; it may be too early, never too late.
    private var earliestDue = Instant.distantFuture

    private init(multi: consuming MultiHandle, options: HTTPClientOptions, clock: any Clock, inbox: Inbox) {
        self.multi = multi
        self.options = options
        self.clock = clock
        self.inbox = inbox
    }

    /// Serves `inbox` until it is closed; every transfer that was taken has ended when this returns, every connection is closed.
    static func run(options: HTTPClientOptions, clock: any Clock, inbox: Inbox) {
        guard let multi = MultiHandle(maximumConnectionsPerHost: options.maximumConnectionsPerHost) else {
            fatalError("libcurl gives no multi handle: memory is short")
        }
        ignoreBrokenPipes()
        inbox.attach(multi.waker)
        let loop = TransferLoop(multi: multi, options: options, clock: clock, inbox: inbox)
        while loop.turn() {}
        inbox.attach(nil)
    }

    /// With `CURLOPT_NOSIGNAL` libcurl leaves SIGPIPE to us: writing to a connection that the peer closed is an error code, not the end.
    private static func ignoreBrokenPipes() {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGPIPE)
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// One turn; false once all is over.
    private func turn() -> Bool {
        let (commands, isClosed) = inbox.take()
        for command in commands { perform(command) }
        guard !isClosed else {
            endAll(.closed)
            return false
        }
        endLate()
        if !multi.perform() { endAll(.connectionFailed("libcurl cannot go on with its transfers: memory is short")) }
        while let (transfer, code) = multi.nextFinished() { end(transfer, transfer.result(code)) }
        multi.poll(milliseconds: wait)
        return true
    }

    private func perform(_ command: Command) {
        switch command {
        case .start(let requested): start(requested)
        case .cancel(let id): if let transfer = active[id] { end(transfer, .failure(.cancelled)) }
        case .resume(let id): if let transfer = active[id] { resume(transfer) }
        }
    }

    private func start(_ requested: RequestedTransfer) {
        do throws(HTTPClientError) {
            let transfer = try ActiveTransfer(requested, options: options, clock: clock)
            guard multi.add(transfer.easy) else { throw .invalidRequest("libcurl does not take it: memory is short") }
            active[requested.id] = transfer
            earliestDue = min(earliestDue, transfer.due)
        } catch {
            requested.completion(.failure(error))
        }
    }

    private func resume(_ transfer: ActiveTransfer) {
        transfer.resume()
        earliestDue = min(earliestDue, transfer.due)
    }

    private func end(_ transfer: ActiveTransfer, _ result: Result<ClientResponse, HTTPClientError>) {
        multi.remove(transfer.easy)
        active[transfer.requested.id] = nil
        transfer.requested.completion(result)
    }

    private func endLate() {
        let now = clock.now()
        guard now >= earliestDue else { return }
        for transfer in inOrder() where transfer.due <= now {
            end(transfer, .failure(.timedOut(transfer.phase)))
        }
        earliestDue = active.values.map(\.due).min() ?? .distantFuture
    }

    private func endAll(_ error: HTTPClientError) {
        for transfer in inOrder() { end(transfer, .failure(error)) }
    }

    /// In the order in which they were started.
    private func inOrder() -> [ActiveTransfer] {
        active.sorted { $0.key < $1.key }.map(\.value)
    }

    private var wait: Int32 {
        guard !active.isEmpty else { return Self.idleWait }
        let nanoseconds = max(0, (earliestDue - clock.now()).nanoseconds)
        return Int32(min(nanoseconds / 1_000_000 + 1, Self.longestWait))
    }
}
