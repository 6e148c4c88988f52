import Platform

/// Secrets that a name before them gives away.
///
/// - `name=value`, `name: value`, `"name":"value"`, `name => value`, also with escaped quotes, with a list or a YAML
///   block as the value, and as the `value` behind a `name: PASSWORD`;
/// - `<name>value</name>`, `--name value`, `PASSWORD 'x'` and `IDENTIFIED BY 'x'` of SQL;
/// - header fields of credentials, whatever their scheme; `Bearer x` and `Basic x` anywhere;
/// - `-u user:x` of curl, `-px` of MySQL's commands.
///
/// A sentence after a name is no value: `token: is not set`.
struct NamedSecrets {
    private let bytes: [UInt8]
    /// Whether the last `name: …` named a secret, so that the next `value: …` is one.
    private var valueIsSecret = false
    /// The last command of the line that takes a password; empty if none.
    private var command = ""
    /// Where the line that is looked at ends.
    private var lineEnd = 0

    static func secrets(in bytes: [UInt8]) -> [Range<Int>] {
        var scan = NamedSecrets(bytes: bytes)
        var found: [Range<Int>] = []
        var index = 0
        while index < bytes.count {
            let end = SecretText.end(in: bytes, from: index) { !isName($0) }
            guard end > index else {
                if SecretText.isLineEnd(bytes[index]) { scan.command = "" }
                index += 1
                continue
            }
            if end > scan.lineEnd { scan.lineEnd = SecretText.end(in: bytes, from: end, SecretText.isLineEnd) }
            let secrets = scan.secrets(after: index..<end)
            found += secrets
            index = max(end, secrets.last?.upperBound ?? end)
        }
        return found
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private static func isName(_ byte: UInt8) -> Bool {
        SecretText.isWord(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte >= 0x80
    }

    private func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    private func byte(_ index: Int) -> UInt8? {
        bytes.indices.contains(index) ? bytes[index] : nil
    }

    private mutating func secrets(after name: Range<Int>) -> [Range<Int>] {
        if beginsElement(name) { return content(after: name).map { [$0] } ?? [] }
        if let secret = credentials(after: name) ?? secretOfCommand(after: name) ?? secretOfOption(after: name)
            ?? secretOfStatement(after: name)
        {
            return [secret]
        }
        guard let pair = Pair(name: name, in: bytes) else { return [] }
        let key = text(name)
        if SecretName.namingKeys.contains(key.lowercased()) {
            // A longer one is no name, and is looked through again.
            let end = min(bytes.count, pair.value + 100)
            let value = bytes[min(pair.value, end)..<end].drop { SecretText.isQuote($0) || $0 == UInt8(ascii: "\\") }
            let name = value.prefix { Self.isName($0) }
            valueIsSecret = SecretName.isSecret(String(decoding: name, as: UTF8.self))
            return []
        }
        guard SecretName.isSecret(key) || (valueIsSecret && SecretName.valueKeys.contains(key.lowercased())) else {
            return []
        }
        valueIsSecret = false
        return values(of: pair)
    }

    // MARK: Name and value

    /// A name, a separator, and where the value begins.
    private struct Pair {
        let name: Range<Int>
        let value: Int
        /// Whether a colon separates them, as in YAML and in header fields.
        let hasColon: Bool
        /// The quote around the name, or the one that a quoted field begins with: `-H 'Authorization: x'`.
        let quote: UInt8?
        /// Whether only blanks, a quote or a dash stand before the name on its line.
        let beginsLine: Bool

        init?(name: Range<Int>, in bytes: [UInt8]) {
            let before = name.lowerBound > 0 ? bytes[name.lowerBound - 1] : nil
            var index = name.upperBound
            var isQuoted = false
            if let before, SecretText.isQuote(before) {
                let close = SecretText.end(in: bytes, from: index) { $0 != UInt8(ascii: "\\") }
                isQuoted = close < bytes.count && bytes[close] == before
                if isQuoted { index = close + 1 }
                // `config['password'] = …`.
                if isQuoted, index < bytes.count, bytes[index] == UInt8(ascii: "]") { index += 1 }
            }
            index = SecretText.skippingBlanks(bytes, index)
            guard index + 1 < bytes.count else { return nil }
            let opensCall = isQuoted && name.lowerBound > 1 && bytes[name.lowerBound - 2] == UInt8(ascii: "(")
            switch bytes[index] {
            // `define('PASSWORD', …)`.
            case UInt8(ascii: ",") where opensCall: hasColon = false
            case UInt8(ascii: "="):
                hasColon = false
            case UInt8(ascii: ":") where bytes[index + 1] == UInt8(ascii: "="):
                hasColon = false
            // A tag is `name:value`, without a space; after a file or an option follows what is wrong with it.
            // A header field needs none.
            case UInt8(ascii: ":")
            where isQuoted || SecretText.isSpace(bytes[index + 1]) || SecretText.isQuote(bytes[index + 1])
                || NamedSecrets.isField(bytes[name]):
                guard before != UInt8(ascii: "/"), !"-.".utf8.contains(bytes[name.lowerBound]) else { return nil }
                hasColon = true
            default: return nil
            }
            let start = SecretText.end(in: bytes, from: index + 1) { !"=>".utf8.contains($0) }
            self.name = name
            value = SecretText.skippingBlanks(bytes, start)
            quote = before.flatMap { SecretText.isQuote($0) && !isQuoted ? $0 : nil }
            let lead = bytes[..<name.lowerBound].reversed().prefix { " \t-'\"".utf8.contains($0) }
            beginsLine = lead.count == name.lowerBound || SecretText.isLineEnd(bytes[name.lowerBound - lead.count - 1])
        }
    }

    private func values(of pair: Pair) -> [Range<Int>] {
        let start = pair.value
        guard start < bytes.count else { return [] }
        if pair.hasColon, pair.beginsLine, let block = block(after: pair) { return [block] }
        if SecretText.isLineEnd(bytes[start]) { return [] }
        if let quoted = quoted(from: start) ?? quotedBehindPrefix(from: start) { return [quoted] }
        switch bytes[start] {
        // ODBC and JDBC; `}}` is a brace within.
        case UInt8(ascii: "{") where !pair.hasColon: return [start + 1..<endOfBraces(from: start)]
        case UInt8(ascii: "["): return [start..<endOfList(from: start)]
        // What is in it has names of its own.
        case UInt8(ascii: "{"): return []
        default: break
        }
        if isHandle(start) { return [] }
        let isField = Self.isField(bytes[pair.name])
        guard pair.hasColon else {
            guard isField else { return [start..<word(from: start)] }
            // `Authorization=Basic x,other=y`: up to the next field.
            return fieldValue(start..<SecretText.end(in: bytes, from: start) { ",;&\n".utf8.contains($0) })
        }
        let end = endOfLine(from: start, quote: pair.quote)
        guard !isSentence(start..<end) else { return [] }
        if isField { return fieldValue(start..<end) }
        let isWhole = pair.beginsLine || pair.quote != nil
        return [start..<(isWhole ? end : SecretText.end(in: bytes, from: start) { ",;})]\"'`\n\r".utf8.contains($0) })]
    }

    /// The end of the line, or of the quoted text that the name stands in, without blanks.
    private func endOfLine(from start: Int, quote: UInt8?) -> Int {
        let end = quote.map { quote in min(lineEnd, SecretText.end(in: bytes, from: start) { $0 == quote }) } ?? lineEnd
        return start + bytes[start..<max(start, end)].reversed().drop { SecretText.isSpace($0) }.count
    }

    /// Whether a handle of a secret backend begins at `start`.
    private func isHandle(_ start: Int) -> Bool {
        guard bytes[start...].starts(with: "ENC[".utf8) else { return false }
        let end = SecretText.end(in: bytes, from: start + 4) { "[]\n".utf8.contains($0) }
        guard byte(end) == UInt8(ascii: "]") else { return false }
        return byte(end + 1).map { !Self.isName($0) } ?? true
    }

    /// What is in quotes at `start`, escaped ones too.
    private func quoted(from start: Int) -> Range<Int>? {
        let open = SecretText.end(in: bytes, from: start) { $0 != UInt8(ascii: "\\") }
        let escapes = open - start
        // A JSON text within one within one: whatever has more is no quoted value.
        guard let quote = byte(open), SecretText.isQuote(quote), escapes <= 7 else { return nil }
        if escapes == 0, byte(open + 1) == quote, byte(open + 2) == quote { return quotedThrice(from: open + 3, quote) }
        var end = open + 1
        while end < bytes.count {
            // Inside, a quote is escaped more deeply than the one that ends the text.
            let slashes = SecretText.end(in: bytes, from: end) { $0 != UInt8(ascii: "\\") }
            if byte(slashes) == quote, slashes - end <= escapes {
                // YAML and SQL write a single quote within as two.
                let isDoubled = quote == UInt8(ascii: "'") && escapes == 0 && byte(slashes + 1) == quote
                guard isDoubled, slashes > open + 1 else { break }
                end = slashes + 2
                continue
            }
            end = slashes + 1
        }
        return open + 1..<min(end, bytes.count)
    }

    /// What is in three quotes, as in Python and TOML.
    private func quotedThrice(from start: Int, _ quote: UInt8) -> Range<Int> {
        var index = start
        while index + 2 < bytes.count, bytes[index] != quote || bytes[index + 1] != quote || bytes[index + 2] != quote {
            index += 1
        }
        return start..<(index + 2 < bytes.count ? index : bytes.count)
    }

    /// What is in the quotes behind the letters of another kind of literal: `b'x'`, `N'x'`.
    private func quotedBehindPrefix(from start: Int) -> Range<Int>? {
        let letters = bytes[start...].prefix(2).prefix { "bBrRuUfFnNeE".utf8.contains($0) }
        guard !letters.isEmpty, let next = byte(letters.endIndex), SecretText.isQuote(next) else { return nil }
        return quoted(from: letters.endIndex)
    }

    private func endOfBraces(from start: Int) -> Int {
        var index = start + 1
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "}") {
                guard byte(index + 1) == UInt8(ascii: "}") else { return index }
                index += 1
            }
            index += 1
        }
        return bytes.count
    }

