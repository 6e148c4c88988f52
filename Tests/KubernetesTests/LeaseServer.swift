import Kubernetes
import Platform
import Synchronization
import TestKit

/// A Lease server in virtual time, with faults for each client.
final class LeaseServer: Sendable {
    struct Conditions: Sendable {
        /// How long a request and how long its answer travels.
        var latency = Duration.milliseconds(1)
        /// Nothing comes through; whoever asks waits for its deadline.
        var isCut = false
        /// The share of requests that get lost, and of answers that do.
        var lostShare = 0.0
        /// The longest extra delay that a request or an answer may have.
        var delay = Duration.zero
        /// Whether watches work.
        var isWatched = true
    }

    private struct Watcher {
        let client: String
        let tell: @Sendable (LeaseEvent) -> Void
    }

    private struct State {
        var shelf = LeaseShelf()
        var conditions: [String: Conditions] = [:]
        var watchers: [Int: Watcher] = [:]
        var nextWatcher = 0
        var calls: [(client: String, call: String)] = []
    }

    let clock: VirtualClock
    private let entropy: SeededEntropy
    private let state = Mutex(State())
    /// Called with each Lease that was stored, and by whom, at the moment of the commit.
    let onCommit: @Sendable (Lease, String) -> Void

    /// A server with a Lease that nobody holds.
    init(
        clock: VirtualClock, seed: UInt64 = 1, onCommit: @escaping @Sendable (Lease, String) -> Void = { _, _ in }
    ) {
        self.clock = clock
        self.onCommit = onCommit
        entropy = SeededEntropy(seed: seed)
        state.withLock { $0.shelf.put(LeaseSpec()) }
    }

    func client(_ name: String) -> LeaseServerClient {
        LeaseServerClient(server: self, identity: name)
    }

    func set(_ client: String, _ conditions: Conditions) {
        state.withLock { $0.conditions[client] = conditions }
    }

    func conditions(of client: String) -> Conditions {
        state.withLock { $0.conditions[client] ?? Conditions() }
    }

    var lease: Lease? {
        state.withLock { $0.shelf.lease }
    }

    func calls(of client: String) -> [String] {
        state.withLock { $0.calls.filter { $0.client == client }.map(\.call) }
    }

    /// Changes the Lease as somebody else would.
    func edit(_ change: (inout LeaseShelf) -> Void) {
        state.withLock { change(&$0.shelf) }
        tellWatchers()
    }

    fileprivate func answer(_ request: Election.Request, to client: String) -> LeaseResult {
        let name =
            switch request {
            case .get: "get"
            case .create: "create"
            case .update: "update"
            }
        let result = state.withLock { state in
            state.calls.append((client, name))
            return state.shelf.answer(request)
        }
        if case .lease(let lease) = result, request != .get {
            onCommit(lease, client)
            tellWatchers()
        }
        return result
    }

    fileprivate func addWatcher(_ client: String, _ tell: @escaping @Sendable (LeaseEvent) -> Void) -> Int {
        let (id, lease) = state.withLock { state in
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = Watcher(client: client, tell: tell)
            return (state.nextWatcher, state.shelf.lease)
        }
        if let lease { tell(.changed(lease)) }
        return id
    }

    fileprivate func removeWatcher(_ id: Int) {
        state.withLock { _ = $0.watchers.removeValue(forKey: id) }
    }

    private func tellWatchers() {
        let (lease, watchers) = state.withLock { state in
            let heard = state.watchers.filter { !(state.conditions[$0.value.client]?.isCut ?? false) }
            return (state.shelf.lease, heard.sorted { $0.key < $1.key }.map(\.value))
        }
        for watcher in watchers { watcher.tell(lease.map { .changed($0) } ?? .deleted) }
    }

    /// How long one way takes, or nil if what is sent gets lost.
    fileprivate func way(_ client: String) -> Duration? {
        let conditions = conditions(of: client)
        let isLost = entropy.fraction() < conditions.lostShare
        let extra = conditions.delay * entropy.fraction()
        return conditions.isCut || isLost ? nil : conditions.latency + extra
    }
}

/// One process's way to the server.
struct LeaseServerClient: LeaseClient {
    let server: LeaseServer
    let identity: String
    let namespace = "foo"
    let name = "bar"

    func get(deadline: Instant) async -> LeaseResult {
        await ask(.get, deadline)
    }

    func create(_ lease: Lease, deadline: Instant) async -> LeaseResult {
        await ask(.create(lease), deadline)
    }

    func update(_ lease: Lease, deadline: Instant) async -> LeaseResult {
        await ask(.update(lease), deadline)
    }

    /// The server does what was asked when the request arrives, also when the caller has given up by then.
    private func ask(_ request: Election.Request, _ deadline: Instant) async -> LeaseResult {
        let clock = server.clock
        guard let there = server.way(identity) else { return await timeOut(deadline) }
        let arrival = clock.now() + there
        let answer = Watched<LeaseResult?>(nil)
        clock.schedule(at: arrival) { answer.set(server.answer(request, to: identity)) }
        guard let back = server.way(identity), arrival + back <= deadline else { return await timeOut(deadline) }
        try? await clock.sleep(until: arrival + back)
        return answer.value ?? .failed(.transport("cancelled"))
    }

    private func timeOut(_ deadline: Instant) async -> LeaseResult {
        try? await server.clock.sleep(until: deadline)
        return .failed(.transport("timed out"))
    }

    func watch(deadline: Instant, onEvent: @escaping @Sendable (LeaseEvent) -> Void) async -> KubernetesError? {
        guard server.conditions(of: identity).isWatched else { return .status(Status(code: 403)) }
        let id = server.addWatcher(identity, onEvent)
        try? await server.clock.sleep(until: deadline)
        server.removeWatcher(id)
        return nil
    }
}
