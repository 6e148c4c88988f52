/// Secrets of URLs and DSNs: the password before an `@`, whatever characters it has; a token in the place of a user;
/// and the query's `key`, a name that elsewhere is no secret.
enum SecretsInURLs {
    static func secrets(in bytes: [UInt8]) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var index = 0
        while index < bytes.count {
            let start = SecretText.end(in: bytes, from: index) { !SecretText.isSpace($0) && !SecretText.isQuote($0) }
            let end = SecretText.end(in: bytes, from: start) { SecretText.isSpace($0) || SecretText.isQuote($0) }
            let word = secrets(in: bytes, word: start..<end)
            found += word
            index = max(end, word.last?.upperBound ?? 0, index + 1)
        }
        return found
    }

    private static func secrets(in bytes: [UInt8], word: Range<Int>) -> [Range<Int>] {
        guard let slashes = doubleSlash(in: bytes, word) else {
            return passwordOfDSN(bytes[word], hostFollows: false).map { [$0] } ?? []
        }
        // What a word has before its URL may be a DSN's: `user:password@//host`.
        if let password = passwordOfDSN(bytes[word.lowerBound..<slashes - 2], hostFollows: true) { return [password] }
        var found: [Range<Int>] = []
        var start: Int? = slashes
        while let authority = start {
            // Lists of URLs, as `http://a:b@c,http://d:e@f`, are one word.
            let next = doubleSlash(in: bytes, authority..<word.upperBound)
            let scheme = next.map { schemeStart(in: bytes, before: $0 - 2, after: authority) } ?? word.upperBound
            found += secrets(in: bytes, url: authority..<scheme, isLast: next == nil)
            start = next
        }
        return found
    }

    /// Where a `//` that begins an authority ends: one after a colon, or at the start of a word.
    private static func doubleSlash(in bytes: [UInt8], _ range: Range<Int>) -> Int? {
        guard range.count > 2 else { return nil }
        return (range.lowerBound..<range.upperBound - 1).first {
            bytes[$0] == UInt8(ascii: "/") && bytes[$0 + 1] == UInt8(ascii: "/")
                && ($0 == range.lowerBound || ":@=(,".utf8.contains(bytes[$0 - 1]))
        }.map { $0 + 2 }
    }

    /// Where the scheme of the next URL of a list begins: behind a comma, or at the `//`.
    private static func schemeStart(in bytes: [UInt8], before slashes: Int, after start: Int) -> Int {
        bytes[start..<slashes].lastIndex { ",;|".utf8.contains($0) } ?? slashes
    }

    /// - Parameter isLast: whether the word has no other URL behind this one, so that a password with a space in it may
    ///   go on.
    private static func secrets(in bytes: [UInt8], url: Range<Int>, isLast: Bool) -> [Range<Int>] {
        var found: [Range<Int>] = []
        if let credentials = credentials(bytes[url]) {
            found.append(credentials)
        } else if isLast, let credentials = credentials(in: bytes, beyond: url) {
            return [credentials]
        }
        let rest = bytes[(found.last?.upperBound ?? url.lowerBound)..<url.upperBound]
        if let webhook = secretOfWebhook(rest) { return found + [webhook] }
        return found + keyOfQuery(rest)
    }

    /// What follows the place of a webhook: the whole path is the secret.
    private static func secretOfWebhook(_ url: ArraySlice<UInt8>) -> Range<Int>? {
        let places = ["hooks.slack.com/", "/webhooks/", "webhook.office.com/", "api.telegram.org/bot"]
        for place in places.map({ Array($0.utf8) }) where url.count > place.count {
            let starts = url.startIndex...url.endIndex - place.count
            if let start = starts.first(where: { url[$0] == place[0] && url[$0...].starts(with: place) }) {
                return start + place.count < url.endIndex ? start + place.count..<url.endIndex : nil
            }
        }
        return nil
    }

    /// The password in what follows `//`: from the first colon to the last `@` of the authority. Where the password
    /// itself has a `/`, `?` or `#`, that is where the authority seems to end; but what follows a colon and is not a
    /// port is a password.
    private static func credentials(_ url: ArraySlice<UInt8>) -> Range<Int>? {
        let end = url.firstIndex { "/?#".utf8.contains($0) } ?? url.endIndex
        let authority = url[..<end]
        if let at = authority.lastIndex(of: UInt8(ascii: "@")) {
            if let colon = colon(in: authority[..<at]) { return colon..<at }
            return isToken(authority[..<at]) ? authority.startIndex..<at : nil
        }
        guard let colon = colon(in: authority), authority.first != UInt8(ascii: "["),
            !isPort(authority[colon...]), let at = url.lastIndex(of: UInt8(ascii: "@"))
        else { return nil }
        return colon..<at
    }

    /// A password with a space or a quote in it: from the colon to the next `@` of the line.
    private static func credentials(in bytes: [UInt8], beyond url: Range<Int>) -> Range<Int>? {
        guard let colon = colon(in: bytes[url]), bytes[url].first != UInt8(ascii: "["),
            !isPort(bytes[colon..<url.upperBound]),
            !bytes[url].contains(where: { "/?#".utf8.contains($0) })
        else { return nil }
        let at = SecretText.end(in: bytes, from: url.upperBound) {
            $0 == UInt8(ascii: "@") || $0 == UInt8(ascii: "/") || SecretText.isLineEnd($0)
        }
        guard at < bytes.count, bytes[at] == UInt8(ascii: "@") else { return nil }
        return colon..<at
    }

    /// Where what follows the first colon, or its escape `%3A`, begins.
    private static func colon(in userinfo: ArraySlice<UInt8>) -> Int? {
        let found = userinfo.indices.first { index in
            userinfo[index] == UInt8(ascii: ":")
                || (userinfo[index] == UInt8(ascii: "%") && index + 2 < userinfo.endIndex
                    && userinfo[index + 1] == UInt8(ascii: "3") && userinfo[index + 2] | 0x20 == UInt8(ascii: "a"))
        }
        guard let found else { return nil }
        let start = userinfo[found] == UInt8(ascii: ":") ? found + 1 : found + 3
        return start < userinfo.endIndex ? start : nil
    }

    private static func isPort(_ text: ArraySlice<UInt8>) -> Bool {
        text.count <= 5 && text.allSatisfy { (0x30...0x39).contains($0) }
    }

    /// Whether what stands for the user is rather a token: long, of letters and digits.
    private static func isToken(_ user: ArraySlice<UInt8>) -> Bool {
        user.count >= 16 && user.contains { (0x30...0x39).contains($0) }
            && user.contains { SecretText.isLetterOrDigit($0) && !(0x30...0x39).contains($0) }
    }

    private static func keyOfQuery(_ url: ArraySlice<UInt8>) -> [Range<Int>] {
        guard let query = url.firstIndex(of: UInt8(ascii: "?")) else { return [] }
        return url[(query + 1)...].split { $0 == UInt8(ascii: "&") || $0 == UInt8(ascii: ";") }.compactMap { pair in
            pair.starts(with: "key=".utf8) && pair.count > 4 ? pair.startIndex + 4..<pair.endIndex : nil
        }
    }

    // MARK: Without a scheme

    /// The password of `user:password@host`, or of Oracle's `user/password@host`.
    ///
    /// - Parameter hostFollows: whether the host is not in `word`: `//host` comes behind it.
    private static func passwordOfDSN(_ word: ArraySlice<UInt8>, hostFollows: Bool) -> Range<Int>? {
        guard let at = word.lastIndex(of: UInt8(ascii: "@")) else { return nil }
        let host = word[(at + 1)...]
        // No sample of a metric, no digest of an image: those have no host here.
        guard host.first.map({ SecretText.isWord($0) || "[(/.".utf8.contains($0) }) ?? hostFollows,
            !host.starts(with: "sha256:".utf8), !word[..<at].contains(UInt8(ascii: "|"))
        else { return nil }
        if word.starts(with: "jdbc:oracle:".utf8), let slash = word[..<at].firstIndex(of: UInt8(ascii: "/")) {
            return slash + 1 < at ? slash + 1..<at : nil
        }
        guard let start = colon(in: word[..<at]) else { return nil }
        let colon = word[..<start].lastIndex { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "%") } ?? start
        let user = word[..<colon].reversed().prefix { !"=([{,;".utf8.contains($0) }
        guard !user.isEmpty, !["mailto", "sip", "acct"].contains(String(decoding: user.reversed(), as: UTF8.self)),
            !user.contains(UInt8(ascii: "/")), !isPort(word[start..<at]), word[start] != UInt8(ascii: "@")
        else { return nil }
        return start..<at
    }
}
