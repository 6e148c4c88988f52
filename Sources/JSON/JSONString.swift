extension JSONScanner {
    /// Reads a string; the next byte is its opening quote.
    mutating func string() throws(JSONError) -> String {
        // Read before the call: Swift 6.3.1's optimizer merges this call with the loop's last one and moves it behind a read of
        // `position` that follows it here, so that the string would begin with its quote.
        let start = position + 1
        advance()
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                let text = try text(bytes[start..<position], from: start)
                advance()
                return text
            case UInt8(ascii: "\\"):
                return try stringWithEscapes(from: start)
            case 0..<0x20:
                throw failure("a control character in a string; write it as an escape")
            default:
                advance()
            }
        }
        throw failure("ends inside a string")
    }

    /// Goes on with a string, from its first backslash.
    private mutating func stringWithEscapes(from start: Int) throws(JSONError) -> String {
        var unescaped = Array(bytes[start..<position])
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                let text = try text(unescaped[...], from: start)
                advance()
                return text
            case UInt8(ascii: "\\"):
                unescaped.append(contentsOf: try escape().utf8)
            case 0..<0x20:
                throw failure("a control character in a string; write it as an escape")
            default:
                unescaped.append(byte)
                advance()
            }
        }
        throw failure("ends inside a string")
    }

    private mutating func escape() throws(JSONError) -> String {
        let start = position
        advance()
        guard let letter = peek else { throw failure("ends inside a string") }
        advance()
        switch letter {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try codePoint(from: start)
        default: throw failure("an unknown escape", at: start)
        }
    }

    /// Reads the digits of `\uXXXX`, and of a second one if the first is the upper half of a surrogate pair.
    private mutating func codePoint(from start: Int) throws(JSONError) -> String {
        let unit = try fourDigits()
        if let scalar = Unicode.Scalar(UInt32(unit)) { return String(Character(scalar)) }
        guard UTF16.isLeadSurrogate(unit), peek == UInt8(ascii: "\\") else {
            throw failure("a lone surrogate", at: start)
        }
        advance()
        guard peek == UInt8(ascii: "u") else { throw failure("a lone surrogate", at: start) }
        advance()
        let second = try fourDigits()
        guard UTF16.isTrailSurrogate(second) else { throw failure("a lone surrogate", at: start) }
        return String(Character(UTF16.decode(UTF16.EncodedScalar([unit, second]))))
    }

    private mutating func fourDigits() throws(JSONError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = peek else { throw failure("ends inside a string") }
            guard let digit = Character(UnicodeScalar(byte)).hexDigitValue, byte < 0x80 else {
                throw failure("an escape without four hexadecimal digits")
            }
            value = value << 4 | UInt16(digit)
            advance()
        }
        return value
    }

    /// The string of UTF-8 bytes, or an error at the first that is none. `start` is where they began.
    private func text(_ utf8: ArraySlice<UInt8>, from start: Int) throws(JSONError) -> String {
        if let text = String(validating: utf8, as: UTF8.self) { return text }
        // Escapes yield valid UTF-8 only, so the fault is in the raw bytes, at the same place whatever was unescaped.
        var rest = bytes[start...].makeIterator()
        var decoder = UTF8()
        var offset = start
        while case .scalarValue(let scalar) = decoder.decode(&rest) { offset += UTF8.width(scalar) }
        throw failure("invalid UTF-8", at: offset)
    }
}
