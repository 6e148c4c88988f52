import Platform

extension JSONScanner {
    /// Reads a string; the next byte is its opening quote.
    mutating func string() throws(JSONError) -> String {
        let start = position + 1
        let end = try endOfPlainText(from: start)
        guard bytes[end] == UInt8(ascii: "\"") else { return try stringWithEscapes(from: start, plainUpTo: end) }
        let text = try text(bytes.span.extracting(start..<end), from: start)
        move(to: end + 1)
        return text
    }

    /// Skips a string; the next byte is its opening quote.
    mutating func skipString() throws(JSONError) {
        let start = position + 1
        var index = start
        while index < bytes.count, Self.isPlainASCII(bytes[index]) { index += 1 }
        if index < bytes.count, bytes[index] == UInt8(ascii: "\"") { return move(to: index + 1) }
        _ = try string()
    }

    private static func isPlainASCII(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    /// The position of the first quote or backslash.
    private func endOfPlainText(from start: Int) throws(JSONError) -> Int {
        var index = start
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): return index
            case 0..<0x20: throw failure("a control character in a string; write it as an escape", at: index)
            default: index += 1
            }
        }
        throw failure("ends inside a string", at: index)
    }

    /// Continues with a string at its first backslash.
    private mutating func stringWithEscapes(from start: Int, plainUpTo backslash: Int) throws(JSONError) -> String {
        var unescaped: [UInt8] = []
        var plainStart = start
        var plainEnd = backslash
        while true {
            unescaped.append(contentsOf: bytes[plainStart..<plainEnd])
            move(to: plainEnd)
            guard bytes[plainEnd] == UInt8(ascii: "\\") else { break }
            try escape(into: &unescaped)
            plainStart = position
            plainEnd = try endOfPlainText(from: plainStart)
        }
        let text = try text(unescaped.span, from: start)
        move(to: plainEnd + 1)
        return text
    }

    private mutating func escape(into unescaped: inout [UInt8]) throws(JSONError) {
        let start = position
        guard start + 1 < bytes.count else { throw failure("ends inside a string", at: start + 1) }
        move(to: start + 2)
        switch bytes[start + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): unescaped.append(bytes[start + 1])
        case UInt8(ascii: "b"): unescaped.append(0x08)
        case UInt8(ascii: "f"): unescaped.append(0x0C)
        case UInt8(ascii: "n"): unescaped.append(0x0A)
        case UInt8(ascii: "r"): unescaped.append(0x0D)
        case UInt8(ascii: "t"): unescaped.append(0x09)
        case UInt8(ascii: "u"): unescaped.append(contentsOf: try codePoint(from: start).utf8)
        default: throw failure("an unknown escape", at: start)
        }
    }

    /// Reads the digits of `\uXXXX`, and of a second one if the first is the upper half of a surrogate pair.
    private mutating func codePoint(from start: Int) throws(JSONError) -> Unicode.Scalar {
        let unit = try fourDigits()
        if let scalar = Unicode.Scalar(UInt32(unit)) { return scalar }
        guard UTF16.isLeadSurrogate(unit), peek == UInt8(ascii: "\\") else {
            throw failure("a lone surrogate", at: start)
        }
        advance()
        guard peek == UInt8(ascii: "u") else { throw failure("a lone surrogate", at: start) }
        advance()
        let second = try fourDigits()
        guard UTF16.isTrailSurrogate(second) else { throw failure("a lone surrogate", at: start) }
        return UTF16.decode(UTF16.EncodedScalar([unit, second]))
    }

    private mutating func fourDigits() throws(JSONError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = peek else { throw failure("ends inside a string") }
            guard let digit = hexadecimalValue(of: byte) else {
                throw failure("an escape without four hexadecimal digits")
            }
            value = value << 4 | UInt16(digit)
            advance()
        }
        return value
    }

    /// The string of UTF-8 bytes, or an error at the first that is none. `start` is where they began.
    private func text(_ utf8: Span<UInt8>, from start: Int) throws(JSONError) -> String {
        if let text = try? UTF8Span(validating: utf8) { return String(copying: text) }
        // Escapes yield valid UTF-8 only, so the fault is in the raw bytes, at the same place whatever was unescaped.
        var rest = bytes[start...].makeIterator()
        var decoder = UTF8()
        var offset = start
        while case .scalarValue(let scalar) = decoder.decode(&rest) { offset += UTF8.width(scalar) }
        throw failure("invalid UTF-8", at: offset)
    }
}
