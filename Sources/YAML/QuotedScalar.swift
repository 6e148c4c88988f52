import Platform

// Scalars in quotes.
extension YAMLParser {
    /// Reads a scalar in single or double quotes; the next byte is the opening one. Each further line must be indented
    /// more than `parent`.
    mutating func quotedScalar(in parent: Int) throws(YAMLError) -> Scalar {
        let start = position
        let quote = peek
        position += 1
        var unescaped: [UInt8] = []
        var plainStart = position
        while true {
            let byte = peek
            switch byte {
            case quote:
                if quote == UInt8(ascii: "'"), second == quote {
                    unescaped += bytes[plainStart...position]
                    position += 2
                    plainStart = position
                    continue
                }
                let end = position
                position += 1
                if unescaped.isEmpty { return Scalar(text: text(plainStart..<end), isPlain: false, offset: start) }
                unescaped += bytes[plainStart..<end]
                return Scalar(text: String(decoding: unescaped, as: UTF8.self), isPlain: false, offset: start)
            case UInt8(ascii: "\\") where quote == UInt8(ascii: "\""):
                unescaped += bytes[plainStart..<position]
                try escape(into: &unescaped, in: parent, from: start)
                plainStart = position
            case 0x0A, 0x0D:
                var end = position
                while end > plainStart, isBlank(bytes[end - 1]) { end -= 1 }
                unescaped += bytes[plainStart..<end]
                appendFold(try quotedBreaks(in: parent, from: start), to: &unescaped)
                plainStart = position
            case 0 where isAtEnd: throw unclosed(from: start)
            default: position += 1
            }
        }
    }
}

extension YAMLParser {
    /// Skips line breaks and the indentation of the line behind them, and returns how many there were.
    private mutating func quotedBreaks(in parent: Int, from start: Int) throws(YAMLError) -> Int {
        let (breaks, indentation) = skipFold()
        guard !isAtEnd, !isMarker else { throw unclosed(from: start) }
        guard indentation > parent else {
            guard bytes[position - 1] != UInt8(ascii: "\t") else { throw tabFailure() }
            throw unclosed(from: start)
        }
        return breaks
    }

    /// Errors point at the quote that is not closed: where the text ends says little.
    private func unclosed(from start: Int) -> YAMLError {
        failure("expected the closing quote before \(endOfOpen)", at: start, began: start)
    }

    /// Reads an escape; the next byte is its backslash.
    private mutating func escape(into text: inout [UInt8], in parent: Int, from start: Int) throws(YAMLError) {
        let letter = second
        position += letter == 0 ? 1 : 2
        switch letter {
        case UInt8(ascii: "0"): text.append(0x00)
        case UInt8(ascii: "a"): text.append(0x07)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "t"), 0x09: text.append(0x09)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "v"): text.append(0x0B)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "e"): text.append(0x1B)
        case UInt8(ascii: " "), UInt8(ascii: "\""), UInt8(ascii: "/"), UInt8(ascii: "\\"): text.append(letter)
        case UInt8(ascii: "N"): text += "\u{85}".utf8
        case UInt8(ascii: "_"): text += "\u{A0}".utf8
        case UInt8(ascii: "L"): text += "\u{2028}".utf8
        case UInt8(ascii: "P"): text += "\u{2029}".utf8
        case UInt8(ascii: "x"): text += try codePoint(digits: 2).utf8
        case UInt8(ascii: "u"): text += try codePoint(digits: 4).utf8
        case UInt8(ascii: "U"): text += try codePoint(digits: 8).utf8
        case 0x0A, 0x0D:
            // The line goes on without a blank; empty lines after it stay.
            position -= 1
            for _ in 1..<max(1, try quotedBreaks(in: parent, from: start)) { text.append(0x0A) }
        case 0: throw unclosed(from: start)
        default:
            let hint =
                letter == UInt8(ascii: "'") ? "a single quote needs none in double quotes" : "\\\\ is a backslash"
            throw failure("an unknown escape; \(hint)", at: position - 2)
        }
    }

    private mutating func codePoint(digits: Int) throws(YAMLError) -> Unicode.Scalar {
        let start = position - 2
        var code: UInt32 = 0
        for _ in 0..<digits {
            guard let digit = hexadecimalValue(of: peek) else {
                throw failure("expected \(digits) hexadecimal digits in this escape", at: start)
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        guard let scalar = Unicode.Scalar(code) else {
            throw failure("an escape that is no character; half of a surrogate pair is none", at: start)
        }
        return scalar
    }
}
