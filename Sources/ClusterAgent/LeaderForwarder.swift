import CheckModel
import HTTPClient
import Leadership
import Platform
import Replica
import Synchronization

/// Takes node-agents' calls to the leader, over TLS that trusts nothing but the key that the leader published in the
/// Lease.
///
/// A client belongs to one leader: when the leader changes the old one's connections are closed.
final class LeaderForwarder: ReplicaTransport {
    private struct State {
        var leader: LeaderEndpoint?
        var client: HTTPClient?
        var retired: [HTTPClient] = []
    }

    private let clock: any Clock
    private let log: Log
    private let state = Mutex(State())
    private let retirements = Watched<Void>(())

    init(clock: any Clock, log: Log) {
        self.clock = clock
        self.log = log.named("forwarder")
    }

    /// Sends one call; `completion` gets the leader's answer or why there is none, on the client's thread.
    func send(_ forward: Forward, completion: @escaping @Sendable (ForwardResult) -> Void) {
        let client: HTTPClient
        do throws(HTTPClientError) {
            client = try self.client(for: forward.leader)
        } catch {
            return completion(.failed("\(error)"))
        }
        let request = ClientRequest(
            forward.method, url: "https://\(forward.leader.address)\(forward.target)", headers: forward.headers,
            body: forward.body, maximumResponseBytes: ConfigsAnswer.maximumBytes)
        _ = client.start(request, deadline: forward.deadline) { result in
            switch result {
            case .success(let response):
                completion(.answered(status: response.status, headers: response.headers, body: response.body))
            case .failure(let error):
                completion(.failed("\(error)"))
            }
        }
    }

    /// Shuts down the clients of former leaders until cancelled, and then the last one.
    func run() async {
        var seen = retirements.current
        while let next = try? await retirements.next(after: seen.version) {
            seen = next
            let retired = state.withLock { state in
                defer { state.retired = [] }
                return state.retired
            }
            for client in retired { await client.shutdown() }
        }
    }

    /// Closes every connection. Calls that still come fail.
    func close() async {
        let clients = state.withLock { state in
            defer { state = State() }
            return state.retired + (state.client.map { [$0] } ?? [])
        }
        for client in clients { await client.shutdown() }
    }

    private func client(for leader: LeaderEndpoint) throws(HTTPClientError) -> HTTPClient {
        if let client = state.withLock({ $0.leader == leader ? $0.client : nil }) { return client }
        guard let pin = leader.publicKeyPin else {
            throw .tls("the leader at \(leader.address) published no public key to trust it by")
        }
        let client = try HTTPClient(
            options: HTTPClientOptions(
                trust: TLSTrust(pinnedPublicKey: pin), userAgent: "cluster-agent/\(Command.version)",
                connectTimeout: .seconds(1), maximumConnectionsPerHost: 100), clock: clock)
        // Another thread may have made one meanwhile: the last one stays, the others are retired.
        state.withLock { state in
            if let former = state.client { state.retired.append(former) }
            (state.leader, state.client) = (leader, client)
        }
        retirements.set(())
        log.info("forwarding to a leader", ["leader": leader.address])
        return client
    }
}
