/// Why a text is not the JSON that was expected, and where.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Bytes before the place.
    package let offset: Int
    /// The line, from 1.
    package let line: Int
    /// The column in code points, from 1.
    package let column: Int
    /// The path of a value that is missing or of the wrong type, such as `spec.ports[0].port`; nil if the text is not
    /// JSON or exceeds a limit.
    package let path: String?
    /// What is wrong there.
    package let reason: String

    /// An error at `offset` of `bytes`.
    package init(at offset: Int, of bytes: [UInt8], path: String? = nil, reason: String) {
        self.init(at: JSONPosition().advanced(to: offset, in: bytes), path: path, reason: reason)
    }

    init(at position: JSONPosition, path: String? = nil, reason: String) {
        offset = position.offset
        line = position.line
        column = position.column
        self.path = path
        self.reason = reason
    }

    /// `line 3, column 14: reason`, or the path and the reason. The latter is stable while other parts of the text
    /// change.
    package var description: String {
        path.map { "\($0) \(reason)" } ?? "line \(line), column \(column): \(reason)"
    }
}

/// A place in a text. From one to a later one only what is between them is counted.
struct JSONPosition: Hashable, Sendable {
    private(set) var offset = 0
    private(set) var line = 1
    private(set) var column = 1

    /// The position of a later offset, or of an earlier one from the start again.
    func advanced(to offset: Int, in bytes: [UInt8]) -> JSONPosition {
        guard offset >= self.offset else { return JSONPosition().advanced(to: offset, in: bytes) }
        var position = self
        for byte in bytes[min(self.offset, bytes.count)..<min(offset, bytes.count)] {
            if byte == UInt8(ascii: "\n") {
                position.line += 1
                position.column = 1
            } else if byte & 0xC0 != 0x80 {
                // Continuation bytes (10xxxxxx) are no code points of their own.
                position.column += 1
            }
        }
        position.offset = offset
        return position
    }
}

/// What a JSON text may be at most.
package struct JSONLimits: Hashable, Sendable {
    /// Bytes of the whole text. Default: 1,048,576 (1 MiB).
    package var bytes: Int
    /// Arrays and objects inside each other. Default: 64.
    package var depth: Int
    /// Bytes of one key as `encoded` writes it, quotes not counted. Default: 1,000, because YAML parsers, which agents
    /// read instances with, take no key that ends more than 1,024 characters after its start.
    package var keyBytes: Int
    /// Bytes of one number. Default: 1,000; some parsers refuse integers of more than 4,300 digits.
    package var numberBytes: Int

    /// The limits; everything not given has its default.
    package init(bytes: Int = 1_048_576, depth: Int = 64, keyBytes: Int = 1_000, numberBytes: Int = 1_000) {
        self.bytes = bytes
        self.depth = depth
        self.keyBytes = keyBytes
        self.numberBytes = numberBytes
    }
}
