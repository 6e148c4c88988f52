package import JSON
import Platform

/// Makes JSON values and damages texts, the same for the same seed.
package struct RandomJSON {
    private let entropy: SeededEntropy

    package init(seed: UInt64) {
        entropy = SeededEntropy(seed: seed)
    }

    package func below(_ limit: Int) -> Int {
        Int(entropy.next() % UInt64(limit))
    }

    package func value(depth: Int = 4) -> JSONValue {
        switch below(depth > 0 ? 8 : 6) {
        case 0: return [.null, .bool(true), .bool(false)][below(3)]
        case 1, 2: return .number(number())
        case 3, 4, 5: return .string(text())
        case 6: return .array((0..<below(4)).map { _ in value(depth: depth - 1) })
        default:
            let members = (0..<below(5)).map { _ in (ExactText(text()), value(depth: depth - 1)) }
            return .object(Dictionary(members) { first, _ in first })
        }
    }

    package func number() -> String {
        let sign = below(3) == 0 ? "-" : ""
        let integer = [
            String(below(10)), String(1 + below(1_000_000)), "18446744073709551615", "99999999999999999999",
        ][below(4)]
        let fraction = ["", "", ".0", ".50", ".000001", "." + String(below(1_000_000_000))][below(6)]
        let exponent = ["", "", "", "e3", "E5", "e-7", "E+12", "e00"][below(8)]
        return sign + integer + fraction + exponent
    }

    package func text() -> String {
        if below(2) == 0 { return Self.words[below(Self.words.count)] }
        return String(String.UnicodeScalarView((0..<below(12)).map { _ in scalar() }))
    }

    /// Changes, removes, doubles or inserts up to eight bytes.
    package func mutated(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0...below(8) {
            let place = below(bytes.count + 1)
            switch below(5) {
            case 0: bytes.insert(UInt8(below(256)), at: place)
            case 1: bytes.insert(contentsOf: Array(Self.snippets[below(Self.snippets.count)].utf8), at: place)
            case 2 where place < bytes.count: bytes.remove(at: place)
            case 3 where place < bytes.count: bytes[place] = UInt8(below(256))
            case 4 where place < bytes.count: bytes.insert(contentsOf: bytes[place...].prefix(1 + below(9)), at: place)
            default: bytes = Array(bytes.prefix(max(1, place)))
            }
        }
        return bytes
    }

    private func scalar() -> Unicode.Scalar {
        switch below(4) {
        case 0: Unicode.Scalar(UInt8(below(128)))
        case 1: Self.scalars[below(Self.scalars.count)]
        default: Unicode.Scalar(UInt32(below(0x11_0000))) ?? "\u{FFFD}"
        }
    }

    private static let scalars: [Unicode.Scalar] = [
        "\u{7F}", "\u{80}", "\u{85}", "\u{9F}", "\u{A0}", "\u{2028}", "\u{2029}", "\u{D7FF}", "\u{E000}",
        "\u{FEFF}", "\u{FFFD}", "\u{FFFE}", "\u{FFFF}", "\u{10000}", "\u{1FFFF}", "\u{10FFFF}", "\u{301}", "\"", "\\",
    ]

    /// What YAML 1.1 reads as something else when it is not quoted.
    private static let words = [
        "", "yes", "NO", "on", "off", "y", "n", "~", "null", "Null", "true", "1e3", "0x10", "010", "0b1", "0o7",
        "1_000",
        ".inf", ".NaN", "12:30:45", "2001-12-14", "<<", "=", "!!int 1", "&a", "*a", "- a", "? a", ": a", "a: b", "# c",
        " x ",
        "%%host%%", "100%%", "{}", "[]", "'", "\"", "@", "`", "|", ">", "---", "...", "\u{FEFF}x", "tags", "name", "é",
        "e\u{301}",
    ]

    private static let snippets = [
        "{", "}", "[", "]", "\"", "\\", ",", ":", "\\u", "\\ud83d", "\\ude00", "null", "true", "-", "1e", "e+", "0.",
        "\n", "\u{FEFF}",
        "{\"a\":", "[[[[[[[[", "😀", "\u{0}",
    ]
}
