/// Masks secrets in a text of any kind: an error, a value of a config, a line of a log.
///
/// - passwords in URLs (`scheme://user:password@host`) and DSNs (`user:password@tcp(db)/app`), with any character in
///   them;
/// - 32 or 40 hexadecimal digits that are a segment of a URL's path;
/// - what follows a name that names a secret: `name=value`, `name: value`, `"name":"value"`, `<name>value</name>`;
/// - what follows `Bearer` or `Basic`;
/// - private keys in PEM.
enum SecretText {
    /// The text with masks.
    static func scrubbed(_ text: String) -> String {
        var bytes = Array(text.utf8)
        bytes = withoutPrivateKeys(bytes)
        bytes = withoutPasswordsOfURLs(bytes)
        bytes = withoutPasswordsOfDSNs(bytes)
        bytes = withoutNamedSecrets(bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let mask = Array(Scrubbing.mask.utf8)

    private static func mask(_ value: ArraySlice<UInt8>) -> [UInt8] {
        Scrubbing.canBeSecret(String(decoding: value, as: UTF8.self)) ? mask : Array(value)
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }

    private static func isQuote(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "`")
    }

    private static func firstIndex(of text: StaticString, in bytes: [UInt8], from start: Int) -> Int? {
        let wanted = Array("\(text)".utf8)
        guard bytes.count >= wanted.count, start <= bytes.count - wanted.count else { return nil }
        return (start...bytes.count - wanted.count).first {
            bytes[$0] == wanted[0] && bytes[$0..<$0 + wanted.count].elementsEqual(wanted)
        }
    }

    // MARK: By their form

    private static func withoutPrivateKeys(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = 0
        while let label = firstIndex(of: "PRIVATE KEY-----", in: bytes, from: rest) {
            let start = label + 16
            let end = firstIndex(of: "-----END", in: bytes, from: start) ?? bytes.count
            result += bytes[rest..<start] + mask
            // The label at the end names the key again.
            rest = firstIndex(of: "KEY-----", in: bytes, from: end).map { $0 + 8 } ?? bytes.count
            result += bytes[end..<rest]
        }
        return result + bytes[rest...]
    }

    private static func withoutPasswordsOfURLs(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = 0
        while let scheme = firstIndex(of: "://", in: bytes, from: rest) {
            let start = scheme + 3
            let end = bytes[start...].firstIndex { isSpace($0) || isQuote($0) } ?? bytes.count
            result += bytes[rest..<start]
            rest = start
            if let password = password(in: bytes[start..<end]) {
                result += bytes[start..<password.lowerBound] + mask(bytes[password])
                rest = password.upperBound
            }
            let path = bytes[rest..<end].firstIndex(of: UInt8(ascii: "/")) ?? end
            result += bytes[rest..<path] + withoutKeySegments(bytes[path..<end])
            rest = end
        }
        return result + bytes[rest...]
    }

    /// The password in what follows `://`: from the first colon to the last `@` of the authority. Where the password
    /// itself has a `/`, `?` or `#`, that is where the authority seems to end; but what follows a colon and is not a
    /// port is a password.
    private static func password(in url: ArraySlice<UInt8>) -> Range<Int>? {
        let end =
            url.firstIndex { [UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#")].contains($0) } ?? url.endIndex
        let authority = url[..<end]
        if let at = authority.lastIndex(of: UInt8(ascii: "@")) {
            return authority[..<at].firstIndex(of: UInt8(ascii: ":")).map { $0 + 1..<at }
        }
        guard let colon = authority.firstIndex(of: UInt8(ascii: ":")), authority.first != UInt8(ascii: "["),
            authority[(colon + 1)...].contains(where: { !(0x30...0x39).contains($0) }),
            let at = url.lastIndex(of: UInt8(ascii: "@"))
        else { return nil }
        return colon + 1..<at
    }

    /// Masks segments of 32 or 40 hexadecimal digits, as API keys and application keys are.
    private static func withoutKeySegments(_ path: ArraySlice<UInt8>) -> [UInt8] {
        func isHexadecimal(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
        }
        let ends = [UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#"), UInt8(ascii: "&"), UInt8(ascii: ",")]
        var result: [UInt8] = []
        var rest = path
        while let first = rest.first {
            guard first == UInt8(ascii: "/") else {
                result.append(first)
                rest = rest.dropFirst()
                continue
            }
            let segment = rest.dropFirst().prefix { !ends.contains($0) }
            let isKey = (segment.count == 32 || segment.count == 40) && segment.allSatisfy(isHexadecimal)
            result.append(first)
            result += isKey ? mask : Array(segment)
            rest = rest[segment.endIndex...]
        }
        return result
    }

    /// Masks the password of `user:password@host`, without a scheme.
    private static func withoutPasswordsOfDSNs(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let gap = rest.prefix { isSpace($0) || isQuote($0) || $0 == UInt8(ascii: ",") }
            result += gap
            rest = rest[gap.endIndex...]
            let word = rest.prefix { !isSpace($0) && !isQuote($0) && $0 != UInt8(ascii: ",") }
            rest = rest[word.endIndex...]
            if let password = passwordOfDSN(word) {
                result += bytes[word.startIndex..<password.lowerBound] + mask(bytes[password])
                result += bytes[password.upperBound..<word.endIndex]
            } else {
                result += word
            }
        }
        return result
    }

    private static func passwordOfDSN(_ word: ArraySlice<UInt8>) -> Range<Int>? {
        let user = word.prefix {
            SecretName.isLetterOrDigit($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
                || $0 == UInt8(ascii: ".")
        }
        guard !user.isEmpty, user.endIndex < word.endIndex, word[user.endIndex] == UInt8(ascii: ":"),
            let at = word.lastIndex(of: UInt8(ascii: "@")), at > user.endIndex + 1
        else { return nil }
        let (password, host) = (user.endIndex + 1..<at, word[(at + 1)...])
        // No URL, no sample of a metric, no digest of an image: those have no host here.
        guard let first = host.first, SecretName.isLetterOrDigit(first), !host.starts(with: "sha256:".utf8),
            !word[password].starts(with: "//".utf8), !word[password].contains(UInt8(ascii: "|"))
        else { return nil }
        return password
    }

    // MARK: By their names

    private static func withoutNamedSecrets(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let end = bytes[index...].firstIndex { !isName($0) } ?? bytes.count
            guard end > index else {
                result.append(bytes[index])
                index += 1
                continue
            }
            let value = value(after: index..<end, in: bytes)
            result += bytes[index..<(value?.lowerBound ?? end)]
            if let value { result += mask(bytes[value]) }
            index = value?.upperBound ?? end
        }
        return result
    }

    private static func isName(_ byte: UInt8) -> Bool {
        SecretName.isLetterOrDigit(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: ".")
    }

    /// Where the secret is that follows a name; nil if there is none.
    private static func value(after name: Range<Int>, in bytes: [UInt8]) -> Range<Int>? {
        let before = name.lowerBound > 0 ? bytes[name.lowerBound - 1] : nil
        if before == UInt8(ascii: "<") { return content(after: name, in: bytes) }
        var index = name.upperBound
        if let scheme = credentials(after: name, in: bytes) { return scheme }
        let isQuoted = before.map(isQuote) == true && index < bytes.count && bytes[index] == before
        if isQuoted { index += 1 }
        index = skippingBlanks(bytes, index)
        guard index + 1 < bytes.count else { return nil }
        switch bytes[index] {
        case UInt8(ascii: "="): break
        // A tag is `name:value`, without a space; after a file or an option follows what is wrong with it.
        case UInt8(ascii: ":") where isQuoted || isSpace(bytes[index + 1]) || isQuote(bytes[index + 1]):
            guard before != UInt8(ascii: "/"), bytes[name.lowerBound] != UInt8(ascii: "-") else { return nil }
        default: return nil
        }
        guard SecretName.isSecret(String(decoding: bytes[name], as: UTF8.self)) else { return nil }
        return value(in: bytes, from: skippingBlanks(bytes, index + 1))
    }

    private static func value(in bytes: [UInt8], from start: Int) -> Range<Int>? {
        guard start < bytes.count else { return nil }
        if isQuote(bytes[start]) {
            var end = start + 1
            while end < bytes.count, bytes[end] != bytes[start] { end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1 }
            return start + 1..<min(end, bytes.count)
        }
        if bytes[start...].starts(with: "ENC[".utf8) { return nil }
        let end =
            bytes[start...].firstIndex { isSpace($0) || isQuote($0) || "&;,<>)}]".utf8.contains($0) } ?? bytes.count
        let name = start..<end
        return credentials(after: name, in: bytes) ?? name
    }

    /// What follows `Bearer` or `Basic`, unless it is an ordinary word.
    private static func credentials(after name: Range<Int>, in bytes: [UInt8]) -> Range<Int>? {
        guard ["bearer", "basic"].contains(String(decoding: bytes[name], as: UTF8.self).lowercased()),
            name.upperBound < bytes.count, isSpace(bytes[name.upperBound])
        else { return nil }
        let start = skippingBlanks(bytes, name.upperBound)
        let end = bytes[start...].firstIndex { isSpace($0) || isQuote($0) || "&;,\\".utf8.contains($0) } ?? bytes.count
        guard bytes[start..<end].contains(where: { !(0x61...0x7A).contains($0) }) else { return nil }
        return start..<end
    }

    /// The content of an element with a name.
    private static func content(after name: Range<Int>, in bytes: [UInt8]) -> Range<Int>? {
        // It ends at the next element too, so that many names without an end do not each look through the whole text.
        let close = bytes[name.upperBound...].firstIndex { $0 == UInt8(ascii: ">") || $0 == UInt8(ascii: "<") }
        guard let close, bytes[close] == UInt8(ascii: ">"),
            let end = bytes[close...].firstIndex(of: UInt8(ascii: "<")),
            SecretName.isSecret(String(decoding: bytes[name], as: UTF8.self))
        else { return nil }
        return close + 1..<end
    }

    private static func skippingBlanks(_ bytes: [UInt8], _ start: Int) -> Int {
        bytes[start...].firstIndex { $0 != 0x20 && $0 != 0x09 } ?? bytes.count
    }
}
