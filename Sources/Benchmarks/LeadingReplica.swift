import AutoConf
import CheckModel
import ClusterChecks
import HTTPServer
import Platform
import Replica

/// One replica that leads for ever and serves plain HTTP on loopback, by one event loop.
struct LeadingReplica {
    static let token = "a-token-of-at-least-32-characters"

    /// A clock that stands still: nothing happens but what is asked for.
    private struct StandingClock: Clock {
        func now() -> Instant { Instant(nanoseconds: 1_000_000_000) }

        func wallTime() -> WallTime { WallTime(nanoseconds: 0) }

        func sleep(until deadline: Instant) async throws {
            try Task.checkCancellation()
            guard deadline > now() else { return }
            _ = try await Watched<Void>(()).next(after: 1)
        }
    }

    /// Nobody else: no other replica, no other thread.
    private struct Nobody: ReplicaTransport, BackgroundExecutor {
        func send(_ forward: Forward, completion: @escaping @Sendable (ForwardResult) -> Void) {
            completion(.failed("there is no other replica"))
        }

        func run(_ work: @escaping @Sendable () -> Void) -> Bool { false }
    }

    /// The port that it listens on.
    let port: UInt16

    /// A replica with these configs. Nothing of it runs.
    static func replica(
        _ configs: [CheckConfig], clock: any Clock, _ change: (inout HandlerOptions) -> Void = { _ in }
    ) throws -> Replica {
        var dispatching = HandlerOptions(patch: SampleConfigs.patch)
        dispatching.warmup = .zero
        change(&dispatching)
        let replica = try Replica(
            ReplicaOptions(
                autoConf: AutoConfOptions(), handler: dispatching,
                api: APIOptions(version: AgentVersion(major: 7, minor: 70, patch: 0))),
            in: ReplicaSurroundings(
                kubernetes: nil, peers: Nobody(), statistics: NoStatistics(), background: Nobody(),
                files: SystemConfigFiles(), environment: [:], agentTokens: BearerTokens(token, grace: .zero),
                operatorTokens: nil, token: { token }, endpoint: { nil }, clock: clock, entropy: SystemEntropy(),
                log: Log(sink: NoLog())))
        replica.desired.apply(upserts: configs)
        return replica
    }

    /// Runs a replica that dispatches `configs` while `body` runs.
    static func run(_ configs: [CheckConfig], _ body: (LeadingReplica) throws -> Void) async throws {
        let clock = StandingClock()
        let replica = try replica(configs, clock: clock)
        let server = try HTTPServer(
            options: HTTPServerOptions(name: "benchmark", host: "127.0.0.1", port: 0),
            handler: replica.requestHandler, clock: SystemClock(), log: Log(sink: NoLog()))
        try await withThrowingTaskGroup(of: Void.self) { group in
            let handler = replica.handler
            group.addTask { await handler.run() }
            let changes = handler.changes
            var seen = changes.current
            while handler.dispatchingTerm(at: clock.now()) == nil {
                seen = try await changes.next(after: seen.version)
            }
            try server.start()
            let outcome = Result { try body(LeadingReplica(port: server.port)) }
            await server.stop(within: .zero)
            group.cancelAll()
            try outcome.get()
        }
    }
}
