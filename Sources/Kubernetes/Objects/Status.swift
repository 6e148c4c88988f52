/// An error answer of the API server: its `Status` object, or what can be said when a proxy answered without one.
package struct Status: Hashable, Sendable, CustomStringConvertible {
    /// The HTTP status code.
    package let code: Int
    /// The machine-readable reason, such as `NotFound` or `Conflict`; of the code's usual one if the answer has none.
    package let reason: String
    /// The human-readable message; at most `messageBytes` bytes of it.
    package let message: String
    /// How long the server asked to wait, in seconds.
    package let retryAfterSeconds: Int?

    /// How much of a message, or of an answer that is no `Status`, is kept (bytes).
    package static let messageBytes = 2048

    /// A status.
    package init(code: Int, reason: String? = nil, message: String = "", retryAfterSeconds: Int? = nil) {
        self.code = code
        self.reason = reason.flatMap { $0.isEmpty ? nil : $0 } ?? Self.usualReason(of: code)
        self.message = String(decoding: message.utf8.prefix(Self.messageBytes), as: UTF8.self)
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// Whether the resourceVersion asked for is too old to continue from (HTTP 410, or such an event in a watch).
    package var isExpired: Bool {
        code == 410 || reason == "Expired" || reason == "Gone"
    }

    /// Whether the same request may succeed later as it is.
    package var isTransient: Bool {
        code == 429 || code >= 500
    }

    /// Code, reason and message on one line.
    package var description: String {
        let text = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        return "the Kubernetes API answered \(code) \(reason)" + (text.isEmpty ? "" : ": \(text)")
    }

    private static func usualReason(of code: Int) -> String {
        switch code {
        case 400: "BadRequest"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "NotFound"
        case 405: "MethodNotAllowed"
        case 406: "NotAcceptable"
        case 409: "Conflict"
        case 410: "Gone"
        case 415: "UnsupportedMediaType"
        case 422: "Invalid"
        case 429: "TooManyRequests"
        case 503: "ServiceUnavailable"
        case 504: "Timeout"
        case 500...: "InternalError"
        default: "Unknown"
        }
    }
}

extension Status: Decodable {
    private enum CodingKeys: String, CodingKey {
        case kind, code, reason, message, details
    }

    private struct Details: Decodable {
        let retryAfterSeconds: Int?
    }

    /// Reads a `Status` object, in which every field but the kind may be missing.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let kind = try container.decodeIfPresent(String.self, forKey: .kind)
        guard kind == "Status" else {
            throw DecodingError.dataCorruptedError(
                forKey: .kind, in: container, debugDescription: "expected Status, found \(kind ?? "nothing")")
        }
        self.init(
            code: try container.decodeIfPresent(Int.self, forKey: .code) ?? 0,
            reason: try container.decodeIfPresent(String.self, forKey: .reason),
            message: try container.decodeIfPresent(String.self, forKey: .message) ?? "",
            retryAfterSeconds: try container.decodeIfPresent(Details.self, forKey: .details)?.retryAfterSeconds)
    }
}
