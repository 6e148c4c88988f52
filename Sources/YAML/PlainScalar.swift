// Scalars without quotes.
extension YAMLParser {
    /// Reads a scalar without quotes. In a block it stops at the colon behind it if it is a key. It may go on in lines
    /// that are indented further than `parent`.
    mutating func plainScalar(in parent: Int, isInFlow: Bool) throws(YAMLError) -> Scalar {
        try checkFirst(isInFlow: isInFlow)
        let start = position
        var end = try plainLine(isInFlow: isInFlow)
        guard isBreak(peek), let breaks = nextPlainLine(in: parent, isInFlow: isInFlow) else {
            return Scalar(text: text(start..<end), isPlain: true, offset: start)
        }
        var folded = Array(bytes[start..<end])
        var nextBreaks: Int? = breaks
        while let breaks = nextBreaks {
            appendFold(breaks, to: &folded)
            let line = position
            end = try plainLine(isInFlow: isInFlow)
            if !isInFlow, peek == UInt8(ascii: ":") {
                let hint = "a key where the text of \(place(of: start)) goes on"
                throw failure(
                    "\(hint); put it at the column of its siblings, or quote the text", at: line, began: start)
            }
            folded += bytes[line..<end]
            nextBreaks = isBreak(peek) ? nextPlainLine(in: parent, isInFlow: isInFlow) : nil
        }
        return Scalar(text: String(decoding: folded, as: UTF8.self), isPlain: true, offset: start)
    }

    /// Line breaks in text: one is a blank, of more all but the first stay.
    func appendFold(_ breaks: Int, to text: inout [UInt8]) {
        if breaks == 1 { text.append(UInt8(ascii: " ")) }
        for _ in 1..<max(1, breaks) { text.append(UInt8(ascii: "\n")) }
    }

    /// Reads a line up to its break, a comment, a colon, or a sign of a flow collection. Returns the end of its text.
    private mutating func plainLine(isInFlow: Bool) throws(YAMLError) -> Int {
        var end = position
        while true {
            let byte = peek
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"):
                position += 1
                continue
            case 0, 0x0A, 0x0D: return end
            case UInt8(ascii: ":"):
                if isSpace(second) { return end }
                guard !isInFlow || !isFlowIndicator(second) else {
                    throw failure("expected a blank after ':', or quotes around the text")
                }
            case UInt8(ascii: "#"):
                if isBlank(bytes[position - 1]) { return end }
            case UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"):
                if isInFlow { return end }
            default: break
            }
            position += 1
            end = position
        }
    }

    /// Moves to the next line of the text and returns how many line breaks are before it; nil if it has none.
    private mutating func nextPlainLine(in parent: Int, isInFlow: Bool) -> Int? {
        let (end, endLine) = (position, lineStart)
        let (breaks, indentation) = skipFold()
        let isText =
            switch peek {
            case 0, UInt8(ascii: "#"): false
            case UInt8(ascii: ":") where isInFlow: !isSpace(second) && !isFlowIndicator(second)
            case _ where isInFlow && isFlowIndicator(peek): false
            default: indentation > parent && !isMarker
            }
        if isText { return breaks }
        // What comes next is read again as a token.
        position = end
        lineStart = endLine
        return nil
    }

    private func checkFirst(isInFlow: Bool) throws(YAMLError) {
        switch peek {
        case UInt8(ascii: "%"):
            let isVariable = second == UInt8(ascii: "%")
            throw failure("'%' begins no text without quotes; quote it" + (isVariable ? ": \"%%host%%\"" : ""))
        case UInt8(ascii: "@"), UInt8(ascii: "`"), UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"),
            UInt8(ascii: "&"), UInt8(ascii: "*"), UInt8(ascii: "!"), UInt8(ascii: "|"), UInt8(ascii: ">"):
            throw failure("\(found) begins no text without quotes; quote it")
        case UInt8(ascii: "#"): throw failure("a comment needs a blank before its '#'")
        case UInt8(ascii: ":") where isSpace(second): throw failure("expected a key before ':'")
        case UInt8(ascii: "?") where isInFlow:
            throw failure("'?' at the start of text inside brackets, which others drop; quote it")
        case UInt8(ascii: "-"), UInt8(ascii: ":"):
            guard isInFlow, isSpace(second) || isFlowIndicator(second) else { return }
            throw failure("expected text, found \(peek == UInt8(ascii: "-") ? "'-'" : "':'") alone inside brackets")
        default: break
        }
    }
}
