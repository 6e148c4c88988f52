import Platform

/// Whether a key names a secret.
///
/// The floor is what upstream's scrubber takes for one (`pkg/util/scrubber/default.go` in DataDog/datadog-agent), but
/// for `passenger`, `compass` and the like, which it masks for the `pass` in them, and for the file of a password.
enum SecretName {
    /// Parts of keys that name a secret, in lower case and without separators.
    private static let parts = [
        "password", "passwd", "pswd", "passphrase", "passcode", "passwort", "kennwort", "contraseña", "contrasena",
        "motdepasse", "senha", "wachtwoord", "hasło", "heslo", "пароль", "密码", "token", "secret", "credential",
        "authorization", "communitystring", "connectionstring",
        "connstr", "apikey", "appkey", "applicationkey", "accesskey", "accountkey", "authkey", "authenticationkey",
        "authorizationkey", "certkey", "clientkey", "consumerkey", "decryptionkey", "encryptionkey", "functionskey",
        "hmackey", "licensekey", "masterkey", "partnerkey", "privacykey", "privatekey", "privkey", "rsakey", "saskey",
        "securitykey", "serverkey", "servicekey", "sessionkey", "sharedkey", "signingkey", "sshkey", "statuskey",
        "storagekey", "subscriptionkey", "websocketkey", "webhookkey", "keystorepass", "truststorepass", "basicauth",
        "proxyauth", "httpauth", "sessionid", "sessid", "dockerconfigjson", "additionalendpoints", "userkey",
        "integrationkey", "aeskey", "cryptokey", "enckey", "rndckey", "tacacskey", "unsealkey", "deploykey", "gpgkey",
        "stripekey", "pagerdutykey", "tlskey", "sslkey", "masterauth", "authdata", "authstring", "authvalue", "pwhash",
        "keydata", "serviceaccountjson", "keyfilejson", "requirepass", "rocommunity", "rwcommunity", "sasurl",
        "signedurl", "tsig",
    ]
    /// Ends of last words that name one, unless the word is in `ordinaryWords`.
    private static let endings = ["pass", "pwd", "pw", "jwt"]
    private static let ordinaryWords = [
        "bypass", "compass", "encompass", "overpass", "surpass", "trespass", "underpass",
    ]
    /// Last words that name one.
    private static let lastWords = [
        "community", "communities", "cookie", "cookies", "bearer", "signature", "sig", "hmac", "otp", "totp", "pin",
        "dsn",
        "webhook", "webhooks", "psk", "sas", "cred", "creds", "auth",
    ]
    /// Whole keys that name one.
    private static let wholeKeys = ["authority", "authtenantid", "lodauth", "session", "webhookurl"]
    /// Last words of header fields that name one where the first is `X`.
    private static let headerEndings = ["key", "auth"]
    /// Last words of keys whose values only describe a secret.
    private static let descriptions = [
        "path", "file", "filename", "dir", "directory", "type", "name", "url", "uri", "endpoint", "host", "hostname",
        "port", "user", "username", "timeout", "ttl", "expiry", "expiration", "enabled", "length", "size", "header",
        "format", "regex", "pattern", "method", "mode", "version", "interval", "algorithm", "limit", "count", "age",
        "max", "min", "total", "provider",
    ]
    /// First words of keys whose values only measure what the rest names.
    private static let measures = ["max", "min", "num", "total"]
    /// Keys whose value can be the name of what `valueKeys` hold: `{"name": "PASSWORD", "value": "x"}`.
    static let namingKeys = ["name", "key", "header", "field", "option", "id"]
    static let valueKeys = ["value", "val", "values"]

    static func isSecret(_ key: String) -> Bool {
        // Longer than any name: a text.
        guard key.utf8.count <= 256 else { return false }
        let words = words(of: key)
        let plain = words.joined()
        guard let first = words.first, let last = words.last else { return false }
        if wholeKeys.contains(plain) || lastWords.contains(where: { plain == $0 + "url" }) { return true }
        guard !measures.contains(first), !words.contains("per") else { return false }
        // Upstream takes these two words for a secret wherever they stand.
        if words.count > 1, words.contains("pass") || words.contains("pwd"), !["file", "path", "dir"].contains(last) {
            return true
        }
        guard !descriptions.contains(last) else { return false }
        if lastWords.contains(last) || parts.contains(where: { contains(plain, $0) }) { return true }
        if first == "x", words.count > 1, headerEndings.contains(where: last.hasSuffix) { return true }
        return endings.contains(where: last.hasSuffix) && !ordinaryWords.contains(last)
    }

    static func isDescription(_ key: String) -> Bool {
        words(of: key).last.map(descriptions.contains) ?? false
    }

    /// `Ocp-Apim-Subscription-Key` → `ocp`, `apim`, `subscription`, `key`; `privKey2` → `priv`, `key`.
    private static func words(of key: String) -> [String] {
        var words: [[UInt8]] = [[]]
        let bytes = Array(key.utf8)
        for (index, byte) in bytes.enumerated() {
            guard SecretText.isLetterOrDigit(byte) || byte >= 0x80 else {
                words.append([])
                continue
            }
            let isUpper = (0x41...0x5A).contains(byte)
            let followsLower = index > 0 && !(0x41...0x5A).contains(bytes[index - 1])
            let precedesLower = index + 1 < bytes.count && (0x61...0x7A).contains(bytes[index + 1])
            if isUpper, followsLower || precedesLower { words.append([]) }
            words[words.count - 1].append(isUpper ? byte | 0x20 : byte)
        }
        let numbered = words.map { word in word.reversed().drop { (0x30...0x39).contains($0) }.reversed() }
        return numbered.filter { !$0.isEmpty }.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func contains(_ text: String, _ part: String) -> Bool {
        let (text, part) = (text.utf8, part.utf8)
        guard text.count >= part.count else { return false }
        return text.indices.contains { text[$0...].starts(with: part) }
    }
}
