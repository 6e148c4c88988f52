/// Masks secrets in a text of any kind: an error, a value of a config, a line of a log.
///
/// Three passes find them, each over the result of the one before: by their own form (`SecretForms`), in URLs and DSNs
/// (`SecretsInURLs`), and by the name before them (`NamedSecrets`). Each looks at a byte a bounded number of times,
/// whatever the text, and finds nothing new in a text that is masked already.
enum SecretText {
    /// The text with masks.
    static func scrubbed(_ text: String) -> String {
        var bytes = Array(text.utf8)
        for secrets in [SecretForms.secrets, SecretsInURLs.secrets, NamedSecrets.secrets] {
            bytes = masked(bytes, secrets(bytes))
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// - Parameter secrets: in ascending order; what overlaps the one before is left out.
    private static func masked(_ bytes: [UInt8], _ secrets: [Range<Int>]) -> [UInt8] {
        guard !secrets.isEmpty else { return bytes }
        var result: [UInt8] = []
        var rest = 0
        for secret in secrets where secret.lowerBound >= rest {
            result += bytes[rest..<secret.lowerBound]
            let canBeSecret = Scrubbing.canBeSecret(String(decoding: bytes[secret], as: UTF8.self))
            result += canBeSecret ? Array(Scrubbing.mask.utf8) : Array(bytes[secret])
            rest = secret.upperBound
        }
        return result + bytes[rest...]
    }

    // MARK: Kinds of bytes

    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }

    static func isLineEnd(_ byte: UInt8) -> Bool {
        byte == 0x0A || byte == 0x0D
    }

    static func isQuote(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "`")
    }

    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    /// A letter, a digit or an underscore, as `\w` of regular expressions.
    static func isWord(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || byte == UInt8(ascii: "_")
    }

    // MARK: Searching

    static func firstIndex(of text: StaticString, in bytes: [UInt8], from start: Int) -> Int? {
        let wanted = Array("\(text)".utf8)
        guard bytes.count >= wanted.count, start <= bytes.count - wanted.count else { return nil }
        return (start...bytes.count - wanted.count).first {
            bytes[$0] == wanted[0] && bytes[$0..<$0 + wanted.count].elementsEqual(wanted)
        }
    }

    /// The first index from `start` whose byte ends something, or the end of the text.
    static func end(in bytes: [UInt8], from start: Int, _ ends: (UInt8) -> Bool) -> Int {
        bytes[min(start, bytes.count)...].firstIndex(where: ends) ?? bytes.count
    }

    static func skippingBlanks(_ bytes: [UInt8], _ start: Int) -> Int {
        end(in: bytes, from: start) { $0 != 0x20 && $0 != 0x09 }
    }
}
