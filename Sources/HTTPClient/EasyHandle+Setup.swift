import CCurl
import COpenSSL
import Glibc

extension EasyHandle {
    /// A connection to a dead peer is closed after 30 s idle and three probes 10 s apart, or after 30 s with
    /// unacknowledged data. The default of the kernel is 15 minutes or more.
    private static let keepaliveIdleSeconds = 30
    private static let keepaliveIntervalSeconds = 10
    private static let keepaliveProbes: Int32 = 3
    private static let unacknowledgedMilliseconds: Int32 = 30_000
    /// Idle connections older than this are not reused. It is shorter than the usual idle timeout of servers (75 s), so
    /// that a request rarely meets a connection that is being closed.
    private static let reusableSeconds = 60

    /// Sets every option of the client once, to find out at start what the installed libcurl does not support.
    ///
    /// - Throws: `invalidOptions`.
    static func probe(_ options: HTTPClientOptions) throws(HTTPClientError) {
        let handle = try EasyHandle()
        try handle.setUpConnection(options)
        try handle.setUpProxy(options.proxy)
        try handle.setUpTrust(options.trust)
    }

    /// Sets the options that all requests of a client share, except trust and proxy.
    func setUpConnection(_ options: HTTPClientOptions) throws(HTTPClientError) {
        try set(CURLOPT_NOSIGNAL, true)
        // A transfer that ends during name resolution must not block the thread, and all other transfers with it, until
        // the resolver answers: the resolver thread cleans up after itself.
        try set(CURLOPT_QUICK_EXIT, true)
        try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        // This also applies to redirects.
        try set(CURLOPT_PROTOCOLS_STR, options.allowsPlainHTTP ? "http,https" : "https")
        try set(CURLOPT_PATH_AS_IS, true)
        try set(CURLOPT_USERAGENT, options.userAgent)
        try set(CURLOPT_MAXAGE_CONN, Self.reusableSeconds)
        if !options.reusesConnections {
            try set(CURLOPT_FRESH_CONNECT, true)
            try set(CURLOPT_FORBID_REUSE, true)
            try set(CURLOPT_DNS_CACHE_TIMEOUT, 0)
        }
        try set(CURLOPT_TCP_KEEPALIVE, true)
        try set(CURLOPT_TCP_KEEPIDLE, Self.keepaliveIdleSeconds)
        try set(CURLOPT_TCP_KEEPINTVL, Self.keepaliveIntervalSeconds)
        let code = unsafe ccurl_set_socket_callback(raw) { _, descriptor, _ in
            EasyHandle.prepareSocket(descriptor)
            return Int32(CURL_SOCKOPT_OK)
        }
        try check(code, CURLOPT_SOCKOPTFUNCTION)
    }

    /// Sets the proxy, whose own answers are no response.
    func setUpProxy(_ proxy: ProxyPolicy) throws(HTTPClientError) {
        try set(CURLOPT_SUPPRESS_CONNECT_HEADERS, true)
        switch proxy {
        case .direct: try set(CURLOPT_NOPROXY, "*")
        case .url(let url):
            try set(CURLOPT_PROXY, url)
            // Not what the environment excepts.
            try set(CURLOPT_NOPROXY, "")
        }
    }

    /// Called for each new socket before it connects. A failure here does not fail the connection: the deadline still
    /// ends it.
    private static func prepareSocket(_ descriptor: Int32) {
        // libcurl does not set close-on-exec on its sockets.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        setOption(descriptor, Int32(TCP_KEEPCNT), keepaliveProbes)
        setOption(descriptor, Int32(TCP_USER_TIMEOUT), unacknowledgedMilliseconds)
    }

    private static func setOption(_ descriptor: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        unsafe _ = setsockopt(
            descriptor, Int32(IPPROTO_TCP), option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Sets which servers to trust, and the client certificate.
    func setUpTrust(_ trust: TLSTrust) throws(HTTPClientError) {
        let code = unsafe ccurl_set_tls_callback(raw) { _, context, _ in
            unsafe copenssl_bound_client(context)
            return CURLE_OK
        }
        try check(code, CURLOPT_SSL_CTX_FUNCTION)
        try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        try set(CURLOPT_SSL_VERIFYPEER, trust.verifiesChain)
        try set(CURLOPT_SSL_VERIFYHOST, trust.verifiesChain ? 2 : 0)
        if let ciphers = trust.ciphers { try set(CURLOPT_SSL_CIPHER_LIST, ciphers) }
        if let suites = trust.suites { try set(CURLOPT_TLS13_CIPHERS, suites) }
        if let directory = trust.caDirectory {
            try set(CURLOPT_CAINFO, nil)
            try set(CURLOPT_CAPATH, directory)
        }
        if let caPEM = trust.caPEM {
            // The blob replaces CAINFO but not CAPATH, which would still trust the roots of the system.
            try set(CURLOPT_CAPATH, nil)
            try set(CURLOPT_CAINFO_BLOB, blob: caPEM)
        }
        if let pin = trust.pinnedPublicKey {
            try set(CURLOPT_PINNEDPUBLICKEY, pin)
        }
        if let certificate = trust.clientCertificatePEM, let key = trust.clientKeyPEM {
            try set(CURLOPT_SSLCERTTYPE, "PEM")
            try set(CURLOPT_SSLCERT_BLOB, blob: certificate)
            try set(CURLOPT_SSLKEYTYPE, "PEM")
            try set(CURLOPT_SSLKEY_BLOB, blob: key)
            // Without one, OpenSSL would ask the terminal for it.
            try set(CURLOPT_KEYPASSWD, trust.clientKeyPassword ?? "")
        }
    }
}
