import CheckModel
import ClusterChecks
import HTTPServer
import JSON
import Platform
import Synchronization
import TestKit

@testable import Replica

/// Calls that wait at a replica, and what became of each.
final class Polls: Sendable {
    struct State {
        var answers: [String: HTTPResponse] = [:]
        /// Every call that was sent on.
        var sent: [Forward] = []
        /// What becomes of calls that are sent on: the leader, or why there is none.
        var leader: Polls?
        var failure = "no leader"
    }

    let handler: RequestHandler
    let polls: LongPolls
    let overviews: Overviews
    let identities: AgentIdentities
    let log = RecordingLog()
    let replica: TestReplica
    private let state: SharedState

    /// What the transport shares with it.
    private final class SharedState: Sendable {
        let value = Mutex(State())
    }

    /// Carries calls to the leader at once, if there is one.
    private struct DirectTransport: ReplicaTransport {
        let state: SharedState

        func send(_ forward: Forward, completion: @escaping @Sendable (ForwardResult) -> Void) {
            let (leader, failure) = state.value.withLock { state in
                state.sent.append(forward)
                return (state.leader, state.failure)
            }
            guard let leader else { return completion(.failed(failure)) }
            leader.handler.handle(
                HTTPRequest(forward),
                Responder { response in
                    let answer = response.gate?.replacement() ?? response
                    completion(
                        .answered(status: answer.status, headers: answer.headers, body: Array(answer.body.joined())))
                })
        }
    }

    init(_ replica: TestReplica) {
        self.replica = replica
        state = SharedState()
        let peers = DirectTransport(state: state)
        let mirrors = MirrorServer(clock: replica.clock, longestWait: .seconds(5))
        polls = LongPolls(
            api: replica.api, clock: replica.clock, token: { TestReplica.token }, peers: peers, mirrors: mirrors)
        let rebalancer = Rebalancer(
            handler: replica.handler, reader: NoStatistics(), period: .seconds(600), clock: replica.clock,
            log: Log(sink: NoLog()))
        overviews = Overviews(
            peers: peers, token: { TestReplica.replicaToken }, background: AtOnce(), clock: replica.clock)
        overviews.set(
            OverviewSource(
                handler: replica.handler, results: replica.results, wanted: { 0 }, problems: { [] }, replicas: { [] },
                apiSilence: { .seconds(18) }, certificateExpiry: { nil }, name: "one", clock: replica.clock))
        identities = AgentIdentities(reviewer: replica.reviewer, clock: replica.clock, log: Log(sink: NoLog()))
        handler = RequestHandler(
            api: replica.api, polls: polls, mirrors: mirrors, overviews: overviews, peers: peers,
            rebalancer: rebalancer,
            intents: IntentKeeper(store: nil, clock: replica.clock, log: Log(sink: NoLog())),
            audit: Audit(handler: replica.handler, clock: replica.clock, log: Log(sink: log)),
            identities: identities, background: ThreadPerCall(), clock: replica.clock)
    }

    /// A leader, and a follower of it whose calls reach it at once.
    static func run(
        nodes: [String] = ["node1"], _ body: (_ leader: Polls, _ follower: Polls) async throws -> Void
    ) async throws {
        try await run(as: .dispatching, nodes: nodes) { replica, leader in
            try await run(as: .follower, on: replica.executor) { _, follower in
                follower.set(leader: leader)
                try await body(leader, follower)
                follower.set(leader: nil)
            }
        }
    }

    /// Whom calls reach that are sent on; nil for nobody.
    func set(leader: Polls?) {
        state.value.withLock { $0.leader = leader }
    }

    /// A replica in a role, and its long polls, run for as long as the body takes.
    static func run(
        as role: ReplicaRole, nodes: [String] = ["node1"], on executor: ManualExecutor = ManualExecutor(),
        options: (inout APIOptions) -> Void = { _ in }, _ body: (TestReplica, Polls) async throws -> Void
    ) async throws {
        try await TestReplica.run(as: role, nodes: nodes, on: executor, options: options) { replica in
            let polls = Polls(replica)
            try await replica.executor.run({ await polls.polls.run() }) { try await body(replica, polls) }
        }
    }

    /// Asks for a node's configs; the answer goes by `name`.
    func ask(_ name: String, _ node: String, query: String?, headers: [(name: String, value: String)] = []) {
        let request = replica.request(.get, "/api/v1/clusterchecks/configs/\(node)", query: query, headers: headers)
        ask(name, request)
    }

    func ask(_ name: String, _ request: HTTPRequest) {
        handler.handle(request, Responder { [state] response in state.value.withLock { $0.answers[name] = response } })
    }

    /// Waits at `node` for another revision than the one that it has.
    func wait(_ name: String, _ node: String = "node1", seconds: String = "10") throws {
        ask(name, node, query: "last_change=\(try revision(of: node))&wait=\(seconds)")
    }

    subscript(name: String) -> HTTPResponse? {
        state.value.withLock { $0.answers[name] }
    }

    /// The answers so far.
    var answers: [String: HTTPResponse] {
        state.value.withLock { $0.answers }
    }

    /// The targets of the calls that were sent on, in order.
    var sent: [String] {
        state.value.withLock { $0.sent.map(\.target) }
    }

    /// The calls that were sent on, in order.
    var forwards: [Forward] {
        state.value.withLock { $0.sent }
    }

    func revision(of node: String) throws -> Int64 {
        try replica.handler.configs(of: node, now: replica.clock.now()).value.revision
    }

    /// Runs the tasks until none is ready.
    func settle() { replica.settle() }

    /// Moves the time on in small steps and runs what becomes ready after each.
    func pass(_ duration: Duration) {
        for _ in 0..<(duration.nanoseconds / 50_000_000) {
            replica.clock.advance(by: .milliseconds(50))
            settle()
        }
    }

    /// The numbers of `cluster_checks_waits_ended_total` by reason.
    var ended: [String: Int] {
        var writer = MetricsWriter()
        polls.collect(into: &writer)
        var counts: [String: Int] = [:]
        for line in writer.text.split(separator: "\n") where line.hasPrefix("cluster_checks_waits_ended_total{") {
            let parts = line.split(separator: "\"")
            counts[String(parts[1])] = Int(parts[2].dropFirst(2))
        }
        return counts
    }
}

extension HTTPRequest {
    /// The call that a leader gets.
    init(_ forward: Forward) {
        let parts = forward.target.split(separator: "?", maxSplits: 1).map(String.init)
        self.init(
            method: forward.method == "POST" ? .post : .get, path: parts[0], query: parts.count > 1 ? parts[1] : nil,
            headers: HTTPHeaders(forward.headers), body: forward.body ?? [], peer: TestReplica.peer)
    }
}

extension TestReplica {
    /// Edits the config with this index, or removes it.
    func edit(_ index: Int, to url: String?) {
        let key = ConfigKey(source: "test", check: "http_check", index: index)
        guard let url else { return desired.apply(removals: [key]) }
        desired.apply(upserts: [
            CheckConfig(key: key, checkName: "http_check", instances: [.object(["url": .string(url)])])
        ])
    }
}

/// A thread for each call, as a process has it.
private struct ThreadPerCall: BackgroundExecutor {
    func run(_ work: @escaping @Sendable () -> Void) -> Bool {
        guard let thread = try? NamedThread("background", work) else { return false }
        thread.detach()
        return true
    }
}

/// No thread of its own: the answer is there when the call returns.
private struct AtOnce: BackgroundExecutor {
    func run(_ work: @escaping @Sendable () -> Void) -> Bool {
        work()
        return true
    }
}
