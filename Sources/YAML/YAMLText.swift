func isBreak(_ byte: UInt8) -> Bool {
    byte == 0x0A || byte == 0x0D
}

/// Whether a line ends with this byte. A carriage return and a line feed are one break.
func isEndOfLine(_ bytes: [UInt8], _ index: Int) -> Bool {
    let byte = bytes[index]
    return byte == 0x0A || byte == 0x0D && !(index + 1 < bytes.count && bytes[index + 1] == 0x0A)
}

func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09
}

/// Whether a byte ends a word: a blank, a line break, or the zero behind the text.
func isSpace(_ byte: UInt8) -> Bool {
    byte <= 0x20
}

func isFlowIndicator(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"): true
    default: false
    }
}

func hasByteOrderMark(_ bytes: [UInt8]) -> Bool {
    bytes.starts(with: [0xEF, 0xBB, 0xBF])
}

/// The first fault of a text as such, before any syntax: bytes that are no UTF-8, and characters that YAML does not
/// allow or that its versions read differently.
struct TextFault {
    let offset: Int
    let reason: String

    /// nil if the text is fine.
    init?(of bytes: [UInt8]) {
        if bytes.starts(with: [0xFE, 0xFF]) || bytes.starts(with: [0xFF, 0xFE]) {
            self.init(0, "UTF-16; save it as UTF-8")
            return
        }
        var index = hasByteOrderMark(bytes) ? 3 : 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte >= 0x20 && byte < 0x7F || byte == 0x0A || byte == 0x0D || byte == 0x09 {
                index += 1
                continue
            }
            guard byte >= 0x80 else {
                self.init(index, "a control character; write it as an escape in double quotes")
                return
            }
            var rest = bytes[index..<min(index + 4, bytes.count)].makeIterator()
            var decoder = UTF8()
            guard case .scalarValue(let scalar) = decoder.decode(&rest) else {
                self.init(index, "invalid UTF-8")
                return
            }
            if let reason = Self.reason(against: scalar) {
                self.init(index, reason)
                return
            }
            index += UTF8.width(scalar)
        }
        return nil
    }

    private init(_ offset: Int, _ reason: String) {
        self.offset = offset
        self.reason = reason
    }

    private static func reason(against scalar: Unicode.Scalar) -> String? {
        switch scalar.value {
        case 0x85, 0x2028, 0x2029:
            "a line break of YAML 1.1 that is none in YAML 1.2; write it as an escape in double quotes"
        case 0x80...0x9F, 0xFFFE, 0xFFFF: "a control character; write it as an escape in double quotes"
        case 0xFEFF: "a byte order mark that is not at the start"
        default: nil
        }
    }
}
