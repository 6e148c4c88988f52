import HTTPClient
import Platform
import Synchronization

/// The connections of one client to the API server. When the files behind its trust change, new requests go over new
/// connections, and those that are under way, watches included, end on the old ones.
final class Connections: Sendable {
    /// A client for no new requests, which lives as long as the requests that hold it.
    private struct Former {
        weak let http: HTTPClient?
    }

    private struct State {
        var http: HTTPClient
        var trust: TLSTrust
        var former: [Former] = []
        /// A trust that no client could be made with.
        var refused: TLSTrust?
        var isShutDown = false
    }

    private let credentials: Credentials
    private let proxy: ProxyPolicy
    private let userAgent: String
    private let clock: any Clock
    private let log: Log
    private let state: Mutex<State>

    /// - Throws: `HTTPClientError.invalidOptions`.
    init(
        _ credentials: Credentials, proxy: ProxyPolicy, userAgent: String, clock: any Clock, log: Log
    ) throws(HTTPClientError) {
        self.credentials = credentials
        self.proxy = proxy
        self.userAgent = userAgent
        self.clock = clock
        self.log = log
        let trust = credentials.trust
        let http = try Self.client(trust, credentials.token, proxy, userAgent, clock)
        state = Mutex(State(http: http, trust: trust))
    }

    /// The client for one request. The caller holds it until the request is over, which keeps its connections open.
    var current: HTTPClient {
        let trust = credentials.trust
        tellProblems()
        let (http, isNew) = state.withLock { state in
            (state.http, trust != state.trust && trust != state.refused && !state.isShutDown)
        }
        return isNew ? renewed(trust) : http
    }

    /// Reads the files again after a failed handshake, because they may have changed. The failed request is not
    /// repeated.
    func handshakeFailed() {
        credentials.reread()
    }

    /// Ends all requests and closes all connections.
    func shutdown() async {
        let clients = state.withLock { state in
            state.isShutDown = true
            return [state.http] + state.former.compactMap(\.http)
        }
        for http in clients { await http.shutdown() }
    }

    private func renewed(_ trust: TLSTrust) -> HTTPClient {
        let made: Result<HTTPClient, HTTPClientError>
        do { made = .success(try Self.client(trust, credentials.token, proxy, userAgent, clock)) } catch {
            made = .failure(error)
        }
        let (http, former): (HTTPClient, HTTPClient?) = state.withLock { state in
            // Another request may have replaced it already.
            guard trust != state.trust, !state.isShutDown else { return (state.http, nil) }
            guard case .success(let http) = made else {
                state.refused = trust
                return (state.http, nil)
            }
            let former = state.http
            state.former = state.former.filter { $0.http != nil } + [Former(http: former)]
            (state.http, state.trust, state.refused) = (http, trust, nil)
            return (http, former)
        }
        if former != nil {
            log.info("the CA or our certificate changed: new connections are opened", ["client": userAgent])
        }
        if case .failure(let error) = made {
            log.warning("the new CA or certificate cannot be used; the old one stays", ["reason": error])
        }
        return http
    }

    private func tellProblems() {
        guard let problems = credentials.takeNewProblems() else { return }
        for problem in problems {
            log.warning("a file of our credentials cannot be used; its last good contents stay", ["reason": problem])
        }
        if problems.isEmpty { log.info("all files of our credentials can be used again") }
    }

    private static func client(
        _ trust: TLSTrust, _ token: BearerToken?, _ proxy: ProxyPolicy, _ userAgent: String, _ clock: any Clock
    ) throws(HTTPClientError) -> HTTPClient {
        var options = HTTPClientOptions(trust: trust, userAgent: userAgent, proxy: proxy)
        if let token { options.bearerToken = { token.text } }
        return try HTTPClient(options: options, clock: clock)
    }
}
