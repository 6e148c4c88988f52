import HTTPServer

/// The IP address of the node that sent a request.
enum NodeAddress {
    /// The address in `X-Real-Ip`, else the peer's address, which a forwarding follower passes on; and whether the node
    /// stated it itself.
    ///
    /// - Throws: `invalidAddress` if `X-Real-Ip` is neither empty nor an IP address.
    static func of(_ request: HTTPRequest) throws(APIError) -> (text: String?, isStated: Bool) {
        if let stated = request.headers["X-Real-Ip"], !stated.isEmpty {
            guard isAddress(stated) else { throw .invalidAddress(stated) }
            return (stated, true)
        }
        return (peer(of: request), false)
    }

    /// The address from which the agent's call came, whatever it states; nil if a follower did not pass it on.
    static func peer(of request: HTTPRequest) -> String? {
        guard Forward.isForwarded(request) else { return request.peer.host }
        return request.headers["X-Forwarded-For"].flatMap { isAddress($0) ? $0 : nil }
    }

    /// Whether `text` is an IPv4 or IPv6 address without a zone, as Go's `net.ParseIP` reads it.
    static func isAddress(_ text: String) -> Bool {
        text.utf8.contains(UInt8(ascii: ":")) ? isIPv6(text) : isIPv4(Substring(text))
    }

    private static func isIPv4(_ text: Substring) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                let isDecimal = part.utf8.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
                let isCanonical = part.utf8.count <= 3 && (part == "0" || !part.hasPrefix("0"))
                return isDecimal && isCanonical && UInt8(part) != nil
            }
    }

    /// Eight groups of up to four hexadecimal digits; `::` once for one or more groups of zeros; the last two may be an
    /// IPv4 address (RFC 4291 §2.2).
    private static func isIPv6(_ text: String) -> Bool {
        var halves = [Substring(text)]
        for start in text.utf8.indices where text[start...].hasPrefix("::") {
            halves = [text[..<start], text[start...].dropFirst(2)]
            break
        }
        var count = 0
        for (index, half) in halves.enumerated() {
            guard let groups = groups(of: half, mayEndInIPv4: index == halves.count - 1) else { return false }
            count += groups
        }
        return halves.count == 1 ? count == 8 : count < 8
    }

    /// How many groups of 16 bits `text` has; nil if one is malformed.
    private static func groups(of text: Substring, mayEndInIPv4: Bool) -> Int? {
        guard !text.isEmpty else { return 0 }
        let groups = text.split(separator: ":", omittingEmptySubsequences: false)
        let hexadecimal = mayEndInIPv4 && groups.last.map(isIPv4) == true ? groups.dropLast() : groups[...]
        let areFine = hexadecimal.allSatisfy { group in
            (1...4).contains(group.utf8.count) && group.allSatisfy { $0.isASCII && $0.isHexDigit }
        }
        return areFine ? hexadecimal.count + 2 * (groups.count - hexadecimal.count) : nil
    }
}
