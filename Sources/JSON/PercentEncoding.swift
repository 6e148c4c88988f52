import Platform

/// The text as one part of a path or query: everything but RFC 3986's unreserved characters (§2.3) as `%XX`.
package func percentEncoded(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            encoded.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            encoded += "%" + zeroPadded(byte, width: 2, radix: 16, uppercase: true)
        }
    }
    return encoded
}

/// The text that one part of a path or query encodes (RFC 3986 §2.1): two hexadecimal digits after each `%`, UTF-8 in
/// the end.
package func percentDecoded(_ part: Substring.UTF8View) throws(PercentEncodingError) -> String {
    guard part.contains(UInt8(ascii: "%")) else { return String(Substring(part)) }
    var bytes: [UInt8] = []
    var rest = part
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        guard let high = rest.popFirst().flatMap(hexadecimalValue), let low = rest.popFirst().flatMap(hexadecimalValue)
        else {
            throw .incompleteEscape
        }
        bytes.append(high << 4 | low)
    }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw .notUTF8 }
    return text
}

/// Why a text is not percent-encoded.
package enum PercentEncodingError: Error, Hashable, Sendable {
    /// A `%` without two hexadecimal digits after it.
    case incompleteEscape
    /// The decoded bytes are not UTF-8.
    case notUTF8
}
