import HTTPClient

/// The proxy to the API server: a kubeconfig's `proxy-url`, else the environment's, as kubectl has it.
extension ProxyPolicy {
    /// The proxy that `proxy-url` names.
    ///
    /// - Throws: `KubernetesError.configuration`, which never quotes the URL: it may hold a password.
    init(url: String, place: String) throws(KubernetesError) {
        self = .url(try Self.checked(url, place))
    }

    /// The proxy that `HTTPS_PROXY` names for a server's URL, unless `NO_PROXY` names the server. Both have a
    /// lower-case form, which counts where the upper-case one is not set or empty.
    ///
    /// - Throws: `KubernetesError.configuration`, which never quotes the URL.
    init(environment: [String: String], server: String) throws(KubernetesError) {
        func value(_ name: String) -> String {
            [name, name.lowercased()].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        }
        let proxy = value("HTTPS_PROXY")
        guard !proxy.isEmpty else {
            self = .direct
            return
        }
        let exceptions = ProxyExceptions(
            value("NO_PROXY").split(separator: ",").map { String($0.filter { $0 != " " && $0 != "\t" }) })
        let authority = String(server.dropFirst("https://".count).prefix { $0 != "/" })
        // As Go has it: this machine is always excepted.
        let isExcepted =
            ProxyExceptions.isThisMachine(authority) || exceptions.contain(authority, defaultPort: 443)
        self = isExcepted ? .direct : .url(try Self.checked(proxy, "HTTPS_PROXY"))
    }

    /// A proxy's URL as libcurl reads it: without a scheme it is `http`, and SOCKS proxies resolve names, as in Go.
    private static func checked(_ url: String, _ place: String) throws(KubernetesError) -> String {
        let parts = url.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        let (scheme, rest) = parts.count == 2 ? (parts[0].lowercased(), parts[1]) : ("http", parts[0])
        let isPlain = rest.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        let whole = "\(scheme == "socks5" ? "socks5h" : scheme)://\(rest)"
        guard ["http", "https", "socks5", "socks5h"].contains(scheme), isPlain, ProxyPolicy.isURL(whole) else {
            throw .configuration("\(place): a proxy is http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT")
        }
        return whole
    }
}
