import Glibc

/// The proxies of a request, by the scheme of its URL.
package struct ProxyRules: Sendable, Hashable {
    /// The proxy for `http` URLs; nil for none.
    package var http: String?
    /// The proxy for `https` URLs; nil for none.
    package var https: String?
    /// What is reached without a proxy.
    package var exceptions: ProxyExceptions

    /// Rules.
    package init(http: String?, https: String?, exceptions: ProxyExceptions = ProxyExceptions([])) {
        self.http = http
        self.https = https
        self.exceptions = exceptions
    }

    func policy(for url: RequestURL) -> ProxyPolicy {
        guard let proxy = url.scheme == "https" ? https : http,
            !exceptions.contain(url.authority, defaultPort: url.scheme == "https" ? 443 : 80)
        else { return .direct }
        return .url(proxy)
    }
}

/// Which servers are reached without a proxy, as Go reads `NO_PROXY` (golang.org/x/net/http/httpproxy): names with
/// their subdomains, `.name` and `*.name` for the subdomains alone, addresses, networks, each also with a port, and
/// `*`.
package struct ProxyExceptions: Sendable, Hashable {
    private let entries: [String]

    /// Exceptions, without blanks.
    package init(_ entries: [String]) {
        self.entries = entries.map { $0.lowercased() }
    }

    /// Whether a host is this machine.
    package static func isThisMachine(_ authority: String) -> Bool {
        let host = split(authority.lowercased()).host
        return host == "localhost" || isLoopback(bytes(of: host))
    }

    /// Whether a server is excepted.
    ///
    /// - Parameter authority: its host, IPv6 in brackets, and its port, unless that is the default.
    package func contain(_ authority: String, defaultPort: Int) -> Bool {
        let (host, port) = Self.split(authority.lowercased())
        let address = Self.bytes(of: host)
        return entries.contains { entry in
            if entry == "*" { return true }
            if let network = Self.network(entry) { return address.map(network) ?? false }
            let (name, ownPort) = Self.split(entry)
            guard !name.isEmpty, ownPort == nil || ownPort == (port ?? String(defaultPort)) else { return false }
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
