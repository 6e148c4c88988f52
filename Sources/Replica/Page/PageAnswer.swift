import HTTPServer
import JSON

/// What `GET /` answers: the page, for whoever asks. It holds nothing of the cluster.
enum PageAnswer {
    /// The longest body that a browser may be sent.
    static let limit = 100_000

    private static let body = [Array(Page.document.utf8)]
    private static let headers: [(name: String, value: String)] = [
        ("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"), ("Cache-Control", "no-cache"),
    ]

    /// Nothing is loaded from elsewhere, nothing runs but the page's own script, and no text becomes markup.
    static let policy = [
        "default-src 'none'", "script-src \(hash(Page.script))", "style-src \(hash(Page.style))",
        "connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ].joined(separator: "; ")

    /// A source of Content Security Policy that allows exactly this text; none if it cannot be computed.
    private static func hash(_ text: String) -> String {
        guard let digest = sha256(Array(text.utf8)) else { return "'none'" }
        var encoded: [UInt8] = []
        Base64.encode(digest, into: &encoded)
        return "'sha256-\(String(decoding: encoded, as: UTF8.self))'"
    }

    static func to(_ request: HTTPRequest) -> HTTPResponse {
        guard request.method == .get || request.method == .head else {
            return APIError.methodNotAllowed(allowed: .get).response
        }
        return HTTPResponse(status: 200, headers: headers, body: body)
    }
}
