/// Whether and how a client uses a proxy.
package enum ProxyPolicy: Sendable, Hashable {
    /// Connects directly and ignores the environment: in a cluster a stray `https_proxy` must not redirect an agent.
    case direct
    /// Uses this proxy: `http://`, `https://`, `socks5://` (names resolved locally) or `socks5h://` (names resolved by
    /// the proxy).
    case url(String)

    /// The proxy's host and port, for messages: its URL may have a password. Nil without a proxy.
    package var authority: String? {
        guard case .url(let url) = self else { return nil }
        // Behind the last `@` of all: a password may have any character.
        let rest = url.split(separator: "://", maxSplits: 1).last?.split(separator: "@").last ?? ""
        return String(rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" })
    }
}

/// The options that all requests of a client share.
package struct HTTPClientOptions: Sendable {
    /// Which servers to trust, unless a request says.
    package var trust: TLSTrust
    /// Called for each request on the thread of the client, so that a rotated token is used at once. It must be quick
    /// and must not wait for this client. Nil or an empty string sends no token. The token is only sent over `https`.
    package var bearerToken: (@Sendable () -> String?)?
    /// The value of the `User-Agent` field.
    package var userAgent: String
    /// The timeout for name resolution, TCP connection and TLS handshake together; the deadline of the request may be
    /// earlier.
    package var connectTimeout: Duration
    /// The maximum number of connections to one host and port; further requests wait. A stream occupies a connection
    /// while it lasts.
    package var maximumConnectionsPerHost: Int
    /// Whether `http://` is allowed.
    package var allowsPlainHTTP: Bool
    /// False to resolve the name and connect anew for each request, as an availability check needs.
    package var reusesConnections: Bool
    /// Whether to use a proxy.
    package var proxy: ProxyPolicy
    /// What the bodies of the responses share; nil for no limit but that of each request.
    package var bodyBudget: BodyBudget?

    /// The defaults: system roots, no token, 10 s to connect, 8 connections per host, TLS only, no proxy.
    package init(
        trust: TLSTrust = TLSTrust(), bearerToken: (@Sendable () -> String?)? = nil,
        userAgent: String = "cluster-agent", connectTimeout: Duration = .seconds(10),
        maximumConnectionsPerHost: Int = 8, allowsPlainHTTP: Bool = false, reusesConnections: Bool = true,
        proxy: ProxyPolicy = .direct
    ) {
        self.trust = trust
        self.bearerToken = bearerToken
        self.userAgent = userAgent
        self.connectTimeout = connectTimeout
        self.maximumConnectionsPerHost = maximumConnectionsPerHost
        self.allowsPlainHTTP = allowsPlainHTTP
        self.reusesConnections = reusesConnections
        self.proxy = proxy
    }

    /// - Throws: `invalidOptions`.
    func validate() throws(HTTPClientError) {
        try trust.validate()
        guard maximumConnectionsPerHost >= 1 else {
            throw .invalidOptions("there must be at least one connection per host, not \(maximumConnectionsPerHost)")
        }
        guard connectTimeout > .zero else { throw .invalidOptions("the connect timeout must be more than 0") }
        guard isFieldValue(userAgent) else {
            throw .invalidOptions("the user agent holds a line break or another control character")
        }
    }
}
