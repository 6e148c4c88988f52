import Platform

/// Reads JSON (RFC 8259) strictly, from the first byte to the last, one value at a time.
///
/// It refuses what the RFC leaves open and others read differently: duplicate keys, lone surrogates, invalid UTF-8, a
/// byte order mark.
package struct JSONScanner {
    let bytes: [UInt8]
    let limits: JSONLimits
    /// Bytes read so far.
    package private(set) var position = 0
    private var depth = 0
    /// A place before every error that is still to come, from which lines and columns are counted.
    private var counted = JSONPosition()

    /// A scanner at the start of a text.
    ///
    /// - Throws: `JSONError` for a text over the limit, or with a byte order mark.
    package init(_ bytes: [UInt8], limits: JSONLimits) throws(JSONError) {
        self.bytes = bytes
        self.limits = limits
        guard bytes.count <= limits.bytes else {
            throw failure("larger than the \(limits.bytes) bytes allowed", at: 0)
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw failure("byte order mark; save it as UTF-8 without one", at: 0)
        }
    }

    /// The next value, whatever it is.
    package mutating func value() throws(JSONError) -> JSONValue {
        skipWhitespace()
        guard let byte = peek else { throw failure("ends where a value is expected") }
        switch byte {
        case UInt8(ascii: "{"): return .object(try members())
        case UInt8(ascii: "["): return .array(try elements())
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: throw failure("\(Self.shown(byte)) where a value is expected")
        }
    }

    /// Reads an object and hands each key, and where it begins, to `member`, which must read the value.
    package mutating func object(
        _ member: (inout JSONScanner, String, Int) throws(JSONError) -> Void
    ) throws(JSONError) {
        try enterObject()
        var isFirst = true
        while let start = try nextMember(isFirst: isFirst) {
            try member(&self, try key(), start)
            isFirst = false
        }
    }

    /// Skips the next value. It is validated as if it were read, except for key lengths, duplicate keys and depth: it
    /// is not recursive, so that nobody ends a whole reading by what he nests in a part of it.
    package mutating func skipValue() throws(JSONError) {
        var closings: [UInt8] = []
        var isFirst = false
        value: while true {
            skipWhitespace()
            switch peek {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                closings.append(peek == UInt8(ascii: "{") ? UInt8(ascii: "}") : UInt8(ascii: "]"))
                (position, depth, isFirst) = (position + 1, depth + 1, true)
            case UInt8(ascii: "\""): try skipString()
            default: _ = try value()
            }
            while let closing = closings.last {
                let isObject = closing == UInt8(ascii: "}")
                if try isObject ? nextMember(isFirst: isFirst) != nil : nextElement(isFirst: isFirst) {
                    if isObject {
                        try skipString()
                        try skipColon()
                    }
                    isFirst = false
                    continue value
                }
                closings.removeLast()
                isFirst = false
            }
            return
        }
    }

    /// Fails unless only white space is left.
    package mutating func end() throws(JSONError) {
        skipWhitespace()
        if let byte = peek { throw failure("\(Self.shown(byte)) after the end of the value") }
    }

    /// An error at the next byte, or at `offset`.
    package func failure(_ reason: String, at offset: Int? = nil) -> JSONError {
        JSONError(at: counted.advanced(to: offset ?? position, in: bytes), reason: reason)
    }

    /// The line and column of an offset.
    func place(of offset: Int) -> JSONPosition {
        counted.advanced(to: offset, in: bytes)
    }

    /// Counts the lines up to here once for all errors that follow.
    mutating func countLines() {
        counted = counted.advanced(to: position, in: bytes)
    }

    mutating func members() throws(JSONError) -> [ExactText: JSONValue] {
        var members: [ExactText: JSONValue] = [:]
        try object { (scanner, key, start) throws(JSONError) in
            let value = try scanner.value()
            guard members.updateValue(value, forKey: ExactText(wrappedValue: key)) == nil else {
                throw scanner.failure("duplicate key \(shownName(key))", at: start)
            }
        }
        return members
    }

    private mutating func elements() throws(JSONError) -> [JSONValue] {
        var elements: [JSONValue] = []
        try enterArray()
        while try nextElement(isFirst: elements.isEmpty) { elements.append(try value()) }
        return elements
    }

    private mutating func enter(_ bracket: UInt8, _ what: StaticString) throws(JSONError) {
        guard skip(bracket) else { throw unexpected(what) }
        depth += 1
        guard depth <= limits.depth else {
            throw failure("more than \(limits.depth) arrays and objects inside each other", at: position - 1)
        }
    }

    /// Whether the array or object has another element or member; if not, skips its closing bracket.
    private mutating func hasMore(isFirst: Bool, _ bracket: UInt8, _ expected: StaticString) throws(JSONError) -> Bool {
        if skip(bracket) {
            depth -= 1
            return false
        }
        guard isFirst || skip(UInt8(ascii: ",")) else { throw unexpected(expected) }
        return true
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let start = position
        while let byte = peek, byte >= UInt8(ascii: "a"), byte <= UInt8(ascii: "z") { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard text == word.description else { throw failure("unknown word", at: start) }
        return value
    }

    private mutating func number() throws(JSONError) -> String {
        let start = position
        if peek == UInt8(ascii: "-") { position += 1 }
        let integer = position
        try digits("a digit")
        guard bytes[integer] != UInt8(ascii: "0") || position == integer + 1 else {
            throw failure("a number with a leading zero", at: start)
        }
        if peek == UInt8(ascii: ".") {
            position += 1
            try digits("a digit after the decimal point")
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            position += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
            try digits("a digit of the exponent")
        }
        guard position - start <= limits.numberBytes else {
            throw failure("a number longer than \(limits.numberBytes) bytes", at: start)
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func digits(_ expected: StaticString) throws(JSONError) {
        let start = position
        while let byte = peek, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
        guard position > start else { throw unexpected(expected) }
    }

    private func checkLength(ofKey key: String, at start: Int) throws(JSONError) {
        // No byte of a key becomes more than six when it is encoded.
        guard key.utf8.count > limits.keyBytes / 6 else { return }
        guard JSONValue.encodedLength(of: key) <= limits.keyBytes else {
            throw failure("a key longer than \(limits.keyBytes) bytes", at: start)
        }
    }

    private func unexpected(_ expected: StaticString) -> JSONError {
        guard let peek else { return failure("ends where \(expected) is expected") }
        return failure("\(Self.shown(peek)) where \(expected) is expected")
    }

    private static func shown(_ byte: UInt8) -> String {
        if byte > 0x20, byte < 0x7F { return "'\(Character(UnicodeScalar(byte)))'" }
        return "byte 0x\(zeroPadded(byte, width: 2, radix: 16, uppercase: true))"
    }
}

// Arrays and objects, one element or member at a time.
extension JSONScanner {
    mutating func enterObject() throws(JSONError) {
        try enter(UInt8(ascii: "{"), "an object")
    }

    /// Moves to the key of the next member and returns its position; nil at the end of the object.
    mutating func nextMember(isFirst: Bool) throws(JSONError) -> Int? {
        guard try hasMore(isFirst: isFirst, UInt8(ascii: "}"), "',' or '}'") else { return nil }
        skipWhitespace()
        guard peek == UInt8(ascii: "\"") else { throw unexpected("a key in double quotes") }
        return position
    }

    /// Reads a key and its colon.
    mutating func key() throws(JSONError) -> String {
        let start = position
        let key = try string()
        try checkLength(ofKey: key, at: start)
        try skipColon()
        return key
    }

    mutating func skipColon() throws(JSONError) {
        guard skip(UInt8(ascii: ":")) else { throw unexpected("':'") }
    }

    mutating func enterArray() throws(JSONError) {
        try enter(UInt8(ascii: "["), "an array")
    }

    /// Whether the array has another element; if not, skips its closing bracket.
    mutating func nextElement(isFirst: Bool) throws(JSONError) -> Bool {
        try hasMore(isFirst: isFirst, UInt8(ascii: "]"), "',' or ']'")
    }
}

extension JSONScanner {
    var peek: UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    /// Moves to the next byte that is not white space.
    package mutating func skipWhitespace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    /// Skips white space, then `byte` if it comes next, and says whether it did.
    mutating func skip(_ byte: UInt8) -> Bool {
        skipWhitespace()
        guard peek == byte else { return false }
        position += 1
        return true
    }

    mutating func advance() {
        position += 1
    }

    mutating func move(to place: Int) {
        position = place
    }
}