    /// The end of a value without quotes: at a blank, a quote or a semicolon, and at a comma, an ampersand or a
    /// bracket, but not where the value goes on behind it.
    private func word(from start: Int) -> Int {
        var index = start
        while let byte = byte(index), !SecretText.isSpace(byte), !SecretText.isQuote(byte), byte != UInt8(ascii: ";") {
            if byte == UInt8(ascii: "&") || byte == UInt8(ascii: ",") {
                let next = SecretText.end(in: bytes, from: index + 1) { !Self.isName($0) }
                if next == bytes.count || next == index + 1 || "=:".utf8.contains(bytes[next]) { break }
                index = next
                continue
            }
            let next = self.byte(index + 1)
            if ")}]>".utf8.contains(byte), next.map(Self.endsWord) ?? true { break }
            if byte == UInt8(ascii: "<"), next == UInt8(ascii: "/") { break }
            index += 1
        }
        return index
    }

    private static func endsWord(_ byte: UInt8) -> Bool {
        SecretText.isSpace(byte) || SecretText.isQuote(byte) || ")}]>,;.:".utf8.contains(byte)
    }

    /// The end of `[…]`, behind its last bracket; without one, the end of the line.
    private func endOfList(from start: Int) -> Int {
        var depth = 0
        var index = start
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 { return index + 1 }
            default: break
            }
            index = quoted(from: index).map { min($0.upperBound + 1, bytes.count) } ?? index + 1
        }
        return bytes.count
    }

    /// A YAML block behind `name: |`, or the lines of a list or of a text behind `name:`: all that is indented more
    /// than the name, and the entries of a list that are as much.
    private func block(after pair: Pair) -> Range<Int>? {
        let head = endOfLine(from: pair.value, quote: nil)
        let indicator = blockIndicator(bytes[min(pair.value, head)..<head])
        let isScalar = indicator.first.map { "|>".utf8.contains($0) } ?? false
        guard indicator.isEmpty || (isScalar && indicator.dropFirst().allSatisfy { "+-0123456789".utf8.contains($0) })
        else { return nil }
        let lineStart = (bytes[..<pair.name.lowerBound].lastIndex(where: SecretText.isLineEnd) ?? -1) + 1
        let indentation = SecretText.skippingBlanks(bytes, lineStart) - lineStart
        var block: Range<Int>?
        var index = SecretText.end(in: bytes, from: head, SecretText.isLineEnd)
        while index < bytes.count {
            let start = index + 1
            let content = SecretText.skippingBlanks(bytes, start)
            let end = SecretText.end(in: bytes, from: content, SecretText.isLineEnd)
            index = end
            guard content < end else { continue }
            let isEntry = bytes[content..<end].starts(with: "- ".utf8)
            guard content - start > indentation || (isEntry && !isScalar && content - start == indentation) else {
                break
            }
            if block == nil, !isScalar, isMapping(content..<end) { return nil }
            block = (block?.lowerBound ?? content)..<end
        }
        return block
    }

    /// What a line has behind `name:` without a tag and a comment: `!vault |  # why`.
    private func blockIndicator(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text
        if text.first == UInt8(ascii: "!") { text = text.drop { $0 != 0x20 }.drop { $0 == 0x20 } }
        if let comment = text.firstIndex(of: UInt8(ascii: "#")) { text = text[..<comment] }
        while text.last == 0x20 { text.removeLast() }
        return text
    }

    /// Whether a line of YAML is `key: …`.
    private func isMapping(_ line: Range<Int>) -> Bool {
        bytes[line].indices.contains {
            bytes[$0] == UInt8(ascii: ":") && ($0 + 1 == line.upperBound || SecretText.isSpace(bytes[$0 + 1]))
        }
    }

    // MARK: Header fields

    private static func isField(_ name: ArraySlice<UInt8>) -> Bool {
        guard (6...40).contains(name.count) else { return false }
        let field = String(decoding: name, as: UTF8.self).lowercased()
        return ["authorization", "proxy-authorization", "cookie", "set-cookie", "www-authenticate"].contains(field)
            || (field.hasPrefix("x-") && SecretName.isSecret(field))
    }

    private static let schemes = [
        "basic", "bearer", "digest", "negotiate", "ntlm", "token", "apikey", "hawk", "splunk", "aws4-hmac-sha256",
    ]

    /// The value without the scheme of its credentials.
    private func fieldValue(_ value: Range<Int>) -> [Range<Int>] {
        let scheme = value.lowerBound..<bytes[value].firstIndexOrEnd(where: SecretText.isSpace)
        guard Self.schemes.contains(text(scheme).lowercased()) else { return [value] }
        let start = SecretText.skippingBlanks(bytes, scheme.upperBound)
        return start < value.upperBound ? [start..<value.upperBound] : []
    }

    /// What follows `Bearer` or `Basic`, unless it is a word of a sentence.
    private func credentials(after name: Range<Int>) -> Range<Int>? {
        guard name.count == 5 || name.count == 6, case let scheme = text(name),
            ["bearer", "basic"].contains(scheme.lowercased()), let next = byte(name.upperBound),
            SecretText.isSpace(next)
        else { return nil }
        let start = SecretText.skippingBlanks(bytes, name.upperBound)
        let end = SecretText.end(in: bytes, from: start) {
            SecretText.isSpace($0) || SecretText.isQuote($0) || "&;,\\".utf8.contains($0)
        }
        let isPlain = bytes[start..<end].allSatisfy { (0x61...0x7A).contains($0) }
        let isWord = Self.isProse(text(start..<end).lowercased())
        guard start < end, !isWord, !isPlain || scheme == "Bearer" else { return nil }
        return start..<end
    }

    // MARK: Other forms

    /// `<name`, or `<namespace:name`.
    private func beginsElement(_ name: Range<Int>) -> Bool {
        let before = byte(name.lowerBound - 1)
        guard before == UInt8(ascii: ":") else { return before == UInt8(ascii: "<") }
        let space = bytes[..<(name.lowerBound - 1)].suffix(40).reversed().prefix { Self.isName($0) }
        return !space.isEmpty && byte(name.lowerBound - 2 - space.count) == UInt8(ascii: "<")
    }

    /// The content of an element with a name. It ends at the next element too, so that many names without an end do
    /// not each look through the whole text.
    private func content(after name: Range<Int>) -> Range<Int>? {
        let close = SecretText.end(in: bytes, from: name.upperBound) { "<>".utf8.contains($0) }
        if byte(close) == UInt8(ascii: ">"), bytes[(close + 1)...].starts(with: "<![CDATA[".utf8),
            SecretName.isSecret(text(name))
        {
            return close + 10..<(SecretText.firstIndex(of: "]]>", in: bytes, from: close + 10) ?? bytes.count)
        }
        guard byte(close) == UInt8(ascii: ">"), let end = bytes[close...].firstIndex(of: UInt8(ascii: "<")),
            SecretName.isSecret(text(name))
        else { return nil }
        return close + 1..<end
    }

    /// `--password x`, or `"--password", "x"` of a list.
    private func secretOfOption(after name: Range<Int>) -> Range<Int>? {
        // `-password x` too, as Java and Go have it.
        guard bytes[name.lowerBound] == UInt8(ascii: "-"), name.count > 3, let next = byte(name.upperBound) else {
            return nil
        }
        var start = SecretText.skippingBlanks(bytes, name.upperBound)
        if SecretText.isQuote(next) {
            start = SecretText.skippingBlanks(bytes, name.upperBound + 1)
            guard byte(start) == UInt8(ascii: ",") else { return nil }
            start = SecretText.skippingBlanks(bytes, start + 1)
            guard byte(start) == next else { return nil }
        }
        guard start > name.upperBound, let first = byte(start), first != UInt8(ascii: "-"),
            !SecretText.isLineEnd(first), SecretName.isSecret(text(name))
        else { return nil }
        let value = quoted(from: start) ?? start..<word(from: start)
        return Self.isProse(text(value)) ? nil : value
    }

    /// Words of configuration files behind which a secret stands: Redis, SNMP and LDAP.
    private static let directives: Set<ExactText> = [
        "requirepass", "masterauth", "rocommunity", "rwcommunity", "bindpw", "rootpw",
    ]

    /// `PASSWORD 'x'`, `IDENTIFIED BY 'x'`, `requirepass x`.
    private func secretOfStatement(after name: Range<Int>) -> Range<Int>? {
        guard byte(name.upperBound) == 0x20 else { return nil }
        let start = SecretText.skippingBlanks(bytes, name.upperBound)
        if (6...11).contains(name.count), Self.directives.contains(text(name)), start < bytes.count {
            return quoted(from: start) ?? start..<word(from: start)
        }
        guard let quote = byte(start), SecretText.isQuote(quote) else { return nil }
        let before = bytes[..<name.lowerBound].reversed().drop { SecretText.isSpace($0) }.prefix { Self.isName($0) }
        let isIdentified = String(decoding: before.reversed(), as: UTF8.self).lowercased() == "identified"
        guard SecretName.isSecret(text(name)) || (isIdentified && text(name).lowercased() == "by") else { return nil }
        return quoted(from: start)
    }

    private static let userCommands: Set<ExactText> = ["curl", "wget"]
    private static let passwordCommands: Set<ExactText> = ["sshpass", "mongo", "mongosh", "mongodump"]
    /// Other commands, and the options behind which they take a secret.
    private static let otherCommands: [ExactText: [String]] = [
        "redis-cli": ["-a"], "ldapsearch": ["-w"], "sqlcmd": ["-P"], "snmpget": ["-A", "-X", "-c"],
        "snmpwalk": ["-A", "-X", "-c"],
    ]
    private static let databaseCommands: Set<ExactText> = ["mysql", "mysqladmin", "mysqldump", "mariadb"]

    /// `curl -u user:x`, `mysql -px`, `sshpass -p x`.
    private mutating func secretOfCommand(after name: Range<Int>) -> Range<Int>? {
        guard bytes[name.lowerBound] == UInt8(ascii: "-") else {
            if (4...10).contains(name.count), case let word = text(name),
                [Self.userCommands, Self.passwordCommands, Self.databaseCommands].contains(where: { $0.contains(word) })
                    || Self.otherCommands[word] != nil
            {
                command = word
            }
            return nil
        }
        guard !command.isEmpty else { return nil }
        let next = byte(name.upperBound) ?? 0x20
        let start = SecretText.skippingBlanks(bytes, name.upperBound)
        let value = quoted(from: start) ?? start..<word(from: start)
        if Self.userCommands.contains(command) {
            guard ["-u", "--user", "-U", "--proxy-user"].contains(text(name)) else { return nil }
            return bytes[value].firstIndex(of: UInt8(ascii: ":")).map { $0 + 1..<value.upperBound }
        }
        if let options = Self.otherCommands[command] { return options.contains(text(name)) ? value : nil }
        guard bytes[name].starts(with: "-p".utf8) else { return nil }
        if name.count == 2, SecretText.isQuote(next) { return value }
        if name.count == 2, next == 0x20 {
            guard Self.passwordCommands.contains(command) else { return nil }
            // What sshpass runs has a `-p` of its own.
            command = ""
            return value
        }
        guard Self.databaseCommands.contains(command) || command == "sshpass" else { return nil }
        return name.lowerBound + 2..<max(name.upperBound, word(from: name.lowerBound + 2))
    }

    // MARK: Sentences

    private static let proseWords = [
        "a", "an", "and", "are", "as", "at", "auth", "authentication", "authorization", "be", "but", "by", "can",
        "cannot", "closed", "credentials", "denied", "does", "expected", "expired", "failed", "file", "for", "from",
        "has", "have", "header", "if", "in", "invalid", "is", "it", "lacks", "may", "missing", "must", "needs", "no",
        "not", "of", "on", "only", "or", "reading", "refused", "rejected", "that", "the", "their", "then", "this", "to",
        "token", "tokens", "unknown", "unsupported", "was", "when", "which", "with", "without", "wrong",
    ]

    static func isProse(_ word: String) -> Bool {
        proseWords.contains(word)
    }

    /// Whether a text begins as a sentence does: more than a word, and the first one is an ordinary one.
    private func isSentence(_ range: Range<Int>) -> Bool {
        let end = bytes[range].firstIndexOrEnd(where: SecretText.isSpace)
        return end < range.upperBound && Self.isProse(text(range.lowerBound..<end))
    }
}

extension ArraySlice<UInt8> {
    fileprivate func firstIndexOrEnd(where ends: (UInt8) -> Bool) -> Int {
        firstIndex(where: ends) ?? endIndex
    }
}
