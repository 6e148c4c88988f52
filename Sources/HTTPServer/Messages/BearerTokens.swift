package import Platform
import Synchronization

/// The bearer tokens that callers may present (RFC 6750 §2.1): one, and for a grace after it was replaced the one before.
package final class BearerTokens: Sendable {
    private struct Token {
        let bytes: [UInt8]
        var until = Instant.distantFuture
    }

    private let grace: Duration
    /// The newest last.
    private let tokens: Mutex<[Token]>

    /// Accepts `token` alone; if it is empty nobody may call.
    ///
    /// - Parameter grace: how long a token is still accepted after another took its place. Whoever reads the new one earlier or later than we
    ///   do is not turned away meanwhile.
    package init(_ token: String, grace: Duration = .zero) {
        self.grace = grace
        tokens = Mutex(token.isEmpty ? [] : [Token(bytes: Array(token.utf8))])
    }

    /// From now on callers need `token`, or, within the grace, one that it replaced.
    package func replace(with token: String, now: Instant) {
        let new = Token(bytes: Array(token.utf8))
        let until = now + grace
        tokens.withLock { tokens in
            for index in tokens.indices { tokens[index].until = min(tokens[index].until, until) }
            tokens.removeAll { $0.until <= now || $0.bytes == new.bytes }
            if !token.isEmpty { tokens.append(new) }
        }
    }

    /// What to answer a caller who may not call: 401 without a token, 403 with a wrong one. Nil for one who may.
    ///
    /// It takes as long for a token that is wrong in its first byte as for one that is wrong in its last.
    ///
    /// - Parameter realm: the program's name.
    package func refusal(of request: HTTPRequest, realm: String, now: Instant) -> HTTPResponse? {
        guard let authorization = request.headers["Authorization"] else {
            return Self.unauthorized("no session token provided", realm)
        }
        let scheme = "bearer "
        let value = authorization.utf8.span
        let start = scheme.utf8.count
        let isBearer = value.count > start && zip(scheme.utf8, value.indices).allSatisfy { $0 == value[$1] | 0x20 }
        guard isBearer else {
            return Self.unauthorized("unsupported authorization scheme: a bearer token is needed", realm)
        }
        let presented = value.extracting(start...)
        var isAccepted = false
        for token in tokens.withLock({ $0 }) where token.until > now {
            if Self.areEqual(presented, token.bytes.span) { isAccepted = true }
        }
        return isAccepted ? nil : .text(403, "invalid session token")
    }

    private static func unauthorized(_ reason: String, _ realm: String) -> HTTPResponse {
        var response = HTTPResponse.text(401, reason)
        response.headers.append(("WWW-Authenticate", "Bearer realm=\"\(realm)\""))
        return response
    }

    private static func areEqual(_ presented: Span<UInt8>, _ token: Span<UInt8>) -> Bool {
        var difference = presented.count ^ token.count
        for index in 0..<min(presented.count, token.count) { difference |= Int(presented[index] ^ token[index]) }
        return difference == 0
    }
}
