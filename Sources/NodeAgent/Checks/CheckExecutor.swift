package import Platform

/// Starts runs of checks. Nothing here waits: a run ends by calling its completion, once, from any thread.
package protocol CheckExecutor: Sendable {
    /// Starts one run, which should be over by `deadline`; returns what stops it (its completion may then still be called).
    func start(
        _ check: CheckDefinition, deadline: Instant, completion: @escaping @Sendable (CheckOutcome) -> Void
    ) -> @Sendable () -> Void

    /// Only these are run from now on: lets go of what others needed.
    func keepOnly(_ checks: [CheckDefinition])

    /// Ends all runs and waits for that.
    func shutdown() async
}

/// Runs checks for real: HTTP by libcurl, TCP on threads.
package final class NetworkExecutor: CheckExecutor {
    private let clients: CheckClients
    private let connector: TCPConnector

    /// An executor without connections.
    package init(clock: any Clock) {
        clients = CheckClients(clock: clock)
        connector = TCPConnector(clock: clock)
    }

    /// Starts one run.
    package func start(
        _ check: CheckDefinition, deadline: Instant, completion: @escaping @Sendable (CheckOutcome) -> Void
    ) -> @Sendable () -> Void {
        switch check.work {
        case .http(let http):
            clients.start(http.request, trust: http.trust, deadline: deadline) { completion(http.verdict($0)) }
        case .prometheus(let page):
            clients.start(page.request, trust: page.trust, deadline: deadline) { completion(page.verdict($0)) }
        case .tcp(let tcp): connector.start(tcp, deadline: deadline, completion: completion)
        }
    }

    /// Closes the HTTP clients that no check needs any more.
    package func keepOnly(_ checks: [CheckDefinition]) {
        clients.keepOnly(Set(checks.compactMap(\.trust)))
    }

    /// Closes all HTTP clients. A name look-up that hangs ends by itself.
    package func shutdown() async {
        await clients.shutdown()
    }
}

extension CheckDefinition {
    /// Whom its HTTP client believes; nil if it has none.
    fileprivate var trust: CheckTrust? {
        switch work {
        case .http(let check): check.trust
        case .prometheus(let check): check.trust
        case .tcp: nil
        }
    }
}
