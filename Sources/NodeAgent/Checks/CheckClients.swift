import HTTPClient
import Platform
import Synchronization

/// The HTTP clients of the checks, one for each trust setting. Each run opens a connection of its own, so that it sees
/// what a new client would see.
final class CheckClients: Sendable {
    private struct Entry {
        let caPEM: [UInt8]?
        let client: HTTPClient
    }

    /// How many clients there may be: each costs a thread.
    private static let limit = 32
    private static let maximumCABytes = 1 << 20

    private let clock: any Clock
    private let entries = Mutex<[CheckTrust: Entry]>([:])

    init(clock: any Clock) {
        self.clock = clock
    }

    /// Starts a request and returns a closure that cancels it.
    func start(
        _ request: ClientRequest, trust: CheckTrust, deadline: Instant,
        completion: @escaping @Sendable (Result<ClientResponse, CheckFailure>) -> Void
    ) -> @Sendable () -> Void {
        let client: HTTPClient
        do {
            client = try self.client(for: trust)
        } catch {
            completion(.failure(error))
            return {}
        }
        // The completion retains the client: a replaced one lives until its last transfer has ended.
        let transfer = client.start(request, deadline: deadline) { [client] result in
            withExtendedLifetime(client) { completion(result.mapError(CheckFailure.init)) }
        }
        return { transfer.cancel() }
    }

    /// Releases all clients but these.
    func keepOnly(_ trusts: Set<CheckTrust>) {
        // Clients are released outside the lock.
        let dropped = entries.withLock { entries in
            let dropped = entries.filter { !trusts.contains($0.key) }
            for trust in dropped.keys { entries[trust] = nil }
            return dropped
        }
        _ = dropped
    }

    func shutdown() async {
        let clients = entries.withLock { entries in
            defer { entries = [:] }
            return entries.values.map(\.client)
        }
        for client in clients { await client.shutdown() }
    }

    private func client(for trust: CheckTrust) throws(CheckFailure) -> HTTPClient {
        var caPEM: [UInt8]?
        if let file = trust.caFile {
            do {
                caPEM = try readFile(file, atMost: Self.maximumCABytes)
            } catch {
                throw CheckFailure(.config, "tls_ca_cert: the file cannot be read: \(error.reason)")
            }
        }
        let existing = entries.withLock { entries in (entry: entries[trust], count: entries.count) }
        if let entry = existing.entry, entry.caPEM == caPEM { return entry.client }
        guard existing.entry != nil || existing.count < Self.limit else {
            throw CheckFailure(
                .config, "more than \(Self.limit) combinations of tls_verify and tls_ca_cert on this agent")
        }
        let client: HTTPClient
        do {
            client = try HTTPClient(options: options(trust, caPEM), clock: clock)
        } catch {
            throw CheckFailure(.config, "tls_ca_cert: \(error)")
        }
        entries.withLock { $0[trust] = Entry(caPEM: caPEM, client: client) }
        return client
    }

    private func options(_ trust: CheckTrust, _ caPEM: [UInt8]?) -> HTTPClientOptions {
        HTTPClientOptions(
            trust: TLSTrust(caPEM: caPEM, verifies: trust.verifies), userAgent: "node-agent/\(Command.version)",
            connectTimeout: .seconds(600), maximumConnectionsPerHost: 64, allowsPlainHTTP: true,
            reusesConnections: false)
    }
}

extension CheckFailure {
    /// The failure that a transport error stands for.
    init(_ error: HTTPClientError) {
        let kind: Kind =
            switch error {
            case .invalidOptions, .invalidRequest, .invalidURL: .config
            case .nameNotResolved: .dns
            case .connectionRefused: .refused
            case .connectionFailed, .cancelled, .closed: .connect
            case .tls: .tls
            case .timedOut: .timeout
            case .tooManyRedirects, .invalidRedirect: .status
            case .responseTooLarge, .malformedResponse: .malformed
            }
        self.init(kind, error.description)
    }
}
