import HTTPClient
import JSON
package import Platform

/// Requests to one API server, over connections of its own.
///
/// Use one client for the election and another for everything else: an answer of many megabytes must not stand in the
/// way of a renewal.
package final class KubernetesClient: Sendable {
    /// The largest answer that is accepted, in bytes: several objects at etcd's limit of 1.5 MiB. It bounds the memory
    /// while a page of a list is read, whatever its objects hold.
    private static let responseLimit = 16 << 20

    private let configuration: KubernetesConfiguration
    private let connections: Connections
    private let keptAnnotations: [String]
    private let contact: APIServerContact?
    private let clock: any Clock

    /// A client; nothing is sent yet.
    ///
    /// - Parameters:
    ///   - userAgent: `program/version`; by convention a client for elections adds `/leader-election`.
    ///   - keptAnnotations: how the names of annotations begin that are kept of Services beside autodiscovery's.
    ///   - contact: is told when the server answers.
    ///   - log: is told when credentials change or cannot be read again.
    /// - Throws: `KubernetesError.configuration`.
    package init(
        _ configuration: KubernetesConfiguration, userAgent: String, keptAnnotations: [String] = [],
        contact: APIServerContact? = nil, clock: any Clock, log: Log = Log(sink: NoLog())
    ) throws(KubernetesError) {
        self.configuration = configuration
        self.keptAnnotations = keptAnnotations
        self.contact = contact
        self.clock = clock
        do {
            connections = try Connections(
                configuration.credentials, proxy: configuration.proxy, userAgent: userAgent, clock: clock,
                log: log.named("kubernetes"))
        } catch {
            throw .configuration("\(configuration.server): \(error)")
        }
    }

    /// Ends all requests and closes all connections.
    package func shutdown() async {
        await connections.shutdown()
    }

    /// Sends a request and reads its JSON answer. After a 401 it is sent once more if the files of our credentials have
    /// changed.
    ///
    /// - Parameters:
    ///   - path: from the root, such as `/api/v1/services`; its parts must need no escaping.
    ///   - query: names and values, which are escaped.
    ///   - isList: whether `path` is that of many objects.
    /// - Throws: `KubernetesError`; `.status` for every answer but 2xx.
    func request<Answer: JSONReadable>(
        _ method: String, _ path: String, query: [(name: String, value: String)] = [], body: [UInt8]? = nil,
        isList: Bool = false, as type: Answer.Type, deadline: Instant
    ) async throws(KubernetesError) -> Answer {
        var request = self.request(method, path, query, body)
        request.maximumResponseBytes = Self.responseLimit
        let used = configuration.credentials.reading
        let start = clock.now()
        var response = try await send(request, deadline)
        if response.status == 401, configuration.credentials.differ(from: used) {
            response = try await send(request, deadline)
        }
        contact?.note(Self.verb(method, isList: isList), from: start)
        guard 200..<300 ~= response.status else { throw .status(status(of: response.head, response.body)) }
        return try decode(type, from: response.body, keptAnnotations: keptAnnotations, place: "\(method) \(path)")
    }

    /// Opens a watch and gives each event to `onEvent`, in the calling task, until that returns false or the server
    /// ends it.
    ///
    /// - Throws: `KubernetesError`: what refused or broke the watch.
    func watch<Object: JSONReadable & Sendable>(
        _ path: String, query: [(name: String, value: String)], of type: Object.Type, deadline: Instant,
        onEvent: (WatchEvent<Object>) -> Bool
    ) async throws(KubernetesError) {
        let request = self.request("GET", path, query + [("watch", "true")], nil)
        let used = configuration.credentials.reading
        var http = connections.current
        // A stream does not keep its client: without this, new credentials would cut the watch off.
        defer { withExtendedLifetime(http) {} }
        let start = clock.now()
        var (stream, head) = try await open(request, http, deadline)
        if head.status == 401, configuration.credentials.differ(from: used) {
            http = connections.current
            (stream, head) = try await open(request, http, deadline)
        }
        contact?.note("watch", from: start)
        guard head.status == 200 else { throw .status(status(of: head, try await beginning(of: stream))) }
        guard onEvent(.opened) else { return }
        var lines = LineSplitter()
        while let chunk = try await next(of: stream) {
            contact?.noteEvent()
            for line in try lines.append(chunk) {
                let event = try decode(
                    WatchEvent<Object>.self, from: line, keptAnnotations: keptAnnotations, place: "watch \(path)")
                guard onEvent(event) else { return }
            }
        }
        if lines.hasPartialLine { throw .transport("a watch broke off inside an event") }
    }

    /// A verb of Kubernetes' authorization.
    private static func verb(_ method: String, isList: Bool) -> String {
        switch method {
        case "POST": "create"
        case "PUT": "update"
        case "GET": isList ? "list" : "get"
        default: method.lowercased()
        }
    }

    private func request(
        _ method: String, _ path: String, _ query: [(name: String, value: String)], _ body: [UInt8]?
    ) -> ClientRequest {
        let text = query.map { "\($0.name)=\(percentEncoded($0.value))" }.joined(separator: "&")
        var headers = [(name: "Accept", value: "application/json")]
        if body != nil {
            // Of the kinds of PATCH only the JSON merge patch (RFC 7396) is used.
            let type = method == "PATCH" ? "application/merge-patch+json" : "application/json"
            headers.append((name: "Content-Type", value: type))
        }
        return ClientRequest(
            method, url: configuration.server + path + (text.isEmpty ? "" : "?\(text)"), headers: headers, body: body)
    }

    private func send(_ request: ClientRequest, _ deadline: Instant) async throws(KubernetesError) -> ClientResponse {
        do { return try await connections.current.send(request, deadline: deadline) } catch { throw failure(error) }
    }

    private func open(
        _ request: ClientRequest, _ http: HTTPClient, _ deadline: Instant
    ) async throws(KubernetesError) -> (ResponseStream, ResponseHead) {
        let stream = http.stream(request, deadline: deadline)
        do { return (stream, try await stream.head()) } catch { throw failure(error) }
    }

    private func next(of stream: ResponseStream) async throws(KubernetesError) -> [UInt8]? {
        do { return try await stream.next() } catch { throw failure(error) }
    }

    private func failure(_ error: HTTPClientError) -> KubernetesError {
        switch error {
        case .responseTooLarge(let limit): return .answerTooLarge(limit: limit)
        case .tls: connections.handshakeFailed()
        default: break
        }
        return .transport("\(error)")
    }

    /// As much of an error answer as a `Status` may need.
    private func beginning(of stream: ResponseStream) async throws(KubernetesError) -> [UInt8] {
        var body: [UInt8] = []
        while body.count < 64 << 10, let chunk = try await next(of: stream) { body += chunk }
        return body
    }

    /// The API server's `Status`; of a proxy's answer, its code and text.
    private func status(of head: ResponseHead, _ body: [UInt8]) -> Status {
        let told = try? decode(Status.self, from: body, place: "")
        let retryAfter = head["Retry-After"].flatMap { Int(trimmed($0)) }
        return Status(
            code: head.status, reason: told?.reason,
            message: told?.message ?? String(decoding: body.prefix(Status.messageBytes), as: UTF8.self),
            retryAfterSeconds: retryAfter ?? told?.retryAfterSeconds)
    }
}
