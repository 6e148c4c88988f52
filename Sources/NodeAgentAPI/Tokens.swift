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
        let value = authorization.utf8.span
        let start = scheme.utf8.count
        let isBearer = value.count > start && zip(scheme.utf8, value.indices).allSatisfy { $0 == value[$1] | 0x20 }
        guard isBearer else {
            throw .noToken(reason: "unsupported authorization scheme: a bearer token is needed")
        }
        let presented = value.extracting(start...)
        var isAccepted = false
        for token in tokens.withLock({ $0 }) where Self.areEqual(presented, token.span) { isAccepted = true }
        guard isAccepted else { throw .wrongToken }
    }

    /// Takes as long for a token that differs in its first byte as for one that differs in its last.
    private static func areEqual(_ presented: Span<UInt8>, _ token: Span<UInt8>) -> Bool {
        var difference = presented.count ^ token.count
        for index in 0..<min(presented.count, token.count) { difference |= Int(presented[index] ^ token[index]) }
        return difference == 0
    }

    private static func bytes(_ tokens: [String]) -> [[UInt8]] {
        tokens.filter { !$0.isEmpty }.map { Array($0.utf8) }
    }
}
