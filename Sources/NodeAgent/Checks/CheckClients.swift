import CheckModel
import CheckOptions
import Glibc
import HTTPClient
import Platform
import Synchronization

/// The HTTP clients of the checks. Each run opens a connection of its own, so that it sees what a new client would see.
///
/// A client has one thread. There are a few, in turn, so that what one transfer makes libcurl do holds up few others.
final class CheckClients: Sendable {
    private static let count = 4
    /// What the bodies of all answers may take together, in bytes: four of the largest.
    private static let bodyBytes = 64 << 20

    private let clients: [Result<HTTPClient, CheckFailure>]
    private let next = Atomic<Int>(0)

    init(clock: any Clock) {
        var options = HTTPClientOptions(
            userAgent: "node-agent/\(Command.version)", connectTimeout: .seconds(86_400),
            maximumConnectionsPerHost: 1_024, allowsPlainHTTP: true, reusesConnections: false)
        options.bodyBudget = BodyBudget(bytes: Self.bodyBytes)
        clients = (0..<Self.count).map { _ in
            Result { () throws(HTTPClientError) in try HTTPClient(options: options, clock: clock) }
                .mapError(CheckFailure.init)
        }
    }

    /// Starts a request and returns a closure that cancels it.
    func start(
        _ request: CheckRequest, _ clientRequest: ClientRequest, deadline: Instant,
        completion: @escaping @Sendable (Result<ClientResponse, CheckFailure>) -> Void
    ) -> @Sendable () -> Void {
        var clientRequest = clientRequest
        let client: HTTPClient
        do throws(CheckFailure) {
            if let token = request.token { clientRequest.setField(token.header, try token.value()) }
            clientRequest.trust = try request.trust.tlsTrust()
            let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
            client = try clients[number % clients.count].get()
        } catch {
            completion(.failure(error))
            return {}
        }
        let transfer = client.start(clientRequest, deadline: deadline) { result in
            completion(result.mapError(CheckFailure.init))
        }
        return { transfer.cancel() }
    }

    func shutdown() async {
        for client in clients { await (try? client.get())?.shutdown() }
    }
}

extension CheckTrust {
    /// With what its files hold now.
    fileprivate func tlsTrust() throws(CheckFailure) -> TLSTrust {
        func read(_ path: String?, _ option: String) throws(CheckFailure) -> [UInt8]? {
            try path.map { path throws(CheckFailure) in try optionFile(path, option) }
        }
        let certificate = try read(certificateFile, "tls_cert")
        let caDirectory = caDirectory
        return TLSTrust(
            caPEM: try caDirectory == nil ? read(caFile, "tls_ca_cert") : nil, caDirectory: caDirectory,
            clientCertificatePEM: certificate, clientKeyPEM: try read(keyFile, "tls_private_key") ?? certificate,
            clientKeyPassword: keyPassword?.text, ciphers: ciphers, suites: suites, verifies: verifies)
    }

    /// The directory with CAs, if that is what the instance names.
    var caDirectory: String? {
        guard let caFile, fileType(caFile) == S_IFDIR else { return nil }
        return caFile
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

/// The type of a file, such as `S_IFREG`; nil if there is none.
private func fileType(_ path: String) -> mode_t? {
    var status = stat()
    return unsafe stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
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
            case .tooMuchAtOnce: .starved
            }
        if case .invalidOptions(let reason) = error {
            self.init(kind, "tls_ca_cert, tls_cert, tls_private_key or tls_ciphers: \(reason)")
        } else {
            self.init(kind, error.description)
        }
    }
}
