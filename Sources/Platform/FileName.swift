import Glibc

/// File names as text. A name need not be UTF-8: each byte of such a name that is not ASCII stands as `\xNN` in its
/// text.
package enum FileName {
    private static let digits = Array("0123456789abcdef".utf8)

    /// The text of a name, or of a path.
    package static func text(of bytes: some Sequence<UInt8>) -> String {
        let bytes = Array(bytes)
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        var text: [UInt8] = []
        for byte in bytes {
            if byte < 0x80 {
                text.append(byte)
            } else {
                text += [UInt8(ascii: "\\"), UInt8(ascii: "x"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of a path, with a zero at the end. A path that exists as it is written is meant so, whatever it looks
    /// like.
    package static func bytes(of path: String) -> [CChar] {
        let written = Array(path.utf8CString)
        guard path.utf8.contains(UInt8(ascii: "\\")) else { return written }
        var status = stat()
        return unsafe lstat(written, &status) == 0 ? written : unescaped(written)
    }

    private static func unescaped(_ text: [CChar]) -> [CChar] {
        var bytes: [CChar] = []
        var rest = text[...]
        while let first = rest.first {
            let escape = rest.prefix(4)
            if escape.count == 4, escape.starts(with: [0x5C, 0x78]), let byte = value(escape.dropFirst(2)), byte >= 0x80
            {
                bytes.append(CChar(bitPattern: byte))
                rest = rest.dropFirst(4)
            } else {
                bytes.append(first)
                rest = rest.dropFirst()
            }
        }
        return bytes
    }

    private static func value(_ digits: ArraySlice<CChar>) -> UInt8? {
        UInt8(String(decoding: digits.map { UInt8(bitPattern: $0) }, as: UTF8.self), radix: 16)
    }
}
