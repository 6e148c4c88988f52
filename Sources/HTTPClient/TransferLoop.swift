import CCurl
import Glibc
import Platform

/// The loop on the thread of the client: handles commands, drives transfers, and ends those that are complete or timed
/// out.
final class TransferLoop {
    /// The longest wait, in milliseconds, with active transfers. `poll` does not count time that the machine was
    /// suspended; the clock does.
    private static let longestWait: Int64 = 1_000
    /// The longest wait without active transfers; a command ends it at once.
    private static let idleWait: Int32 = 600_000

    private let pulse = LoopPulse("http-client")
    private let multi: MultiHandle
    private let options: HTTPClientOptions
    private let clock: any Clock
    private let inbox: Inbox
    private var active: [UInt64: ActiveTransfer] = [:]
    /// No transfer times out before this instant; it may be too early, never too late.
    private var earliestTimeout = Instant.distantFuture

    private init(multi: consuming MultiHandle, options: HTTPClientOptions, clock: any Clock, inbox: Inbox) {
        self.multi = multi
        self.options = options
        self.clock = clock
        self.inbox = inbox
    }

    /// Serves `inbox` until it is closed. When this returns, all transfers have ended and all connections are closed.
    static func run(options: HTTPClientOptions, clock: any Clock, inbox: Inbox) {
        guard let multi = MultiHandle(maximumConnectionsPerHost: options.maximumConnectionsPerHost) else {
            fatalError("libcurl cannot create a multi handle: memory is short")
        }
        inbox.attach(multi.waker)
        let loop = TransferLoop(multi: multi, options: options, clock: clock, inbox: inbox)
        while loop.runOnce() {}
        inbox.attach(nil)
    }

    /// Runs one iteration; false once the inbox is closed.
    private func runOnce() -> Bool {
        pulse.beginTurn()
        let (commands, isClosed) = inbox.drain()
        for command in commands { perform(command) }
        guard !isClosed else {
            endAll(.closed)
            return false
        }
        expireTransfers()
        if !multi.perform() { endAll(.connectionFailed("libcurl cannot continue its transfers: memory is short")) }
        while let (transfer, code) = multi.nextFinished() { finish(transfer, code) }
        let wait = wait
        pulse.endTurn()
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
            guard multi.add(transfer.easy) else { throw .invalidRequest("libcurl refused it: memory is short") }
            active[requested.id] = transfer
            earliestTimeout = min(earliestTimeout, transfer.timeoutInstant)
        } catch {
            requested.completion(.failure(error))
        }
    }

    private func resume(_ transfer: ActiveTransfer) {
        transfer.resume()
        earliestTimeout = min(earliestTimeout, transfer.timeoutInstant)
    }

    /// Ends a transfer that is complete, or sends its request on where its response redirects it.
    private func finish(_ transfer: ActiveTransfer, _ code: CURLcode) {
        do throws(HTTPClientError) {
            guard let hop = try transfer.nextHop(allowsPlainHTTP: options.allowsPlainHTTP) else {
                return end(transfer, transfer.result(code))
            }
            multi.remove(transfer.easy)
            var requested = transfer.requested
            requested.hop = hop
            active[requested.id] = nil
            start(requested)
        } catch {
            end(transfer, .failure(error))
        }
    }

    private func end(_ transfer: ActiveTransfer, _ result: Result<ClientResponse, HTTPClientError>) {
        multi.remove(transfer.easy)
        active[transfer.requested.id] = nil
        transfer.requested.completion(result)
    }

    private func expireTransfers() {
        let now = clock.now()
        guard now >= earliestTimeout else { return }
        for transfer in transfersInOrder() where transfer.timeoutInstant <= now {
            end(transfer, transfer.timedOut)
        }
        earliestTimeout = active.values.map(\.timeoutInstant).min() ?? .distantFuture
    }

    private func endAll(_ error: HTTPClientError) {
        for transfer in transfersInOrder() { end(transfer, .failure(error)) }
    }

    /// The active transfers in the order in which they were started.
    private func transfersInOrder() -> [ActiveTransfer] {
        active.sorted { $0.key < $1.key }.map(\.value)
    }

    private var wait: Int32 {
        guard !active.isEmpty else { return Self.idleWait }
        let nanoseconds = max(0, (earliestTimeout - clock.now()).nanoseconds)
        return Int32(min(nanoseconds / 1_000_000 + 1, Self.longestWait))
    }
}
