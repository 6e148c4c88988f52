/// How a client reaches the servers.
package enum ProxyPolicy: Sendable, Hashable {
    /// Connects itself, whatever the environment says: inside a cluster a stray `https_proxy` must not redirect an agent.
    case direct
    /// Goes by `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy` as libcurl reads them.
    case environment
    /// Goes through this proxy: `http://`, `https://`, `socks5://` (names resolved here) or `socks5h://` (names resolved there).
    case url(String)
}

/// What all requests of one client have in common.
package struct HTTPClientOptions: Sendable {
    /// Whom to believe. One client, one trust: connections are never shared between two.
    package var trust: TLSTrust
    /// Called for each request on the client's thread, so that a rotated token is used at once; must be quick and must not
    /// wait for this client. Nil, or an empty string, sends none. Only sent over `https`.
    package var bearerToken: (@Sendable () -> String?)?
    /// The `User-Agent`.
    package var userAgent: String
    /// The time for the name, the TCP connection and the TLS handshake together; the request's deadline may be earlier.
    package var connectTimeout: Duration
    /// Connections to one host and port at a time; further requests wait for one. A stream occupies one while it lasts.
    package var maximumConnectionsPerHost: Int
    /// Whether `http://` is allowed.
    package var allowsPlainHTTP: Bool
    /// False for a new look-up of the name and a new connection with each request, as a check of availability wants it.
    package var reusesConnections: Bool
    /// How to reach servers.
    package var proxy: ProxyPolicy

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
            throw .invalidOptions("at least one connection per host is needed, not \(maximumConnectionsPerHost)")
        }
        guard connectTimeout > .zero else { throw .invalidOptions("the connect timeout must be more than 0") }
        guard isFieldValue(userAgent) else {
            throw .invalidOptions("the user agent holds a line break or another control character")
        }
    }
}
