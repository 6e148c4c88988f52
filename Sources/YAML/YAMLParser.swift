import JSON
import Platform

/// Reads the nodes of a document. This file has its state and how it moves from token to token; each kind of node has
/// its own.
///
/// `parent` is everywhere the column of the list or map around a node, -1 around the root: what belongs to a node is
/// indented further.
struct YAMLParser {
    /// The text, and a zero behind it, which is in no text.
    let bytes: [UInt8]
    let limits: YAMLLimits
    /// Bytes read so far.
    var position: Int
    /// Where the current line begins.
    var lineStart: Int

    /// The place that `column`, `isFirst` and `hasTab` are about.
    private var token = -1
    /// Spaces before the token if it is the first on its line, otherwise its column, from 0.
    private(set) var column = 0
    /// Whether the token is the first on its line.
    private(set) var isFirst = false
    /// Whether a tab is in the blanks before the token.
    private(set) var hasTab = false

    var anchors: [ExactText: Anchor] = [:]
    var expansion = Expansion()

    init(_ text: [UInt8], limits: YAMLLimits) throws(YAMLError) {
        bytes = text + [0]
        self.limits = limits
        position = hasByteOrderMark(text) ? 3 : 0
        lineStart = position
        guard text.count <= limits.bytes else {
            throw failure("larger than the \(limits.bytes) bytes allowed", at: 0)
        }
        if let fault = TextFault(of: text) { throw failure(fault.reason, at: fault.offset) }
    }

    /// Reads the root, up to the next document marker or the end of the text.
    mutating func document() throws(YAMLError) -> JSONValue {
        anchors = [:]
        (expansion.depth, expansion.deepest) = (0, 0)
        let value = try blockValue(in: -1, .document)
        moveToToken()
        guard isAtEnd || isMarker else { throw unexpectedText("the end of the document") }
        return value
    }
}

extension YAMLParser {
    var peek: UInt8 { bytes[position] }

    /// The byte after the next one; zero if there is none.
    var second: UInt8 { isAtEnd ? 0 : bytes[position + 1] }

    var isAtEnd: Bool { position == bytes.count - 1 }

    /// Whether the next byte is this one and stands alone, as `-`, `?` and `:` do where they are no text.
    func isIndicator(_ byte: UInt8) -> Bool {
        peek == byte && isSpace(second)
    }

    /// Whether `---` or `...` is next, at the start of a line.
    var isMarker: Bool {
        position == lineStart && isMarker(at: position)
    }

    var isEndMarker: Bool {
        isMarker && peek == UInt8(ascii: ".")
    }

    func isMarker(at offset: Int) -> Bool {
        let byte = bytes[offset]
        guard byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") else { return false }
        return bytes[offset + 1] == byte && bytes[offset + 2] == byte && isSpace(bytes[offset + 3])
    }

    mutating func skip(_ count: Int) {
        position += count
    }

    mutating func skipBlanks() {
        while isBlank(peek) { position += 1 }
    }

    /// Skips a line break, if one is next, and says whether there was one.
    mutating func skipBreak() -> Bool {
        guard isBreak(peek) else { return false }
        position += peek == UInt8(ascii: "\r") && second == UInt8(ascii: "\n") ? 2 : 1
        lineStart = position
        return true
    }

    /// Skips line breaks in text and the blanks of the line behind them. Returns how many there were, and how many
    /// spaces that line is indented by.
    mutating func skipFold() -> (breaks: Int, indentation: Int) {
        var (breaks, indentation) = (0, 0)
        while skipBreak() {
            breaks += 1
            while peek == UInt8(ascii: " ") { position += 1 }
            indentation = position - lineStart
            skipBlanks()
        }
        return (breaks, indentation)
    }

    /// Skips blanks, comments and line breaks up to the next token, and sets what is known of it.
    mutating func moveToToken() {
        guard position != token else { return }
        isFirst = position == lineStart
        hasTab = false
        column = -1
        while true {
            switch peek {
            case UInt8(ascii: " "): position += 1
            case UInt8(ascii: "\t"):
                if isFirst, !hasTab { column = position - lineStart }
                hasTab = true
                position += 1
            case UInt8(ascii: "#") where position == lineStart || isBlank(bytes[position - 1]):
                while !isBreak(peek), !isAtEnd { position += 1 }
            case _ where skipBreak():
                isFirst = true
                hasTab = false
                column = -1
            default:
                if column < 0 { column = position - lineStart }
                token = position
                return
            }
        }
    }

    /// Moves to the next `---` or `...` at the start of a line, whatever is open; returns false if there is none.
    mutating func moveToMarker() -> Bool {
        if isMarker { return true }
        while !isAtEnd {
            if !skipBreak() { position += 1 }
            if isMarker { return true }
        }
        return false
    }

    /// Skips the rest of the line, without its break, and returns it.
    mutating func restOfLine() -> String {
        let start = position
        while !isBreak(peek), !isAtEnd { position += 1 }
        return text(start..<position)
    }

    func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }
}

extension YAMLParser {
    func breaks(in range: Range<Int>) -> Int {
        range.count { isEndOfLine(bytes, $0) }
    }

    func place(of offset: Int) -> YAMLPlace {
        YAMLPlace(of: offset, in: bytes)
    }

    /// An error at the next byte, or at `offset`. `began` is the place of what it is about.
    func failure(_ reason: String, at offset: Int? = nil, began: Int? = nil) -> YAMLError {
        let offset = offset ?? position
        return YAMLError(
            offset: offset, place: place(of: offset), reason: reason, began: began.map { place(of: $0) })
    }

    /// What is next, for messages: the end, a sign of YAML's, or text, which may be a secret.
    var found: String {
        if isAtEnd { return "the end" }
        if isMarker { return "'\(text(position..<position + 3))'" }
        return switch peek {
        case 0x0A, 0x0D: "the end of the line"
        case 0x09: "a tab"
        case UInt8(ascii: "-") where isSpace(second): "'-'"
        case UInt8(ascii: ":"), UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"),
            UInt8(ascii: "}"), UInt8(ascii: "#"), UInt8(ascii: "%"), UInt8(ascii: "@"), UInt8(ascii: "`"),
            UInt8(ascii: "&"), UInt8(ascii: "*"), UInt8(ascii: "!"), UInt8(ascii: "|"), UInt8(ascii: ">"),
            UInt8(ascii: "?"):
            "'\(text(position..<position + 1))'"
        default: "text"
        }
    }

    /// An error at a token that does not belong where it stands.
    func unexpectedText(_ expected: String) -> YAMLError {
        if hasTab, isFirst { return tabFailure() }
        if peek == UInt8(ascii: "#") { return failure("a comment needs a blank before its '#'") }
        return failure("expected \(expected), found \(found)")
    }

    /// Where what is open ends without being closed, for messages.
    var endOfOpen: String {
        if isAtEnd { return "the end" }
        return isMarker ? "\(found) in \(place(of: position))" : "\(place(of: position)), which is indented too little"
    }

    func tabFailure() -> YAMLError {
        failure("a tab before it; YAML is indented by spaces only")
    }
}
