import JSON
package import Platform

/// What the token of a ServiceAccount says of itself: a JSON Web Token (RFC 7519 §3.1).
///
/// Anybody can write such a text. Reading it saves the API server questions that it would answer with no; whether the
/// token is genuine only a `TokenReviewer` tells.
package struct ServiceAccountToken: Sendable {
    /// The longest token that is read, in bytes; the API server's have about 1,000.
    package static let limit = 4096

    /// For whom it was made.
    package let audiences: [String]
    /// When it ends, as it says; nil if it does not.
    package let expiry: WallTime?
    /// The user that it is of, such as `system:serviceaccount:cluster-agent:node-agent`.
    package let user: String

    /// Reads the claims of a token; nil for a text that is not three parts in base64url with a JSON object as the
    /// second.
    package init?(_ text: String) {
        // One token has one spelling: what an API server would overlook, such as a text after a space, is none.
        guard text.utf8.count <= Self.limit, text.utf8.allSatisfy(Self.isPart) else { return nil }
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[2].isEmpty, let bytes = Self.decoded(parts[1]),
            let claims = try? JSONValue(parsing: bytes), let user = claims["sub"]?.stringValue
        else { return nil }
        self.user = user
        audiences =
            claims["aud"]?.arrayValue?.compactMap(\.stringValue) ?? claims["aud"]?.stringValue.map { [$0] } ?? []
        expiry = claims["exp"]?.integerValue.map { WallTime(seconds: $0) }
    }

    private static func isPart(_ letter: UInt8) -> Bool {
        switch letter {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// Decodes base64url without padding (RFC 7515 §2).
    private static func decoded(_ part: Substring.UTF8View) -> [UInt8]? {
        var letters = part.map { letter in
            switch letter {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: letter
            }
        }
        while !letters.count.isMultiple(of: 4) { letters.append(UInt8(ascii: "=")) }
        return Base64.decode(letters)
    }
}
