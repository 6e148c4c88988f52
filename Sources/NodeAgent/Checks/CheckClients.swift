import CheckOptions
import Glibc
import HTTPClient
import Platform
import Synchronization

/// The HTTP clients of the checks, one for each trust setting. Each run opens a connection of its own, so that it sees
/// what a new client would see.
final class CheckClients: Sendable {
    /// The contents of the files that a trust setting names.
    private struct Files: Equatable {
        let authority: [UInt8]?
        let certificate: [UInt8]?
        let key: [UInt8]?
    }

    private struct Entry {
        let files: Files
        let client: HTTPClient
    }

    /// How many clients there may be: each costs a thread.
    private static let limit = 32
    private let clock: any Clock
    private let entries = Mutex<[CheckTrust: Entry]>([:])

    init(clock: any Clock) {
        self.clock = clock
    }

    /// Starts a request and returns a closure that cancels it.
    ///
    /// - Parameter token: a header field that the request gets from a file.
    func start(
        _ request: ClientRequest, trust: CheckTrust, token: CheckToken?, deadline: Instant,
        completion: @escaping @Sendable (Result<ClientResponse, CheckFailure>) -> Void
    ) -> @Sendable () -> Void {
        let client: HTTPClient
        var request = request
        do {
            if let token { request.setField(token.header, try token.value()) }
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
        let files = try Self.files(of: trust)
        let existing = entries.withLock { entries in (entry: entries[trust], count: entries.count) }
        if let entry = existing.entry, entry.files == files { return entry.client }
        guard existing.entry != nil || existing.count < Self.limit else {
            throw CheckFailure(.config, "more than \(Self.limit) combinations of TLS options on this agent")
        }
        let client: HTTPClient
        do {
            client = try HTTPClient(options: Self.options(trust, files), clock: clock)
        } catch {
            throw CheckFailure(.config, "the files of tls_ca_cert, tls_cert and tls_private_key: \(error)")
        }
        entries.withLock { $0[trust] = Entry(files: files, client: client) }
        return client
    }

    private static func files(of trust: CheckTrust) throws(CheckFailure) -> Files {
        func read(_ path: String?, _ option: String) throws(CheckFailure) -> [UInt8]? {
            try path.map { path throws(CheckFailure) in try optionFile(path, option) }
        }
        let certificate = try read(trust.certificateFile, "tls_cert")
        return Files(
            authority: try trust.caDirectory == nil ? read(trust.caFile, "tls_ca_cert") : nil, certificate: certificate,
            key: try read(trust.keyFile, "tls_private_key") ?? certificate)
    }

    private static func options(_ trust: CheckTrust, _ files: Files) -> HTTPClientOptions {
        HTTPClientOptions(
            trust: TLSTrust(
                caPEM: files.authority, caDirectory: trust.caDirectory, clientCertificatePEM: files.certificate,
                clientKeyPEM: files.key,
                clientKeyPassword: trust.keyPassword?.text, ciphers: trust.ciphers, suites: trust.suites,
                verifies: trust.verifies),
            userAgent: "node-agent/\(Command.version)",
            connectTimeout: .seconds(600), maximumConnectionsPerHost: 64, allowsPlainHTTP: true,
            reusesConnections: false)
    }
}

extension CheckToken {
    /// The header field's value, with what the file holds now.
    fileprivate func value() throws(CheckFailure) -> String {
        let contents = try optionFile(path, "the file of the token")
        let text = String(decoding: contents, as: UTF8.self)
        let token = text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed()
        guard !token.isEmpty else { throw CheckFailure(.config, "the file of the token is empty") }
        return before + String(token) + after
    }
}

extension CheckDefinition {
    /// What an assigned instance asks to check, or why that cannot be run.
    static func of(_ instance: AssignedInstance) -> Result<CheckDefinition, CheckFailure> {
        do throws(CheckOptionError) {
            let definition = try CheckDefinition(
                instance.checkName, instance: instance.instance, initConfig: instance.initConfig,
                provider: instance.provider)
            return .success(definition)
        } catch {
            return .failure(CheckFailure(error.kind == .unsupported ? .unsupported : .config, error.description))
        }
    }
}

extension CheckTrust {
    /// The directory with CAs, if that is what the instance names.
    var caDirectory: String? {
        var status = stat()
        guard let caFile, unsafe stat(caFile, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
        return caFile
    }
}

/// Reads a file that an option names, of at most 1 MiB.
///
/// - Throws: `CheckFailure` of kind `config`.
func optionFile(_ path: String, _ option: String) throws(CheckFailure) -> [UInt8] {
    do {
        return try readFile(path, atMost: 1 << 20)
    } catch {
        throw CheckFailure(.config, "\(option): the file cannot be read: \(error.reason)")
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
            // What OpenSSL says. Otherwise an expired certificate would be like one that is not trusted.
            case .tls(let reason): reason.contains("certificate has expired") ? .certificate : .tls
            case .timedOut: .timeout
            case .tooManyRedirects, .invalidRedirect: .status
            case .responseTooLarge, .malformedResponse: .malformed
            }
        self.init(kind, error.description)
    }
}
