import CheckModel
import ClusterChecks
import HTTPServer
import NodeAgentAPI
import Platform
import Synchronization
import TestSupport

/// Calls that wait at a replica, and what became of each.
final class Polls: Sendable {
    struct State {
        var answers: [String: HTTPResponse] = [:]
        var sent: [(forward: Forward, completion: @Sendable (ForwardResult) -> Void)] = []
    }

    let push: ChangePush
    private let replica: Replica
    private let state: SharedState

    /// What the closures below share with it.
    private final class SharedState: Sendable {
        let value = Mutex(State())
    }

    init(_ replica: Replica) {
        self.replica = replica
        let state = SharedState()
        self.state = state
        push = ChangePush(
            api: replica.api, clock: replica.clock, token: { Replica.token },
            send: { forward, completion in
                state.value.withLock { $0.sent.append((forward, completion)) }
            })
    }

    /// A replica in a role, and its push, run for as long as the body takes.
    static func run(
        as role: ReplicaRole, nodes: [String] = ["node1"], options: (inout APIOptions) -> Void = { _ in },
        _ body: (Replica, Polls) async throws -> Void
    ) async throws {
        try await Replica.run(as: role, nodes: nodes, options: options) { replica in
            let polls = Polls(replica)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await polls.push.run() }
                try await body(replica, polls)
                group.cancelAll()
            }
        }
    }

    /// Asks for a node's configs; the answer goes by `name`.
    func ask(_ name: String, _ node: String, query: String?, headers: [(name: String, value: String)] = []) {
        let request = replica.request(.get, "/api/v1/clusterchecks/configs/\(node)", query: query, headers: headers)
        ask(name, request)
    }

    func ask(_ name: String, _ request: HTTPRequest) {
        push.handle(request, Responder { [state] response in state.value.withLock { $0.answers[name] = response } })
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

    /// The calls that were sent on, each once.
    func takeSent() -> [(forward: Forward, completion: @Sendable (ForwardResult) -> Void)] {
        state.value.withLock { state in
            defer { state.sent = [] }
            return state.sent
        }
    }

    func revision(of node: String) throws -> Int64 {
        try replica.handler.configs(of: node, now: replica.clock.now()).value.revision
    }

    /// Lets time pass in small steps, so that whoever sleeps wakes in between.
    func pass(_ duration: Duration) async throws {
        for _ in 0..<(duration.nanoseconds / 50_000_000) {
            replica.clock.advance(by: .milliseconds(50))
            for _ in 0..<5 { await Task.yield() }
        }
    }

    /// The numbers of `cluster_checks_waits_ended_total` by reason.
    var ended: [String: Int] {
        var writer = MetricsWriter()
        push.collect(into: &writer)
        var counts: [String: Int] = [:]
        for line in writer.text.split(separator: "\n") where line.hasPrefix("cluster_checks_waits_ended_total{") {
            let parts = line.split(separator: "\"")
            counts[String(parts[1])] = Int(parts[2].dropFirst(2))
        }
        return counts
    }
}

extension Replica {
    /// Edits the config with this index, or removes it.
    func edit(_ index: Int, to url: String?) {
        let key = ConfigKey(source: "test", check: "http_check", index: index)
        guard let url else { return desired.apply(removals: [key]) }
        desired.apply(upserts: [
            CheckConfig(key: key, checkName: "http_check", instances: [.object(["url": .string(url)])])
        ])
    }
}
