import CCurl
import Glibc

extension EasyHandle {
    /// Seconds that a dead peer's connection lives on: idle 30, then three probes 10 apart; the same for unacknowledged data. The kernel's
    /// own answer would be 15 minutes or more.
    private static let keepaliveIdleSeconds = 30
    private static let keepaliveIntervalSeconds = 10
    private static let keepaliveProbes: Int32 = 3
    private static let unacknowledgedMilliseconds: Int32 = 30_000
    /// Idle connections older than this are not used again: shorter than the usual server's idle timeout (75 s), so that a request
    /// seldom meets a connection that is just being closed.
    private static let reusableSeconds = 60

    /// Sets every option of a client once, to find at the start what this libcurl cannot do.
    ///
    /// - Throws: `invalidOptions`.
    static func probe(_ options: HTTPClientOptions) throws(HTTPClientError) {
        let handle = try EasyHandle()
        try handle.setUpConnection(options)
        try handle.setUpTrust(options.trust)
    }

    /// What is the same for all requests of a client, but for whom it trusts.
    func setUpConnection(_ options: HTTPClientOptions) throws(HTTPClientError) {
        try set(CURLOPT_NOSIGNAL, true)
        // A transfer that ends while its name is being resolved must not hold up the thread, and all others with it, until the
        // resolver answers: leave the resolver's thread to clean up after itself.
        try set(CURLOPT_QUICK_EXIT, true)
        try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        // Holds for redirects too.
        try set(CURLOPT_PROTOCOLS_STR, options.allowsPlainHTTP ? "http,https" : "https")
        try set(CURLOPT_PATH_AS_IS, true)
        try set(CURLOPT_USERAGENT, options.userAgent)
        try setUpProxy(options.proxy)
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

    private func setUpProxy(_ proxy: ProxyPolicy) throws(HTTPClientError) {
        switch proxy {
        case .direct: try set(CURLOPT_NOPROXY, "*")
        case .environment: break
        case .url(let url):
            try set(CURLOPT_PROXY, url)
            try set(CURLOPT_NOPROXY, "")
        }
    }

    /// Called for each new socket before it connects. What fails here costs no connection: the deadline still ends it.
    private static func prepareSocket(_ descriptor: Int32) {
        // libcurl leaves its sockets open in child processes.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        setOption(descriptor, Int32(TCP_KEEPCNT), keepaliveProbes)
        setOption(descriptor, Int32(TCP_USER_TIMEOUT), unacknowledgedMilliseconds)
    }

    private static func setOption(_ descriptor: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        unsafe _ = setsockopt(
            descriptor, Int32(IPPROTO_TCP), option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Whom to believe, and our own certificate.
    func setUpTrust(_ trust: TLSTrust) throws(HTTPClientError) {
        try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        try set(CURLOPT_SSL_VERIFYPEER, trust.verifiesChain)
        try set(CURLOPT_SSL_VERIFYHOST, trust.verifiesChain ? 2 : 0)
        if let caPEM = trust.caPEM {
            // The blob takes the place of CAINFO but not of CAPATH, which would trust the system's roots besides.
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
        }
    }
}
