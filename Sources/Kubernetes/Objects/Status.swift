package import JSON
package import Platform

/// An error answer of the API server: its `Status` object, or what can be said when a proxy answered without one.
package struct Status: Hashable, Sendable, CustomStringConvertible {
    /// The HTTP status code.
    package let code: Int
    /// The machine-readable reason, such as `NotFound` or `Conflict`; of the code's usual one if the answer has none.
    @ExactText package private(set) var reason: String
    /// The human-readable message; at most `messageBytes` bytes of it.
    @ExactText package private(set) var message: String
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

extension Status: JSONReadable {
    /// Reads a `Status` object, in which every field but the kind may be missing.
    package init(from json: inout JSONReader) throws(JSONError) {
        var kind: String?
        var code = 0
        var (reason, message) = ("", "")
        var retryAfterSeconds: Int?
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "kind": kind = try json.string()
            case "code": code = try json.integer()
            case "reason": reason = try json.string()
            case "message": message = try json.string()
            case "details":
                try json.enterObject()
                while let key = try json.nextKey() {
                    if key == "retryAfterSeconds" { retryAfterSeconds = try json.integer() }
                }
            default: break
            }
        }
        guard try json.required(kind, "kind") == "Status" else { throw json.failure("is of another kind than Status") }
        self.init(code: code, reason: reason, message: message, retryAfterSeconds: retryAfterSeconds)
    }
}
