import JSON
import Platform

/// A look at PEM text (RFC 7468) from outside: whether it is whole. A file that is just being written is not.
enum PEM {
    /// The label of a certificate.
    static let certificate = "CERTIFICATE"
    /// How the label of each kind of private key ends.
    static let privateKey = "PRIVATE KEY"

    /// What is wrong with a text that must hold at least one block whose label ends in `label`; nil if nothing is.
    ///
    /// Every block must have its end and hold Base64, and a certificate's length must be what its own first bytes say.
    static func problem(in text: String, label: String) -> String? {
        var count = 0
        var block: (label: Substring, base64: String, isLegacy: Bool)?
        for line in text.split(whereSeparator: \.isNewline).map({ trimmed(String($0)) }) {
            if let begun = boundary("BEGIN", line) {
                guard block == nil else { return "a PEM block begins inside another" }
                block = (begun, "", false)
            } else if let ended = boundary("END", line) {
                guard let whole = block, whole.label == ended else { return "a PEM block ends that did not begin" }
                if !whole.isLegacy, let problem = problem(inBlock: whole.base64, ended) { return problem }
                if ended.hasSuffix(label) { count += 1 }
                block = nil
            } else if line.contains(":") {
                // An encrypted key of the older form has headers.
                block?.isLegacy = true
            } else {
                block?.base64 += line
            }
        }
        if let block { return "the PEM block \(block.label) has no end" }
        return count > 0 ? nil : "holds no PEM block \(label)"
    }

    private static func boundary(_ word: String, _ line: String) -> Substring? {
        let (start, end) = ("-----\(word) ", "-----")
        guard line.hasPrefix(start), line.hasSuffix(end), line.utf8.count > start.utf8.count + end.utf8.count else {
            return nil
        }
        return line.dropFirst(start.count).dropLast(end.count)
    }

    private static func problem(inBlock base64: String, _ label: Substring) -> String? {
        guard let bytes = Base64.decode(base64.utf8), !bytes.isEmpty else {
            return "the PEM block \(label) is not Base64"
        }
        guard label == certificate, !isOneSequence(bytes) else { return nil }
        return "the PEM block \(label) is no certificate"
    }

    /// Whether the bytes are one DER SEQUENCE, of the length that it says (X.690, 8.1.3).
    private static func isOneSequence(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= 2, bytes[0] == 0x30 else { return false }
        guard bytes[1] >= 0x80 else { return bytes.count == 2 + Int(bytes[1]) }
        let digits = Int(bytes[1] & 0x7F)
        guard 1...4 ~= digits, bytes.count >= 2 + digits else { return false }
        let length = bytes[2..<(2 + digits)].reduce(0) { $0 << 8 | Int($1) }
        return bytes.count == 2 + digits + length
    }
}
