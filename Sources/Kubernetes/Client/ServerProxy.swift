import HTTPClient

/// The proxy to the API server: a kubeconfig's `proxy-url`, else the environment's, as kubectl has it.
extension ProxyPolicy {
    /// Never reached through a proxy named in the environment, as in Go.
    private static let loopback = ["localhost", "127.0.0.0/8", "::1"]

    /// The proxy that `proxy-url` names.
    ///
    /// - Throws: `KubernetesError.configuration`, which never quotes the URL: it may hold a password.
    init(url: String, place: String) throws(KubernetesError) {
        self = .url(try Self.checked(url, place), except: "")
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
        let authority = server.dropFirst("https://".count).prefix { $0 != "/" }
        // An IPv6 address has colons too, and brackets.
        let end = authority.split(separator: "]").last ?? authority
        let port = end.split(separator: ":", omittingEmptySubsequences: false).dropFirst().last ?? "443"
        let excepted = value("NO_PROXY").split(separator: ",").compactMap { Self.exception($0, port: port) }
        let url = try Self.checked(proxy, "HTTPS_PROXY")
        // libcurl knows a `*` only where nothing else is named.
        guard !excepted.contains("*") else {
            self = .direct
            return
        }
        self = .url(url, except: (excepted + Self.loopback).joined(separator: ","))
    }

    /// An entry of `NO_PROXY` as libcurl reads it, which knows neither ports nor `*.` before a domain; nil for one that
    /// is for another port.
    private static func exception(_ entry: Substring, port: Substring) -> String? {
        var host = entry.filter { $0 != " " && $0 != "\t" }
        let parts = host.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 2 {
            guard parts[1] == port else { return nil }
            host = String(parts[0])
        }
        return host.hasPrefix("*.") ? String(host.dropFirst()) : host
    }

    /// A proxy's URL as libcurl reads it: without a scheme it is `http`, and SOCKS proxies resolve names, as in Go.
    private static func checked(_ url: String, _ place: String) throws(KubernetesError) -> String {
        let parts = url.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        let (scheme, rest) = parts.count == 2 ? (parts[0].lowercased(), parts[1]) : ("http", parts[0])
        let isPlain = rest.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        guard ["http", "https", "socks5", "socks5h"].contains(scheme), isPlain, !rest.isEmpty else {
            throw .configuration("\(place): a proxy is http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT")
        }
        return "\(scheme == "socks5" ? "socks5h" : scheme)://\(rest)"
    }
}
