import Platform

/// Where and why a page is no exposition.
struct ExpositionError: Error, Equatable, CustomStringConvertible {
    /// The line, from 1.
    let line: Int
    let reason: String

    var description: String {
        "line \(line): \(reason)"
    }
}

/// Why a page is invalid at the scanner's place.
struct ExpositionProblem: Error, Equatable {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}

/// Scans a page from its first byte to its last.
struct ExpositionScanner {
    private let bytes: [UInt8]
    private let quotesSpanLines: Bool
    private(set) var position = 0

    /// - Parameter quotesSpanLines: whether a text in quotes may have line feeds.
    init(_ page: [UInt8], quotesSpanLines: Bool) {
        bytes = page
        self.quotesSpanLines = quotesSpanLines
    }

    /// The next byte; nil at the end of the page.
    var next: UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    /// The number of the line at the scanner's place, from 1.
    var line: Int {
        bytes[..<position].reduce(1) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
    }

    var isAtLineEnd: Bool {
        next == nil || next == UInt8(ascii: "\n")
    }

    var isAtBlank: Bool {
        next == UInt8(ascii: " ") || next == UInt8(ascii: "\t")
    }

    /// Skips `character` if it comes next, and returns whether it did.
    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard let next, UInt32(next) == character.value else { return false }
        position += 1
        return true
    }

    /// Skips `text` if it comes next, and returns whether it did.
    mutating func skip(text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard bytes.count - position >= length, bytes[position..<(position + length)].elementsEqual("\(text)".utf8)
        else { return false }
        position += length
        return true
    }

    /// Skips blanks and tabs, and returns whether there was one.
    @discardableResult
    mutating func skipBlanks() -> Bool {
        let start = position
        while isAtBlank { position += 1 }
        return position > start
    }

    /// Everything up to the end of the line.
    mutating func restOfLine() -> ArraySlice<UInt8> {
        let start = position
        position = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        return bytes[start..<position]
    }

    /// Everything up to the next blank, tab or end of the line.
    mutating func field() -> ArraySlice<UInt8> {
        let start = position
        while !isAtLineEnd, !isAtBlank { position += 1 }
        return bytes[start..<position]
    }

    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`, or without colons for a label; nil if something else comes next.
    mutating func plainName(allowsColon: Bool) -> ArraySlice<UInt8>? {
        let start = position
        while let byte = next {
            let isDigit = byte >= 0x30 && byte <= 0x39 && position > start
            guard isDigit || Self.isLetter(byte) || (allowsColon && byte == UInt8(ascii: ":")) else { break }
            position += 1
        }
        return position > start ? bytes[start..<position] : nil
    }

    /// A name, plain or in quotes; nil if something else comes next.
    mutating func name(
        allowsColon: Bool, _ what: @autoclosure () -> String
    ) throws(ExpositionProblem) -> (text: ArraySlice<UInt8>, isQuoted: Bool)? {
        if let name = plainName(allowsColon: allowsColon) { return (name, false) }
        return try quotedText(what()).map { ($0.unescaped, true) }
    }

    /// A text in double quotes, as it is written between them. A backslash keeps what follows it from ending the text.
    ///
    /// - Returns: nil if something else comes next.
    /// - Throws: if it has no end, or is no UTF-8.
    mutating func quotedText(_ what: @autoclosure () -> String) throws(ExpositionProblem) -> ArraySlice<UInt8>? {
        guard skip("\"") else { return nil }
        let start = position
        var isASCII = true
        while let byte = next, byte != UInt8(ascii: "\"") {
            if byte == UInt8(ascii: "\\") {
                position += 1
                guard !isAtLineEnd else { break }
            } else if byte == UInt8(ascii: "\n"), !quotesSpanLines {
                break
            }
            if bytes[position] >= 0x80 { isASCII = false }
            position += 1
        }
        let text = bytes[start..<position]
        guard skip("\"") else { throw ExpositionProblem("\(what()) has no closing quote") }
        guard isASCII || text.isUTF8 else { throw ExpositionProblem("\(what()) is not UTF-8") }
        return text
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || byte == UInt8(ascii: "_")
    }
}

extension ArraySlice<UInt8> {
    /// Whether it is UTF-8.
    var isUTF8: Bool {
        allSatisfy { $0 < 0x80 } || String(validating: self, as: UTF8.self) != nil
    }

    /// The text that a quoted one stands for: `\\`, `\"` and `\n` are decoded, other escapes stay as they are.
    var unescaped: ArraySlice<UInt8> {
        guard contains(UInt8(ascii: "\\")) else { return self }
        var text: [UInt8] = []
        var isEscape = false
        for byte in self {
            switch (isEscape, byte) {
            case (false, UInt8(ascii: "\\")): break
            case (true, UInt8(ascii: "n")): text.append(UInt8(ascii: "\n"))
            case (false, _), (true, UInt8(ascii: "\\")), (true, UInt8(ascii: "\"")): text.append(byte)
            case (true, _): text += [UInt8(ascii: "\\"), byte]
            }
            isEscape = !isEscape && byte == UInt8(ascii: "\\")
        }
        return text[...]
    }

    /// As messages show it.
    var shown: String {
        shownName(String(decoding: self, as: UTF8.self))
    }

    /// The number that it is, as Go's `ParseFloat` reads it, but without hexadecimal numbers and underscores: decimal,
    /// `Inf` or `Infinity` with or without a sign, or `NaN` without one, in any case of letters. Nil for anything else,
    /// and for numbers beyond the range of a `Double`.
    var number: Double? {
        let first = first
        let hasSign = first == UInt8(ascii: "+") || first == UInt8(ascii: "-")
        let unsigned = hasSign ? dropFirst() : self
        if let first = unsigned.first, first | 0x20 >= 0x61 {
            switch String(decoding: unsigned.prefix(9), as: UTF8.self).lowercased() {
            case "inf", "infinity": return first == UInt8(ascii: "-") ? -.infinity : .infinity
            case "nan": return hasSign ? nil : .nan
            default: return nil
            }
        }
        guard unsigned.isDecimal else { return nil }
        let value = Double(String(decoding: self, as: UTF8.self))
        return value?.isFinite == true ? value : nil
    }

    /// `[0-9]*\.?[0-9]*([eE][+-]?[0-9]+)?` with a digit before the exponent.
    private var isDecimal: Bool {
        var rest = self
        func skipDigits() -> Bool {
            let digits = rest.prefix { $0 >= 0x30 && $0 <= 0x39 }.count
            rest = rest.dropFirst(digits)
            return digits > 0
        }
        var hasDigits = skipDigits()
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            hasDigits = skipDigits() || hasDigits
        }
        guard hasDigits else { return false }
        if let letter = rest.first, letter | 0x20 == UInt8(ascii: "e") {
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
            guard skipDigits() else { return false }
        }
        return rest.isEmpty
    }
}
