import Platform

/// Why a line is invalid.
struct ExpositionProblem: Error, Equatable {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}

/// Scans one line from left to right.
struct ExpositionLine {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    var isAtEnd: Bool {
        position == bytes.endIndex
    }

    var isAtBlank: Bool {
        !isAtEnd && Self.isBlank(bytes[position])
    }

    mutating func skipBlanks() {
        while isAtBlank { position += 1 }
    }

    /// Skips `character` if it comes next, and returns whether it did.
    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard !isAtEnd, UInt32(bytes[position]) == character.value else { return false }
        position += 1
        return true
    }

    /// Everything up to the next blank.
    mutating func word() -> String {
        let start = position
        while !isAtEnd, !isAtBlank { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    mutating func metricName() throws(ExpositionProblem) -> String {
        try name(allowsColon: true, what: "metric")
    }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`.
    mutating func labelName() throws(ExpositionProblem) -> String {
        try name(allowsColon: false, what: "label")
    }

    private mutating func name(allowsColon: Bool, what: String) throws(ExpositionProblem) -> String {
        let start = position
        while !isAtEnd {
            let byte = bytes[position]
            let isDigit = byte >= 0x30 && byte <= 0x39 && position > start
            guard isDigit || Self.isLetter(byte) || (allowsColon && byte == UInt8(ascii: ":")) else { break }
            position += 1
        }
        guard position > start else {
            throw ExpositionProblem("expected a \(what) name\(isAtEnd ? ", not the end of the line" : "")")
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// A number as Go's `ParseFloat` reads it, `NaN` and `±Inf` included.
    mutating func value() throws(ExpositionProblem) {
        let text = word()
        guard !text.isEmpty else { throw ExpositionProblem("the value is missing") }
        // Swift also reads `nan(1)`, which Go does not.
        guard !text.utf8.contains(UInt8(ascii: "(")), Double(text) != nil else {
            throw ExpositionProblem("the value is not a number")
        }
    }

    /// Milliseconds since 1970 as an integer.
    mutating func timestamp() throws(ExpositionProblem) {
        let text = word()
        guard Int64(text) != nil else {
            throw ExpositionProblem("the timestamp is not an integer")
        }
        skipBlanks()
    }

    /// A label's value in quotes, with the escapes `\\`, `\"` and `\n`.
    mutating func quotedText(_ label: String) throws(ExpositionProblem) {
        guard skip("\"") else { throw ExpositionProblem("expected \" before the value of \(shownName(label))") }
        let start = position
        while !isAtEnd, bytes[position] != UInt8(ascii: "\"") {
            if skip("\\"), isAtEnd || !Self.isEscape(bytes[position], quotes: true) {
                throw ExpositionProblem("invalid escape in the value of \(shownName(label))")
            }
            position += isAtEnd ? 0 : 1
        }
        try check(bytes[start..<position])
        guard skip("\"") else { throw ExpositionProblem("the value of \(shownName(label)) has no closing quote") }
    }

    /// The text of a HELP, with the escapes `\\` and `\n`.
    mutating func helpText() throws(ExpositionProblem) {
        while !isAtEnd {
            if skip("\\"), isAtEnd || !Self.isEscape(bytes[position], quotes: false) {
                throw ExpositionProblem("invalid escape in a HELP")
            }
            position += isAtEnd ? 0 : 1
        }
    }

    /// Checks that the rest of the line is UTF-8.
    func checkText() throws(ExpositionProblem) {
        try check(bytes[position...])
    }

    private func check(_ text: ArraySlice<UInt8>) throws(ExpositionProblem) {
        if text.allSatisfy({ $0 < 0x80 }) { return }
        guard String(validating: text, as: UTF8.self) != nil else { throw ExpositionProblem("invalid UTF-8") }
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || byte == UInt8(ascii: "_")
    }

    private static func isEscape(_ byte: UInt8, quotes: Bool) -> Bool {
        byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "n") || (quotes && byte == UInt8(ascii: "\""))
    }
}
