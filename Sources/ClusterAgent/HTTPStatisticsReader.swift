import CheckModel
import ClusterChecks
import HTTPClient
import JSON
import Platform
import Replica
import Synchronization

/// Asks runners and node-agents what their checks cost, over HTTPS.
///
/// They present certificates that they made themselves, so by default none is verified, as upstream has it; the shared
/// token is then sent only to addresses of known node-agents' pods, unless an option says otherwise. With a CA file
/// every certificate must be under it, and every address is asked.
final class HTTPStatisticsReader: StatisticsReader {
    /// How many are asked at a time.
    static let width = 8
    /// How long one call may take.
    static let timeout: Duration = .seconds(2)

    private let port: Int
    private let asksUnknown: Bool
    private let client: HTTPClient
    private let clock: any Clock

    /// - Throws: `StartError` if the CA file cannot be used.
    init(_ options: Options, token: SharedToken, clock: any Clock) throws(StartError) {
        self.clock = clock
        port = options[AgentOptions.runnersPort]
        let path = options[AgentOptions.runnerCAFile]
        asksUnknown = !path.isEmpty || options[AgentOptions.trustsUnknownRunners]
        do {
            let trust =
                path.isEmpty ? TLSTrust(verifies: false) : TLSTrust(caPEM: try readFile(path, atMost: 1 << 20))
            client = try HTTPClient(
                options: HTTPClientOptions(
                    trust: trust, bearerToken: { token.text }, userAgent: "cluster-agent/\(Command.version)",
                    // Minutes pass until the next time: nobody keeps a connection for that.
                    connectTimeout: Self.timeout, reusesConnections: false), clock: clock)
        } catch {
            throw StartError("--\(AgentOptions.runnerCAFile.key): \(error)")
        }
    }

    /// Asks all of them, at most until `end`, and gives what came of each to `completion`, once, on any thread; in no
    /// particular order.
    ///
    /// - Returns: what stops it early: who was not asked by then will not be.
    func read(
        _ targets: [StatisticsTarget], until end: Instant,
        completion: @escaping @Sendable ([StatisticsReading]) -> Void
    ) -> @Sendable () -> Void {
        let asked = asksUnknown ? targets : targets.filter(\.isKnown)
        let unknown = asksUnknown ? [] : targets.filter { !$0.isKnown }
        let problem = StatisticsProblem(
            "its address is none of a known node-agent's pod (\(AgentOptions.agentSelector.key)), and without "
                + "\(AgentOptions.runnerCAFile.key) or \(AgentOptions.trustsUnknownRunners.key) the token is not sent there"
        )
        let round = Round(
            waiting: asked, readings: unknown.map { StatisticsReading(id: $0.id, .failure(problem)) },
            completion: completion)
        round.advance(by: Self.width) { [self] target, done in
            let now = clock.now()
            guard now < end else { return done(.failure(StatisticsProblem("there was no time left to ask it"))) }
            ask(target, end: end, done)
        }
        return { round.stop() }
    }

    /// Closes the connections; who is being asked gives no statistics.
    func close() async {
        await client.shutdown()
    }

    private typealias Done = @Sendable (Result<NodeStatistics, StatisticsProblem>) -> Void

    private func ask(_ target: StatisticsTarget, end: Instant, _ done: @escaping Done) {
        // Its statistics first: of a runner that does not give them nothing else is needed.
        get(target, "stats", end) { [self] body in
            let checks: [ExactText: RunnerStats]
            switch body {
            case .failure(let problem): return done(.failure(problem))
            case .success(let body):
                do throws(CheckModelError) {
                    checks = try RunnerStats.byCheckID(parsing: body, of: target.id)
                } catch {
                    return done(.failure(StatisticsProblem("\(error)")))
                }
            }
            get(target, "workers", end) { body in
                let workers = (try? body.get()).flatMap { try? RunnerWorkers.count(parsing: $0, of: target.id) }
                done(.success(NodeStatistics(workers: workers ?? RunnerWorkers.assumed, checks: checks)))
            }
        }
    }

    private func get(
        _ target: StatisticsTarget, _ what: String, _ end: Instant,
        _ done: @escaping @Sendable (Result<[UInt8], StatisticsProblem>) -> Void
    ) {
        let host = target.address.contains(":") ? "[\(target.address)]" : target.address
        let url = "https://\(host):\(port)/api/v1/clcrunner/\(what)"
        let request = ClientRequest(url: url, maximumResponseBytes: RunnerStats.limits.bytes)
        client.start(request, deadline: min(end, clock.now() + Self.timeout)) { result in
            switch result {
            case .failure(let error): done(.failure(StatisticsProblem("\(url): \(error)")))
            case .success(let response) where response.status == 200: done(.success(response.body))
            case .success(let response): done(.failure(StatisticsProblem("\(url): status \(response.status)")))
            }
        }
    }
}

/// Some runners, asked a few at a time.
private final class Round: Sendable {
    typealias Asking =
        @Sendable (
            StatisticsTarget, @escaping @Sendable (Result<NodeStatistics, StatisticsProblem>) -> Void
        ) -> Void

    private struct State {
        var waiting: [StatisticsTarget]
        var open = 0
        var readings: [StatisticsReading]
        var isOver = false
    }

    private let state: Mutex<State>
    private let completion: @Sendable ([StatisticsReading]) -> Void

    init(
        waiting: [StatisticsTarget], readings: [StatisticsReading],
        completion: @escaping @Sendable ([StatisticsReading]) -> Void
    ) {
        state = Mutex(State(waiting: waiting.reversed(), readings: readings))
        self.completion = completion
    }

    /// Begins to ask up to `count` of them; each that is done is followed by the next one.
    func advance(by count: Int, _ ask: @escaping Asking) {
        let next = state.withLock { state in
            let next = Array(state.waiting.suffix(count).reversed())
            state.waiting.removeLast(next.count)
            state.open += next.count
            return next
        }
        for target in next {
            ask(target) { [self] result in
                state.withLock { state in
                    state.open -= 1
                    state.readings.append(StatisticsReading(id: target.id, result))
                }
                advance(by: 1, ask)
            }
        }
        let readings: [StatisticsReading]? = state.withLock { state in
            guard state.open == 0, state.waiting.isEmpty, !state.isOver else { return nil }
            state.isOver = true
            return state.readings
        }
        if let readings { completion(readings) }
    }

    func stop() {
        state.withLock { $0.waiting = [] }
    }
}
