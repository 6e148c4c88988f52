/// Why a text is not YAML that every agent reads alike, and where. The reason never repeats a value, which may be a
/// secret; keys are named where they look like names.
package struct YAMLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Bytes before the place.
    package let offset: Int
    /// Where it is.
    package let place: YAMLPlace
    /// What was expected and what was found there, or what is not supported.
    package let reason: String
    /// Where that began which the error is about, such as a bracket that is open, or where a duplicate key stands
    /// first; nil if there is no such place. The reason names it too.
    package let began: YAMLPlace?

    /// `line 3, column 14: reason`.
    package var description: String {
        "\(place): \(reason)"
    }

    /// `conf.yaml:3:14: reason`, as compilers write it.
    package func description(in file: String) -> String {
        "\(file):\(place.line):\(place.column): \(reason)"
    }
}

/// A line and a column of a text, both from 1. A column is a code point.
package struct YAMLPlace: Hashable, Sendable, CustomStringConvertible {
    package let line: Int
    package let column: Int

    /// A place.
    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// The place of a byte. Lines end as YAML says: with a line feed, a carriage return, or both.
    init(of offset: Int, in bytes: [UInt8]) {
        var line = 1
        var start = 0
        let end = min(offset, bytes.count)
        for index in 0..<end where isEndOfLine(bytes, index) {
            line += 1
            start = index + 1
        }
        // A byte order mark is not shown, and continuation bytes (10xxxxxx) are no code points of their own.
        if start == 0, end >= 3, hasByteOrderMark(bytes) { start = 3 }
        self.init(line: line, column: 1 + bytes[start..<max(start, end)].count { $0 & 0xC0 != 0x80 })
    }

    /// `line 3, column 14`.
    package var description: String { "line \(line), column \(column)" }
}
