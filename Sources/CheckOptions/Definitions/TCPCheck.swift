package import Platform

/// `tcp_check`: a port accepts a connection.
package struct TCPCheck: Sendable, Hashable {
    /// A name or an address.
    @ExactText package internal(set) var host: String
    /// The port.
    package internal(set) var port: UInt16
    /// Whether every address of the name must accept one; otherwise one of them is enough.
    package internal(set) var needsAllAddresses = false
    /// Whether only its IPv4 addresses count.
    package internal(set) var isIPv4Only = false

    /// One of the addresses of `host` must accept a connection.
    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

extension InstanceReader {
    func tcpCheck() throws(CheckOptionError) -> (CheckDefinition.Work, timeout: Duration) {
        let timeout = try seconds("timeout", upTo: Self.longestTimeout) ?? Self.defaultTimeout
        var check = TCPCheck(host: try host("host"), port: try port("port"))
        check.needsAllAddresses = try flag("multiple_ips") ?? false
        check.isIPv4Only = try flag("ipv4_only") ?? false
        return (.tcp(check), min(timeout, try interval()))
    }
}
