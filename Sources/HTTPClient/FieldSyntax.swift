/// Whether `text` is a token (RFC 9110 §5.6.2): a method or a field name.
func isToken(_ text: String) -> Bool {
    !text.isEmpty
        && text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"):
                true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
}

/// Whether `text` is a valid field value (RFC 9110 §5.5): without control characters except tab, so that it cannot end
/// its line.
func isFieldValue(_ text: String) -> Bool {
    text.utf8.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }
}

/// Whether two field names are equal, ignoring ASCII case (RFC 9110 §5.1).
func areEqualFieldNames(_ left: String, _ right: String) -> Bool {
    left.utf8.elementsEqual(right.utf8) { lowered($0) == lowered($1) }
}

private func lowered(_ byte: UInt8) -> UInt8 {
    byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
}
