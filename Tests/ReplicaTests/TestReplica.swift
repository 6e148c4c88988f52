import CheckModel
import ClusterChecks
import HTTPServer
import JSON
import Leadership
import Platform
import TestKit
import Testing

@testable import Replica

extension API {
    /// Decides what becomes of a request, whatever its path.
    func handle(_ request: HTTPRequest, now: Instant) -> Action {
        do throws(APIError) {
            return handle(request, try Route(path: request.path), now: now)
        } catch {
            return .respond(error.response)
        }
    }
}

/// What a replica is, as far as its answers differ.
enum ReplicaRole: CaseIterable, Sendable {
    case unknown
    case noLeader
    case follower
    case warmingUp
    case notSynced
    case dispatching
}

/// A replica in a role: the API, and the Handler behind it, run for as long as a test's body takes.
struct TestReplica {
    static let token = "a-token-of-at-least-32-characters"
    static let operatorToken = "an-operators-token-of-32-characters"
    static let replicaToken = "a-token-of-replicas-of-32-characters"
    static let leader = LeaderEndpoint(address: "10.0.0.7:5005", publicKeyPin: "sha256//abc=")
    static let peer = PeerAddress(host: "192.0.2.9", port: 40_000)

    let clock = ManualClock()
    /// Runs the replica's tasks, and those of a follower of it.
    let executor: ManualExecutor
    let leadership: Watched<LeadershipState>
    let desired: DesiredConfigs
    let handler: Handler
    let tokens = BearerTokens(Self.token, grace: .seconds(300))
    let api: API
    let results = CheckResults()
    let reviewer = ScriptedReviewer()
    let term = Term(token: "42.lease-uid", validUntil: Deadline(.distantFuture))

    private init(on executor: ManualExecutor, hasOperators: Bool, _ options: (inout APIOptions) -> Void) {
        self.executor = executor
        leadership = Watched(.unknown)
        let dispatching = HandlerOptions(patch: ConfigPatch())
        desired = DesiredConfigs(for: dispatching)
        handler = Handler(
            source: desired, leadership: leadership, options: dispatching, clock: clock, log: Log(sink: NoLog()))
        var given = APIOptions(version: AgentVersion(major: 7, minor: 60, patch: 1, commit: "abc"))
        options(&given)
        api = API(
            handler: handler,
            admission: Admission(
                agents: tokens, operators: hasOperators ? BearerTokens(Self.operatorToken) : nil,
                replicas: ReplicaTokens(
                    accepted: BearerTokens(Self.replicaToken), presented: { Self.replicaToken }), reviewsTokens: true),
            results: results, options: given, clock: clock)
    }

    /// A dispatching leader runs the configs `c0` and `c1` on the node `node1`; `node2` reported too when `nodes` says
    /// so.
    static func run(
        as role: ReplicaRole, nodes: [String] = ["node1"], hasOperators: Bool = true,
        on executor: ManualExecutor = ManualExecutor(), options: (inout APIOptions) -> Void = { _ in },
        _ body: (TestReplica) async throws -> Void
    ) async throws {
        let replica = TestReplica(on: executor, hasOperators: hasOperators, options)
        try await executor.run({ await replica.handler.run() }) {
            replica.become(role, nodes)
            try await body(replica)
        }
    }

    /// Runs the tasks until none is ready.
    func settle() { executor.drain() }

    private func become(_ role: ReplicaRole, _ nodes: [String]) {
        switch role {
        case .unknown: return
        case .noLeader: return leadership.set(.following(nil))
        case .follower: return leadership.set(.following(Self.leader))
        case .warmingUp, .notSynced, .dispatching: break
        }
        let configs = (0..<2).map { index in
            CheckConfig(
                key: ConfigKey(source: "test", check: "http_check", index: index), checkName: "http_check",
                instances: [.object(["url": .string("http://c\(index)")])])
        }
        desired.apply(upserts: configs, synced: role != .notSynced)
        leadership.set(.leading(term))
        settle()
        #expect(handler.leadership(at: clock.now()).term(at: clock.now()) != nil)
        for node in nodes { _ = answer(status(of: node)) }
        guard role != .warmingUp else { return }
        // In steps, since the time of a pause would not count.
        for _ in 0..<60 {
            clock.advance(by: .milliseconds(500))
            settle()
        }
        guard role == .dispatching else { return }
        #expect(handler.dispatchingTerm(at: clock.now()) != nil)
    }

    /// A request with the token that its path needs, unless `headers` has an `Authorization`.
    func request(
        _ method: HTTPMethod = .get, _ path: String, query: String? = nil, body: String = "",
        headers: [(name: String, value: String)] = []
    ) -> HTTPRequest {
        var headers = headers
        if !headers.contains(where: { $0.name == "Authorization" }) {
            let isOperators =
                Self.operatorPaths.contains(path)
                || ["/rebalance", "/isolate/", "/explain/"].contains { path.contains($0) }
            let token = isOperators ? Self.operatorToken : Self.token
            headers.insert(("Authorization", "Bearer \(token)"), at: 0)
        }
        return HTTPRequest(
            method: method, path: path, query: query, headers: HTTPHeaders(headers), body: Array(body.utf8),
            peer: Self.peer)
    }

    static let operatorPaths = ["/api/v1/", "/v1/api/"].flatMap { root in
        [
            "clusterchecks", "clusterchecks/overview", "endpointschecks/configs", "clusterchecks/history",
            "clusterchecks/intent",
            "clusterchecks/explain/check/x",
        ].map { root + $0 }
    }

    func status(of node: String, _ lastChange: Int64 = 0) -> HTTPRequest {
        request(
            .post, "/api/v1/clusterchecks/status/\(node)", body: "{\"last_change\":\(lastChange),\"node_type\":2}")
    }

    /// The answer; nil if the request is to be forwarded.
    func answer(_ request: HTTPRequest) -> HTTPResponse? {
        let now = clock.now()
        return switch api.handle(request, now: now) {
        case .respond(let response): response
        case .tell(let response, _, let term): api.told(response, in: term, to: request, arrival: now)
        case .respondInBackground(let make): make()
        default: nil
        }
    }

    /// The ids and addresses of the nodes that a leader knows.
    func nodes() throws -> (ids: [String], addresses: [String?]) {
        let nodes = try handler.snapshot(now: clock.now()).nodes
        return (nodes.map(\.id), nodes.map(\.address))
    }

    func forward(_ request: HTTPRequest) -> Forward? {
        if case .forward(let forward) = api.handle(request, now: clock.now()) { return forward }
        return nil
    }
}

extension HTTPResponse {
    var text: String { String(decoding: body.joined(), as: UTF8.self) }

    func header(_ name: String) -> String? { HTTPHeaders(headers)[name] }
}
