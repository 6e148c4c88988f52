package import JSON

/// Masks secrets in what people are shown. Agents always get the whole config.
///
/// It goes by names, as upstream's scrubber does: it masks the values of keys that name a password or token, passwords
/// in URLs, and what follows `Bearer` or such a name in a text. Handles of a secret backend (`ENC[…]`) are not secrets,
/// and stay.
package enum Scrubbing {
    /// The replacement for a secret.
    static let mask = "********"

    /// Parts of keys that name a secret, in lower case and without `_` and `-`.
    private static let names = [
        "password", "passwd", "passphrase", "token", "secret", "apikey", "appkey", "accesskey", "privatekey",
        "credential", "authorization", "communitystring", "sessionkey", "connectionstring",
    ]
    /// Whole keys that name one.
    private static let wholeNames = ["pass", "pwd", "pw", "auth", "key", "cookie"]

    /// The value with its secrets masked.
    package static func scrubbed(_ json: JSONValue) -> JSONValue {
        switch json {
        case .null, .bool, .number: json
        case .string(let text): .string(scrubbed(text))
        case .array(let elements): .array(elements.map(scrubbed))
        case .object(let members):
            .object(
                Dictionary(
                    uniqueKeysWithValues: members.map { ($0, isSecret($0) ? masked($1) : scrubbed($1)) }))
        }
    }

    /// The text with masks for the passwords of URLs, and for what follows `Bearer`, `password=` and the like.
    package static func scrubbed(_ text: String) -> String {
        withoutAssignedSecrets(withoutURLPasswords(text))
    }

    /// The config with its secrets masked. Compute check IDs before that: they depend on the bytes.
    package static func scrubbed(_ config: WireConfig) -> WireConfig {
        var config = config
        config.instances = config.instances.map(scrubbed)
        config.initConfig = config.initConfig.map(scrubbed)
        config.metricConfig = config.metricConfig.map(scrubbed)
        config.logs = config.logs.map(scrubbed)
        return config
    }

    private static func scrubbed(_ bytes: [UInt8]) -> [UInt8] {
        // We only send JSON. Of anything else, nothing is shown.
        guard let json = try? JSONValue(parsing: bytes) else { return Array(mask.utf8) }
        return scrubbed(json).encoded()
    }

    private static func isSecret(_ key: String) -> Bool {
        let plain = key.lowercased().filter { $0 != "_" && $0 != "-" }
        return wholeNames.contains(plain) || names.contains { plain.contains($0) }
    }

    /// The value with everything masked that could be the secret. A boolean could not (`use_token: true`).
    private static func masked(_ json: JSONValue) -> JSONValue {
        switch json {
        case .null, .bool: json
        case .number: .string(mask)
        case .string(let text): text.isEmpty || isHandle(text) ? json : .string(mask)
        case .array(let elements): .array(elements.map(masked))
        case .object(let members): .object(members.mapValues(masked))
        }
    }

    private static func isHandle(_ text: String) -> Bool {
        text.hasPrefix("ENC[") && text.hasSuffix("]")
    }

    /// Masks the password in `scheme://user:password@host`: from the first colon to the last `@` before the path.
    private static func withoutURLPasswords(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let scheme = rest.firstRange(of: "://") {
            result += rest[..<scheme.upperBound]
            rest = rest[scheme.upperBound...]
            let end = rest.firstIndex { "/?# \"'".contains($0) } ?? rest.endIndex
            let authority = rest[..<end]
            if let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") {
                let password = authority[authority.index(after: colon)..<at]
                result += authority[...colon] + (isHandle(String(password)) ? String(password) : mask)
                rest = rest[at...]
            }
        }
        return result + rest
    }

    /// Masks `Bearer X`, and `name=value` if the name is that of a secret, as in a query.
    private static func withoutAssignedSecrets(_ text: String) -> String {
        let separators = "&;, \t\n\"'"
        var result = ""
        var rest = text[...]
        var isSecretNext = false
        while !rest.isEmpty {
            let word = rest.prefix { !separators.contains($0) }
            rest = rest[word.endIndex...]
            if isSecretNext, !word.isEmpty {
                result += isHandle(String(word)) ? String(word) : mask
                isSecretNext = false
            } else if let equals = word.firstIndex(of: "="), isSecret(name(word[..<equals])),
                !isHandle(String(word[word.index(after: equals)...]))
            {
                result += word[...equals] + mask
            } else {
                result += word
                isSecretNext = ["bearer", "basic"].contains(word.lowercased())
            }
            let gap = rest.prefix { separators.contains($0) }
            result += gap
            rest = rest[gap.endIndex...]
        }
        return result
    }

    /// The name at the end of the text before an equals sign: `http://host/?api_key` → `api_key`.
    private static func name(_ text: Substring) -> String {
        String(text.suffix(while: { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" }))
    }
}

extension Substring {
    fileprivate func suffix(while belongs: (Character) -> Bool) -> Substring {
        var start = endIndex
        while start > startIndex, belongs(self[index(before: start)]) { start = index(before: start) }
        return self[start...]
    }

    /// The first occurrence of `text`.
    fileprivate func firstRange(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
