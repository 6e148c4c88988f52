import HTTPClient
import Platform
import Synchronization
import Testing

/// A deadline that no passing test comes near.
var farDeadline: Instant { SystemClock().now() + .seconds(600) }

/// A deadline on a `ManualClock`, about an hour after its start.
let anHourLater = Instant(nanoseconds: 3_600_000_000_000)

/// A client that also speaks plain HTTP.
func plainClient(_ change: (inout HTTPClientOptions) -> Void = { _ in }) throws -> HTTPClient {
    var options = HTTPClientOptions(allowsPlainHTTP: true)
    change(&options)
    return try HTTPClient(options: options, clock: SystemClock())
}

/// A client that speaks TLS only.
func secureClient(_ trust: TLSTrust, _ change: (inout HTTPClientOptions) -> Void = { _ in }) throws -> HTTPClient {
    var options = HTTPClientOptions(trust: trust)
    change(&options)
    return try HTTPClient(options: options, clock: SystemClock())
}

/// Why `send` failed; nil, and a failed test, if it did not.
func failure(
    _ client: HTTPClient, _ request: ClientRequest, deadline: Instant = farDeadline,
    sourceLocation: SourceLocation = #_sourceLocation
) async -> HTTPClientError? {
    do throws(HTTPClientError) {
        let response = try await client.send(request, deadline: deadline)
        Issue.record("a response came, with status \(response.status)", sourceLocation: sourceLocation)
        return nil
    } catch {
        return error
    }
}

extension ClientResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
}

/// The name of an error's case, for tables.
func kind(_ error: HTTPClientError?) -> String {
    switch error {
    case .invalidOptions: "invalidOptions"
    case .invalidRequest: "invalidRequest"
    case .invalidURL: "invalidURL"
    case .invalidRedirect: "invalidRedirect"
    case .nameNotResolved: "nameNotResolved"
    case .connectionRefused: "connectionRefused"
    case .connectionFailed: "connectionFailed"
    case .tls: "tls"
    case .timedOut(let phase): "timedOut(\(phaseName(phase)))"
    case .responseTooLarge: "responseTooLarge"
    case .tooMuchAtOnce: "tooMuchAtOnce"
    case .tooManyRedirects: "tooManyRedirects"
    case .malformedResponse: "malformedResponse"
    case .cancelled: "cancelled"
    case .closed: "closed"
    case nil: "none"
    }
}

private func phaseName(_ phase: TransferPhase) -> String {
    switch phase {
    case .waiting: "waiting"
    case .connecting: "connecting"
    case .handshaking: "handshaking"
    case .awaitingHeaders: "awaitingHeaders"
    case .receivingBody: "receivingBody"
    }
}

/// What completions said, in order.
final class Completions: Sendable {
    private let results = Mutex<[Result<ClientResponse, HTTPClientError>]>([])

    func add(_ result: Result<ClientResponse, HTTPClientError>) {
        results.withLock { $0.append(result) }
    }

    var count: Int { results.withLock { $0.count } }

    var kinds: [String] {
        results.withLock { results in
            results.map { result in
                switch result {
                case .success(let response): "\(response.status)"
                case .failure(let error): kind(error)
                }
            }
        }
    }
}
