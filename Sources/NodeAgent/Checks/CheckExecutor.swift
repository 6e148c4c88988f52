import CheckModel
import CheckOptions
import HTTPClient
import Platform
import Synchronization

/// Runs checks without blocking: each run ends by calling its completion, once, on any thread.
protocol CheckExecutor: Sendable {
    /// Starts one run, which should end by `deadline`, and returns a closure that stops it. The completion of a stopped
    /// run may still be called.
    func start(
        _ check: CheckDefinition, deadline: Instant, completion: @escaping @Sendable (CheckOutcome) -> Void
    ) -> @Sendable () -> Void

    /// Stops all runs and waits until they have ended.
    func shutdown() async
}

/// Runs checks over the network: HTTP with libcurl, TCP and TLS on threads.
final class NetworkExecutor: CheckExecutor {
    private let clients: CheckClients
    private let threads: RunThreads
    private let verdicts = VerdictThreads()

    init(clock: any Clock) {
        clients = CheckClients(clock: clock)
        threads = RunThreads(clock: clock)
    }

    func start(
        _ check: CheckDefinition, deadline: Instant, completion: @escaping @Sendable (CheckOutcome) -> Void
    ) -> @Sendable () -> Void {
        switch check.work {
        case .http(let http): start(http, deadline: deadline, completion: completion)
        case .prometheus(let page):
            start(page.request, page.clientRequest, deadline, page.verdict, completion: completion)
        case .tcp(let tcp): threads.start("tcp_check", deadline: deadline, completion: completion, tcp.run)
        case .tls(let tls): threads.start("tls", deadline: deadline, completion: completion, tls.run)
        }
    }

    /// Starts an `http_check`. As upstream, the certificate's expiry is judged on a second connection, once the request
    /// has succeeded.
    private func start(
        _ check: HTTPCheck, deadline: Instant, completion: @escaping @Sendable (CheckOutcome) -> Void
    ) -> @Sendable () -> Void {
        guard let expiry = check.expiry else {
            return start(check.request, check.clientRequest, deadline, check.verdict, completion: completion)
        }
        let run = TwoParts()
        let stop = start(check.request, check.clientRequest, deadline, check.verdict) { [threads] outcome in
            guard case .success = outcome else { return completion(outcome) }
            let judge: @Sendable (CheckOutcome) -> Void = { completion(check.verdict(ofExpiry: $0)) }
            run.replaceStop(with: threads.start("expiry", deadline: deadline, completion: judge, expiry.run))
        }
        run.setFirstStop(stop)
        return { run.stop() }
    }

    private func start(
        _ request: CheckRequest, _ clientRequest: ClientRequest, _ deadline: Instant,
        _ verdict: @escaping @Sendable (Result<ClientResponse, CheckFailure>) -> CheckOutcome,
        completion: @escaping @Sendable (CheckOutcome) -> Void
    ) -> @Sendable () -> Void {
        clients.start(request, clientRequest, deadline: deadline) { [verdicts] result in
            let bytes = (try? result.get())?.body.count ?? 0
            verdicts.run(bytes) { completion(verdict(result)) }
        }
    }

    /// Closes all HTTP clients. A name lookup that hangs is not waited for.
    func shutdown() async {
        await clients.shutdown()
    }
}

/// A run with two parts, one after the other, that can be stopped in either.
private final class TwoParts: Sendable {
    private struct State {
        var isStopped = false
        var isSecond = false
        var stop: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// How to stop the first part, which may have ended already.
    func setFirstStop(_ stop: @escaping @Sendable () -> Void) {
        state.withLock { if !$0.isSecond { $0.stop = stop } }
    }

    /// How to stop the second part: at once, if the run was stopped meanwhile.
    func replaceStop(with stop: @escaping @Sendable () -> Void) {
        let isStopped = state.withLock { state in
            (state.isSecond, state.stop) = (true, stop)
            return state.isStopped
        }
        if isStopped { stop() }
    }

    func stop() {
        let stop = state.withLock { state in
            state.isStopped = true
            return state.stop
        }
        stop?()
    }
}
