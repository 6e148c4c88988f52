package import JSON
import Platform

/// Masks secrets in what people are shown. Agents always get the whole config.
///
/// It goes by names, as upstream's scrubber does: it masks the values of keys that name a secret (`SecretName`), also
/// where key and value stand in a text, and what the form of a text gives away (`SecretText`). Handles of a secret
/// backend (`ENC[…]`) are not secrets, and stay.
package enum Scrubbing {
    /// The replacement for a secret.
    static let mask = "********"

    /// The value with its secrets masked.
    package static func scrubbed(_ json: JSONValue) -> JSONValue {
        StructuredSecrets(levels: 2).scrubbed(json)
    }

    /// The text with its secrets masked: see `SecretText`. If it is a JSON object or array, it is looked through as one
    /// besides, and is written anew if it has a secret that only its structure shows.
    package static func scrubbed(_ text: String) -> String {
        StructuredSecrets(levels: 2).scrubbed(text)
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

    /// Whether the value of a key that names a secret can be one. It is none if it is a handle, a word that only says
    /// whether or how there is one, or the path of a file with a certificate or a key.
    static func canBeSecret(_ value: String) -> Bool {
        let bytes = value.utf8.drop(while: SecretText.isSpace)
        let end = bytes.lastIndex { !SecretText.isSpace($0) }
        let isHandle = bytes.starts(with: "ENC[".utf8) && bytes.firstIndex(of: UInt8(ascii: "]")) == end
        return !value.isEmpty && !isHandle && !plainWords.contains(value.lowercased()) && !isPath(value)
    }

    private static let plainWords = [
        "true", "false", "yes", "no", "on", "off", "null", "none", "required", "require", "optional", "enabled",
        "disabled", "basic", "digest", "ntlm", "kerberos", "oauth", "oauth2",
    ]

    private static func isPath(_ value: String) -> Bool {
        value.hasPrefix("/") && value.utf8.count <= 256
            && value.utf8.allSatisfy { SecretText.isWord($0) || "/.-".utf8.contains($0) }
            && [".pem", ".key", ".crt", ".cer", ".p12", ".pfx", ".jks"].contains(where: value.hasSuffix)
    }
}
