package import JSON
import Platform

/// Masks secrets in what people are shown. Agents always get the whole config.
///
/// It goes by names, as upstream's scrubber does: it masks the values of keys that name a secret, also where key and
/// value stand in a text, and what the form of a text gives away (`SecretText`). Handles of a secret backend (`ENC[…]`)
/// are not secrets, and stay.
package enum Scrubbing {
    /// The replacement for a secret.
    static let mask = "********"

    /// The value with its secrets masked.
    package static func scrubbed(_ json: JSONValue) -> JSONValue {
        switch json {
        case .null, .bool, .number: json
        case .string(let text): .string(scrubbed(text))
        case .array(let elements): .array(elements.map(scrubbed))
        case .object(let members):
            .object(
                Dictionary(
                    uniqueKeysWithValues: members.map {
                        ($0, SecretName.isSecret($0.text) ? masked($1) : scrubbed($1))
                    }))
        }
    }

    /// The text with its secrets masked: see `SecretText`.
    package static func scrubbed(_ text: String) -> String {
        SecretText.scrubbed(text)
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

    /// The value with everything masked that could be the secret. A boolean could not (`use_token: true`), nor what
    /// only describes the secret (`auth_token: {reader: {type: file}}`).
    private static func masked(_ json: JSONValue) -> JSONValue {
        switch json {
        case .null, .bool: json
        case .number: .string(mask)
        case .string(let text): canBeSecret(text) ? .string(mask) : json
        case .array(let elements): .array(elements.map(masked))
        case .object(let members):
            .object(
                Dictionary(
                    uniqueKeysWithValues: members.map {
                        ($0, SecretName.isDescription($0.text) ? scrubbed($1) : masked($1))
                    }))
        }
    }

    /// Whether the value of a key that names a secret can be one.
    static func canBeSecret(_ value: String) -> Bool {
        let isHandle = value.hasPrefix("ENC[") && value.hasSuffix("]")
        return !value.isEmpty && !isHandle
            && !["true", "false", "yes", "no", "null", "none"].contains(value.lowercased())
    }
}

/// Whether a key names a secret.
enum SecretName {
    /// Parts of keys that name a secret, in lower case and without separators.
    private static let parts = [
        "password", "passwd", "passphrase", "passcode", "token", "secret", "credential", "authorization",
        "communitystring", "connectionstring", "apikey", "appkey", "applicationkey", "accesskey", "accountkey",
        "authkey", "authenticationkey", "authorizationkey", "certkey", "decryptionkey", "encryptionkey", "hmackey",
        "licensekey", "masterkey", "privacykey", "privatekey", "privkey", "saskey", "securitykey", "servicekey",
        "sessionkey", "sharedkey", "signingkey", "sshkey", "storagekey", "subscriptionkey", "keystorepass",
        "truststorepass",
    ]
    /// Last words that name one.
    private static let lastWords = ["pass", "pwd", "pw", "community", "cookie"]
    /// Whole keys that name one.
    private static let wholeKeys = ["auth", "key"]
    /// Last words of keys whose values only describe a secret.
    private static let descriptions = [
        "path", "file", "filename", "dir", "directory", "type", "name", "url", "uri", "endpoint", "host", "hostname",
        "port", "user", "username", "timeout", "ttl", "expiry", "expiration", "enabled", "length", "size", "header",
        "format", "regex", "pattern", "method", "mode", "version", "interval", "algorithm",
    ]

    static func isSecret(_ key: String) -> Bool {
        let words = words(of: key)
        guard let last = words.last, !descriptions.contains(last) else { return false }
        let plain = words.joined()
        return lastWords.contains(last) || wholeKeys.contains(plain) || parts.contains { contains(plain, $0) }
    }

    static func isDescription(_ key: String) -> Bool {
        words(of: key).last.map(descriptions.contains) ?? false
    }

    /// `Ocp-Apim-Subscription-Key` → `ocp`, `apim`, `subscription`, `key`; `privKey` → `priv`, `key`.
    private static func words(of key: String) -> [String] {
        var words: [[UInt8]] = [[]]
        let bytes = Array(key.utf8)
        for (index, byte) in bytes.enumerated() {
            guard isLetterOrDigit(byte) || byte >= 0x80 else {
                words.append([])
                continue
            }
            let isUpper = (0x41...0x5A).contains(byte)
            let followsLower = index > 0 && !(0x41...0x5A).contains(bytes[index - 1])
            let precedesLower = index + 1 < bytes.count && (0x61...0x7A).contains(bytes[index + 1])
            if isUpper, followsLower || precedesLower { words.append([]) }
            words[words.count - 1].append(isUpper ? byte | 0x20 : byte)
        }
        return words.filter { !$0.isEmpty }.map { String(decoding: $0, as: UTF8.self) }
    }

    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    private static func contains(_ text: String, _ part: String) -> Bool {
        let (text, part) = (text.utf8, part.utf8)
        guard text.count >= part.count else { return false }
        return text.indices.contains { text[$0...].starts(with: part) }
    }
}
