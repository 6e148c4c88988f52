import Glibc
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
        self =
            ProxyExceptions(value("NO_PROXY")).contain(server) ? .direct : .url(try Self.checked(proxy, "HTTPS_PROXY"))
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

/// Which servers `NO_PROXY` excepts, as Go reads it (golang.org/x/net/http/httpproxy): names with their subdomains,
/// `.name` and `*.name` for the subdomains alone, addresses, networks, each also with a port, and `*`. This machine is
/// always excepted.
private struct ProxyExceptions {
    private let entries: [String]

    init(_ text: String) {
        entries = text.lowercased().split(separator: ",").map { $0.filter { $0 != " " && $0 != "\t" } }
    }

    func contain(_ server: String) -> Bool {
        let authority = server.lowercased().dropFirst("https://".count).prefix { $0 != "/" }
        let (host, port) = Self.split(String(authority))
        let address = Self.bytes(of: host)
        if host == "localhost" || Self.isLoopback(address) { return true }
        return entries.contains { entry in
            if entry == "*" { return true }
            if let network = Self.network(entry) { return address.map(network) ?? false }
            let (name, ownPort) = Self.split(entry)
            guard !name.isEmpty, ownPort == nil || ownPort == (port ?? "443") else { return false }
            if let own = Self.bytes(of: name) { return own == address }
            guard address == nil else { return false }
            let domain = name.hasPrefix("*.") ? String(name.dropFirst()) : name
            return domain.hasPrefix(".") ? host.hasSuffix(domain) : host == domain || host.hasSuffix("." + domain)
        }
    }

    /// Host and port; an IPv6 address with a port has brackets.
    private static func split(_ text: String) -> (host: String, port: String?) {
        if text.hasPrefix("["), let close = text.lastIndex(of: "]") {
            let rest = text[close...].dropFirst()
            return (String(text[..<close].dropFirst()), rest.hasPrefix(":") ? String(rest.dropFirst()) : nil)
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 2 ? (String(parts[0]), String(parts[1])) : (text, nil)
    }

    /// The 4 or 16 bytes of an address; nil for a name.
    private static func bytes(of host: String) -> [UInt8]? {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if unsafe inet_pton(family, host, &bytes) == 1 { return bytes }
        }
        return nil
    }

    private static func isLoopback(_ address: [UInt8]?) -> Bool {
        guard let address else { return false }
        return address.count == 4 ? address[0] == 127 : address == [UInt8](repeating: 0, count: 15) + [1]
    }

    /// Whether an address is in the network that `entry` is; nil if it is none.
    private static func network(_ entry: String) -> (([UInt8]) -> Bool)? {
        let parts = entry.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let base = bytes(of: String(parts[0])), let length = Int(parts[1]),
            (0...base.count * 8).contains(length)
        else { return nil }
        return { address in
            address.count == base.count
                && (0..<length).allSatisfy { bit in
                    (address[bit / 8] ^ base[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
                }
        }
    }
}
