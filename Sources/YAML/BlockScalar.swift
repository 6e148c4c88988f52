/// The first line of a block scalar.
private struct BlockHeader {
    enum Ending { case strip, clip, keep }

    var isFolded = false
    /// What becomes of the line breaks at the end.
    var ending = Ending.clip
    /// How much further the text is indented than what is around it; nil if its first line decides.
    var indentation: Int?
}

extension YAMLParser {
    /// Reads a scalar that begins with `|`, in which line breaks stay, or `>`, in which they are folded.
    mutating func blockScalar(in parent: Int) throws(YAMLError) -> Scalar {
        let start = position
        let header = try blockHeader()
        let least = max(parent, 0) + 1
        var text: [UInt8] = []
        // Of the line that has been read: its break, and whether it begins with a blank.
        var lastBreak = false
        var isLastIndented = false
        let indentation =
            if let stated = header.indentation { max(parent, 0) + stated } else {
                try blockIndentation(least, from: start)
            }
        var emptyLines = try skipEmptyLines(indentation)
        while !isAtEnd, position - lineStart == indentation {
            let isIndented = isBlank(peek)
            if header.isFolded, lastBreak, !isIndented, !isLastIndented {
                if emptyLines == 0 { text.append(UInt8(ascii: " ")) }
            } else if lastBreak {
                text.append(UInt8(ascii: "\n"))
            }
            appendBreaks(emptyLines, to: &text)
            let line = position
            while !isBreak(peek), !isAtEnd { position += 1 }
            text += bytes[line..<position]
            isLastIndented = isIndented
            lastBreak = skipBreak()
            emptyLines = lastBreak ? try skipEmptyLines(indentation) : 0
        }
        if header.ending != .strip, lastBreak { text.append(UInt8(ascii: "\n")) }
        if header.ending == .keep { appendBreaks(emptyLines, to: &text) }
        return Scalar(text: String(decoding: text, as: UTF8.self), isPlain: false, offset: start)
    }

    private func appendBreaks(_ count: Int, to text: inout [UInt8]) {
        for _ in 0..<count { text.append(UInt8(ascii: "\n")) }
    }

    /// Reads the first line: `|` or `>`, in any order `-` or `+` and 1 to 9, and nothing else but a comment.
    private mutating func blockHeader() throws(YAMLError) -> BlockHeader {
        var header = BlockHeader(isFolded: peek == UInt8(ascii: ">"))
        var hasEnding = false
        position += 1
        while true {
            switch peek {
            case UInt8(ascii: "-") where !hasEnding, UInt8(ascii: "+") where !hasEnding:
                header.ending = peek == UInt8(ascii: "-") ? .strip : .keep
                hasEnding = true
            case UInt8(ascii: "1")...UInt8(ascii: "9") where header.indentation == nil:
                header.indentation = Int(peek - UInt8(ascii: "0"))
            default:
                let end = position
                skipBlanks()
                if peek == UInt8(ascii: "#"), position > end { _ = restOfLine() }
                guard skipBreak() || isAtEnd else {
                    let sign = header.isFolded ? ">" : "|"
                    throw failure("expected '-', '+', 1 to 9 or the end of the line after '\(sign)', found \(found)")
                }
                return header
            }
            position += 1
        }
    }

    /// The indentation of the first line that has text. No empty line before it may be wider.
    private func blockIndentation(_ least: Int, from start: Int) throws(YAMLError) -> Int {
        var widest = 0
        var line = position
        while true {
            var index = line
            while bytes[index] == UInt8(ascii: " ") { index += 1 }
            let indentation = index - line
            guard isBreak(bytes[index]) else {
                // Without text only the number of line breaks counts.
                guard index < bytes.count - 1 else { return max(least, widest, indentation) }
                guard indentation >= least else { return max(least, widest) }
                guard widest <= indentation else {
                    throw failure(
                        "an empty line before this one is indented further than the text", at: index, began: start)
                }
                return indentation
            }
            widest = max(widest, indentation)
            line = index + 1
        }
    }

    /// Skips empty lines and the indentation of the next line, and returns how many there were. If the next line is
    /// indented less, the scalar ends at the start of it.
    private mutating func skipEmptyLines(_ indentation: Int) throws(YAMLError) -> Int {
        var lines = 0
        repeat {
            while peek == UInt8(ascii: " "), position - lineStart < indentation { position += 1 }
            if isBreak(peek) { lines += 1 }
        } while skipBreak()
        if position - lineStart < indentation {
            guard peek != UInt8(ascii: "\t") else {
                throw failure("a tab where the text is indented; YAML is indented by spaces only")
            }
            position = lineStart
        }
        return lines
    }
}
