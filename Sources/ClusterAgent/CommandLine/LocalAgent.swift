import CheckModel
import Glibc
import HTTPClient
import HTTPServer
import JSON
import Platform

/// A client of the cluster-agent on this machine or in this pod, which is found by its own options.
struct LocalAgent: Sendable {
    private static let timeout: Duration = .seconds(30)

    private let url: String
    private let client: HTTPClient
    private let clock: any Clock
    private let stop: @Sendable () async -> Void
    /// Whether standard error is a terminal that can erase a line.
    private let isTerminal: Bool

    /// - Throws: `StartError` if there is no answer, or the process is asked to stop before.
    private func send(_ request: ClientRequest) async throws(StartError) -> ClientResponse {
        let (client, clock, stop, url, isTerminal) = (client, clock, stop, url, isTerminal)
        let result = await withTaskGroup(of: Result<ClientResponse, HTTPClientError>?.self) { group in
            group.addTask {
                do throws(HTTPClientError) {
                    return .success(try await client.send(request, deadline: clock.now() + Self.timeout))
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                await stop()
                return nil
            }
            if isTerminal {
                group.addTask {
                    await Self.showProgress(url, clock)
                    return nil
                }
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        guard let result else { throw StartError("interrupted before \(url) answered") }
        do { return try result.get() } catch {
            throw StartError("\(url): \(error); does the cluster-agent run here, with these options?")
        }
    }

    /// Says on the terminal how long the command has been waiting, until cancelled.
    private static func showProgress(_ url: String, _ clock: any Clock) async {
        let start = clock.now()
        while (try? await clock.sleep(until: clock.now() + .seconds(1))) != nil {
            let seconds = Int((clock.now() - start).seconds)
            write("\rwaiting for \(url): \(seconds) of at most \(Int(timeout.seconds)) s")
        }
        // Erases the line (ECMA-48 §8.3.41), which is there after a second.
        if clock.now() - start >= .seconds(1) { write("\r\u{1B}[K") }
    }

    private static func write(_ text: String) {
        _ = unsafe Glibc.write(STDERR_FILENO, text, text.utf8.count)
    }

    /// Asks the cluster-agent, and closes the connections.
    ///
    /// - Parameter body: returns the exit code.
    /// - Throws: `StartError` if the options do not tell where it is and which key it has, and what `body` throws.
    static func ask(
        _ context: Program.Context, _ body: (LocalAgent) async throws(StartError) -> Int32
    ) async throws(StartError) -> Int32 {
        let agent = try LocalAgent(context)
        let code: Int32
        do throws(StartError) { code = try await body(agent) } catch {
            await agent.client.shutdown()
            throw error
        }
        await agent.client.shutdown()
        return code
    }

    /// - Throws: `StartError` if the options do not tell where it is and which key it has.
    private init(_ context: Program.Context) throws(StartError) {
        let options = context.options
        (clock, stop) = (context.clock, context.stop)
        isTerminal = isatty(STDERR_FILENO) == 1 && context.environment["TERM", default: "dumb"] != "dumb"
        let token = try OperatorToken(of: options, clock: clock)
        let host = options[AgentOptions.listenHost]
        // Of `localhost` libcurl tries both addresses.
        let isAny = ["", "::", "0.0.0.0"].contains(host)
        let local = isAny ? "localhost" : host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        guard options[AgentOptions.commandPort] != 0 else {
            throw .usage("--\(AgentOptions.commandPort.key): the port is required, as 0 stands for any port")
        }
        url = "https://\(local):\(options[AgentOptions.commandPort])"
        do {
            // It is verified by its key: its certificate may have any names.
            let path = OperatorToken.certificatePath(options) ?? ""
            let pin = try TLSIdentity.publicKeyPin(of: try readFile(path, atMost: 1 << 20))
            client = try HTTPClient(
                options: HTTPClientOptions(
                    trust: TLSTrust(pinnedPublicKey: pin), bearerToken: { token.text },
                    userAgent: "cluster-agent/\(Command.version)", connectTimeout: .seconds(2)), clock: clock)
        } catch {
            throw StartError("the certificate of the cluster-agent on this machine: \(error)")
        }
    }

    /// Makes one call and returns the answer.
    ///
    /// - Throws: `StartError` if there is no answer, or if its status is not 200.
    func call(_ method: String = "GET", _ path: String, body: String? = nil) async throws(StartError) -> JSONValue {
        try await answer(method, path, body).json
    }

    /// Who runs what, as the leader says it; while nobody leads, why not, and under `last_known` the last overview.
    ///
    /// - Throws: `StartError` if there is no answer.
    func state() async throws(StartError) -> (state: JSONValue, isLastKnown: Bool) {
        let state = try await call("GET", "/api/v1/clusterchecks")
        guard state["not_running"]?.stringValue?.isEmpty == false, case .object(var members) = state else {
            return (state, false)
        }
        members["last_known"] = (try? await overview().overview) ?? .null
        return (.object(members), true)
    }

    /// What can be seen at a glance: the leader's word, and whether this replica forwarded the call; while nobody
    /// leads, the last one known.
    ///
    /// - Throws: `StartError` also if none is known.
    func overview() async throws(StartError) -> (overview: JSONValue, isForwarded: Bool) {
        let (overview, headers) = try await answer("GET", "/api/v1/clusterchecks/overview", nil)
        return (overview, headers["X-DCA-Forwarded"] != nil)
    }

    private func answer(
        _ method: String, _ path: String, _ body: String?
    ) async throws(StartError) -> (json: JSONValue, headers: HTTPHeaders) {
        let request = ClientRequest(
            method, url: url + path, body: body.map { Array($0.utf8) }, maximumResponseBytes: 1 << 30)
        let response = try await send(request)
        guard response.status == 200 else {
            let text = trimmed(String(decoding: response.body.prefix(1000), as: UTF8.self))
            throw StartError("\(url)\(path): status \(response.status)\(text.isEmpty ? "" : ": \(text)")")
        }
        do {
            let json = try JSONValue(parsing: response.body, limits: JSONLimits(bytes: 1 << 30, keyBytes: 1 << 20))
            return (json, HTTPHeaders(response.headers))
        } catch {
            throw StartError("\(url)\(path): \(error)")
        }
    }
}
