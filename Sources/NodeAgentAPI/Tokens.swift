import Synchronization

/// The bearer tokens that callers may have. More than one while a token is being replaced by another.
package final class Tokens: Sendable {
    private let tokens: Mutex<[[UInt8]]>

    /// The given tokens; empty ones do not count. With none, nobody may call.
    package init(_ tokens: [String]) {
        self.tokens = Mutex(Self.bytes(tokens))
    }

    /// Replaces all of them; calls from now on need one of these.
    package func replace(with tokens: [String]) {
        let bytes = Self.bytes(tokens)
        self.tokens.withLock { $0 = bytes }
    }

    /// Checks the value of an `Authorization` field (RFC 6750 §2.1).
    ///
    /// - Throws: `noToken` or `wrongToken`.
    func authorize(_ authorization: String?) throws(APIError) {
        guard let authorization else { throw .noToken(reason: "no session token provided") }
        let scheme = "bearer "
        let isBearer = zip(authorization.utf8, scheme.utf8).allSatisfy { $0 == $1 || $0 | 0x20 == $1 }
        guard isBearer, authorization.utf8.count > scheme.utf8.count else {
            throw .noToken(reason: "unsupported authorization scheme: a bearer token is needed")
        }
        let presented = authorization.utf8.dropFirst(scheme.utf8.count)
        var isAccepted = false
        for token in tokens.withLock({ $0 }) where Self.areEqual(presented, token) { isAccepted = true }
        guard isAccepted else { throw .wrongToken }
    }

    /// Takes as long for a token that differs in its first byte as for one that differs in its last.
    private static func areEqual(_ presented: Substring.UTF8View, _ token: [UInt8]) -> Bool {
        var difference = presented.count ^ token.count
        var index = 0
        for byte in presented {
            difference |= Int(byte ^ token[index])
            index = index + 1 == token.count ? 0 : index + 1
        }
        return difference == 0
    }

    private static func bytes(_ tokens: [String]) -> [[UInt8]] {
        tokens.filter { !$0.isEmpty }.map { Array($0.utf8) }
    }
}
