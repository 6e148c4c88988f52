package import Platform
import Synchronization

/// The bearer tokens that callers may use (RFC 6750 §2.1): the current one and, for a grace period after a replacement,
/// the previous one.
package final class BearerTokens: Sendable {
    private struct Token {
        let bytes: [UInt8]
        var until = Instant.distantFuture
    }

    private let grace: Duration
    /// In order of age, the newest last.
    private let tokens: Mutex<[Token]>

    /// Accepts only `token`; if it is empty, no caller is authorized.
    ///
    /// - Parameter grace: how long a replaced token is still accepted, so that callers that read the new token earlier
    ///   or later than this process are not rejected meanwhile.
    package init(_ token: String, grace: Duration = .zero) {
        self.grace = grace
        tokens = Mutex(token.isEmpty ? [] : [Token(bytes: Array(token.utf8))])
    }

    /// Replaces the token. Replaced tokens stay valid for the grace period.
    package func replace(with token: String, now: Instant) {
        let new = Token(bytes: Array(token.utf8))
        let until = now + grace
        tokens.withLock { tokens in
            for index in tokens.indices { tokens[index].until = min(tokens[index].until, until) }
            tokens.removeAll { $0.until <= now || $0.bytes == new.bytes }
            if !token.isEmpty { tokens.append(new) }
        }
    }

    /// The response to an unauthorized caller: 401 without a token, 403 with a wrong one; nil for an authorized caller.
    ///
    /// From then on, the connection of an authorized caller counts as one of a known client: see `HTTPLimits`.
    ///
    /// The time of the comparison does not depend on the position of the first wrong byte.
    ///
    /// - Parameter realm: the name of the program.
    package func refusal(of request: HTTPRequest, realm: String, now: Instant) -> HTTPResponse? {
        guard let authorization = request.headers["Authorization"] else {
            return Self.unauthorized("no session token provided", realm)
        }
        guard Self.isBearer(authorization) else {
            return Self.unauthorized("unsupported authorization scheme: a bearer token is needed", realm)
        }
        let presented = authorization.utf8.span.extracting(Self.scheme.utf8.count...)
        var isAccepted = false
        for token in tokens.withLock({ $0 }) where token.until > now {
            if Self.areEqual(presented, token.bytes.span) { isAccepted = true }
        }
        guard isAccepted else { return .text(403, "invalid session token") }
        request.trust?.give()
        return nil
    }

    /// The bearer token that a request presents, whosesoever it is; nil if there is none.
    package static func presented(by request: HTTPRequest) -> String? {
        guard let authorization = request.headers["Authorization"], isBearer(authorization) else { return nil }
        return String(authorization.utf8.dropFirst(scheme.utf8.count))
    }

    private static let scheme = "bearer "

    private static func isBearer(_ authorization: String) -> Bool {
        let value = authorization.utf8.span
        return value.count > scheme.utf8.count
            && zip(scheme.utf8, value.indices).allSatisfy { $0 == value[$1] | 0x20 }
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
