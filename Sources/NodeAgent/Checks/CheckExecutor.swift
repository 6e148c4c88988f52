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

    /// Releases what only other checks than these needed.
    func keepOnly(_ checks: [CheckDefinition])

    /// Stops all runs and waits until they have ended.
    func shutdown() async
}

/// Runs checks over the network: HTTP with libcurl, TCP and TLS on threads.
final class NetworkExecutor: CheckExecutor {
    private let clock: any Clock
    private let clients: CheckClients
    private let threads: RunThreads

    init(clock: any Clock) {
        self.clock = clock
        clients = CheckClients(clock: clock)
        threads = RunThreads(clock: clock)
    }

    func start(
        _ check: CheckDefinition, deadline: Instant, completion: @escaping @Sendable (CheckOutcome) -> Void
    ) -> @Sendable () -> Void {
        switch check.work {
        case .http(let http):
            start(http, deadline: deadline, completion: completion)
        case .prometheus(let page):
            start(page.request, page.clientRequest, deadline) { completion(page.verdict($0)) }
        case .tcp(let tcp): threads.start("tcp_check", deadline: deadline, completion: completion, tcp.run)
        case .tls(let tls): threads.start("tls", deadline: deadline, completion: completion, tls.run)
        }
    }

    /// Starts an `http_check`. Where it does not insist on a trusted certificate, but one that is trusted is judged, it
    /// is tried with verification first: without it nobody says whether the certificate is trusted. What fails in TLS
    /// was not sent.
    private func start(
        _ check: HTTPCheck, deadline: Instant, completion: @escaping @Sendable (CheckOutcome) -> Void
    ) -> @Sendable () -> Void {
        guard let trial = check.verified else {
            return start(check.request, check.clientRequest, deadline) { [clock] in
                completion(check.verdict($0, at: clock.wallTime()))
            }
        }
        let run = TwoAttempts()
        let stop = start(trial.request, trial.clientRequest, deadline) { [self] result in
            guard case .failure(let failure) = result, failure.kind == .tls else {
                return completion(trial.verdict(result, at: clock.wallTime()))
            }
            let unjudged = check.withoutExpiry
            run.replaceStop(
                with: start(unjudged.request, unjudged.clientRequest, deadline) { [clock] in
                    completion(unjudged.verdict($0, at: clock.wallTime()))
                })
        }
        run.setFirstStop(stop)
        return { run.stop() }
    }

    private func start(
        _ request: CheckRequest, _ clientRequest: ClientRequest, _ deadline: Instant,
        completion: @escaping @Sendable (Result<ClientResponse, CheckFailure>) -> Void
    ) -> @Sendable () -> Void {
        clients.start(
            clientRequest, trust: request.trust, token: request.token, deadline: deadline, completion: completion)
    }

    func keepOnly(_ checks: [CheckDefinition]) {
        clients.keepOnly(Set(checks.flatMap(\.trusts)))
    }

    /// Closes all HTTP clients. A name lookup that hangs is not waited for.
    func shutdown() async {
        await clients.shutdown()
    }
}

/// A run that may need a second attempt, and can be stopped in either.
private final class TwoAttempts: Sendable {
    private struct State {
        var isStopped = false
        var isSecond = false
        var stop: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// How to stop the first attempt, which may have ended already.
    func setFirstStop(_ stop: @escaping @Sendable () -> Void) {
        state.withLock { if !$0.isSecond { $0.stop = stop } }
    }

    /// How to stop the second attempt: at once, if the run was stopped meanwhile.
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

extension HTTPCheck {
    /// The check with verification, if it is to be tried first.
    fileprivate var verified: HTTPCheck? {
        // A request of another method might be sent twice, if a redirect leads to where TLS fails.
        guard let expiry, expiry.needsTrust, !request.trust.verifies, ["GET", "HEAD"].contains(request.method) else {
            return nil
        }
        return verifying
    }
}

extension CheckDefinition {
    /// The trust settings of its HTTP clients.
    fileprivate var trusts: [CheckTrust] {
        switch work {
        case .http(let check): [check.request.trust] + (check.verified.map { [$0.request.trust] } ?? [])
        case .prometheus(let check): [check.request.trust]
        case .tcp, .tls: []
        }
    }
}
