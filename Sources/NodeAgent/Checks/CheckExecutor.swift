import CheckOptions
import Platform

/// Runs checks without blocking: each run ends by calling its completion, once, on any thread.
protocol CheckExecutor: Sendable {
    /// Starts one run, which should end by `deadline`, and returns a closure that stops it. The completion of a stopped
    /// run may still be called.
    func start(
        _ check: CheckDefinition, deadline: Instant, completion: @escaping @Sendable (CheckOutcome) -> Void
    ) -> @Sendable () -> Void

    /// Releases what only other checks than these needed.
    func keepOnly(_ checks: [CheckDefinition])

    /// Stops all runs and waits until they have ended.
    func shutdown() async
}

/// Runs checks over the network: HTTP with libcurl, TCP on threads.
final class NetworkExecutor: CheckExecutor {
    private let clients: CheckClients
    private let connector: TCPConnector

    init(clock: any Clock) {
        clients = CheckClients(clock: clock)
        connector = TCPConnector(clock: clock)
    }

    func start(
        _ check: CheckDefinition, deadline: Instant, completion: @escaping @Sendable (CheckOutcome) -> Void
    ) -> @Sendable () -> Void {
        switch check.work {
        case .http(let http):
            clients.start(http.clientRequest, trust: http.request.trust, deadline: deadline) {
                completion(http.verdict($0))
            }
        case .prometheus(let page):
            clients.start(page.clientRequest, trust: page.request.trust, deadline: deadline) {
                completion(page.verdict($0))
            }
        case .tcp(let tcp): connector.start(tcp, deadline: deadline, completion: completion)
        }
    }

    func keepOnly(_ checks: [CheckDefinition]) {
        clients.keepOnly(Set(checks.compactMap(\.trust)))
    }

    /// Closes all HTTP clients. A name lookup that hangs is not waited for.
    func shutdown() async {
        await clients.shutdown()
    }
}

extension CheckDefinition {
    /// The trust setting of its HTTP client; nil if it needs none.
    fileprivate var trust: CheckTrust? {
        switch work {
        case .http(let check): check.request.trust
        case .prometheus(let check): check.request.trust
        case .tcp: nil
        }
    }
}
