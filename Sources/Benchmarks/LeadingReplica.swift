import CheckModel
import ClusterChecks
import HTTPServer
import NodeAgentAPI
import Platform

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

    /// Where it listens.
    let port: UInt16

    /// Runs a replica that dispatches `configs` while `body` runs.
    static func run(_ configs: [CheckConfig], _ body: (LeadingReplica) throws -> Void) async throws {
        let clock = StandingClock()
        let log = Log(sink: NoLog())
        var options = HandlerOptions(patch: SampleConfigs.patch)
        options.warmup = .zero
        let desired = DesiredConfigs(for: options)
        desired.apply(upserts: configs, synced: true)
        let handler = Handler(source: desired, leadership: LeadingAlone(), options: options, clock: clock, log: log)
        let api = APIMachine(
            handler: handler, tokens: BearerTokens(token, grace: .zero), operators: nil,
            options: APIOptions(version: AgentVersion(major: 7, minor: 70, patch: 0)), clock: clock)
        let push = ChangePush(api: api, clock: clock, token: { token }, send: { $1(.failed("\($0.target)")) })
        let server = try HTTPServer(
            options: HTTPServerOptions(name: "benchmark", host: "127.0.0.1", port: 0), handler: push,
            clock: SystemClock(), log: log)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await handler.run() }
            let changes = handler.changes
            var seen = changes.current
            while !isDispatching(handler, clock) { seen = try await changes.next(after: seen.version) }
            server.start()
            let outcome = Result { try body(LeadingReplica(port: server.port)) }
            await server.stop(within: .zero)
            group.cancelAll()
            try outcome.get()
        }
    }

    private static func isDispatching(_ handler: Handler, _ clock: StandingClock) -> Bool {
        if case .leader(_, isWarmingUp: false) = handler.role(at: clock.now()) { true } else { false }
    }
}
