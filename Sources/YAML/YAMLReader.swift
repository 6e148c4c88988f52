package import JSON
import Platform

/// What a YAML text may be at most.
package struct YAMLLimits: Hashable, Sendable {
    /// Bytes of the whole text. Default: 1,048,576 (1 MiB), as much as a ConfigMap holds.
    package var bytes: Int
    /// Lists and maps inside each other, after aliases are expanded. Default: 100; Python's parser fails at 492.
    package var depth: Int
    /// Values, after aliases are expanded. They are counted while expanding. Default: 100,000.
    package var nodes: Int
    /// Bytes that aliases stand for, together. Default: 4,194,304 (4 MiB).
    package var aliasedBytes: Int
    /// Anchors of one document. Default: 1,000. All other limits are for all documents together.
    package var anchors: Int
    /// Bytes of a key as JSON writes it. Default: 1,000, as for JSON.
    package var keyBytes: Int
    /// Bytes of a number, as it is written and as JSON writes it. Default: 1,000, as for JSON. To convert one takes the
    /// square of them.
    package var numberBytes: Int

    /// The limits; everything not given has its default.
    package init(
        bytes: Int = 1_048_576, depth: Int = 100, nodes: Int = 100_000, aliasedBytes: Int = 4_194_304,
        anchors: Int = 1_000, keyBytes: Int = 1_000, numberBytes: Int = 1_000
    ) {
        self.bytes = bytes
        self.depth = depth
        self.nodes = nodes
        self.aliasedBytes = aliasedBytes
        self.anchors = anchors
        self.keyBytes = keyBytes
        self.numberBytes = numberBytes
    }
}

/// One document of a YAML text.
package struct YAMLDocument: Hashable, Sendable {
    /// Its content; null if it has none.
    package let value: JSONValue
    /// The line on which it begins: that of its `---` if it has one, otherwise of its content.
    package let line: Int
}

/// Reads YAML into the lossless JSON value, one document at a time.
///
/// It reads YAML 1.1 as the agents do: what a plain scalar is, go-yaml v2 decides, through which every config of
/// Datadog's cluster agent goes; the syntax is what libyaml and the YAML 1.2 standard agree on. What they read
/// differently, or what JSON cannot hold, it refuses by name and place, and never reads it as something else. Where the
/// standard has one clear meaning that others merely refuse, such as a tab after a dash, that meaning is read.
///
/// - Numbers keep their digits. Hexadecimal, octal and binary ones and those with `_` become decimal; exponents get the
///   point and sign without which YAML 1.1 takes them for text: `1.0e+3`.
/// - Numbers of base 60 and timestamps become strings, and so do keys: as they are written.
/// - Refused are infinity and NaN, duplicate keys and keys that are null, lists or maps, tags that are not standard,
///   and all that another reader of the resulting JSON would not read alike.
package struct YAMLReader {
    private var parser: YAMLParser
    /// Whether the next document must begin with `---`: the previous one did not end with `...`.
    private var needsMarker = false
    /// Up to where lines have been counted, and how many breaks there were.
    private var counted = (offset: 0, breaks: 0)

    /// A reader at the start of a text.
    ///
    /// - Throws: `YAMLError` for a text over the limit, or with bytes that YAML does not allow.
    package init(_ bytes: [UInt8], limits: YAMLLimits = YAMLLimits()) throws(YAMLError) {
        parser = try YAMLParser(bytes, limits: limits)
    }

    /// The next document; nil after the last. A text without content has none.
    package mutating func nextDocument() throws(YAMLError) -> YAMLDocument? {
        guard let start = try startOfDocument() else { return nil }
        counted.breaks += parser.breaks(in: counted.offset..<start)
        counted.offset = start
        let value = try parser.document()
        needsMarker = !parser.isEndMarker
        if parser.isEndMarker { try skipMarker() }
        return YAMLDocument(value: value, line: 1 + counted.breaks)
    }

    /// Moves to the content of the next document, and returns where the document begins.
    private mutating func startOfDocument() throws(YAMLError) -> Int? {
        var directives: Int?
        while true {
            parser.moveToToken()
            let start = parser.position
            if parser.isEndMarker, directives == nil {
                try skipMarker()
                needsMarker = false
            } else if parser.isMarker, !parser.isEndMarker {
                parser.skip(3)
                return start
            } else if parser.peek == UInt8(ascii: "%"), parser.position == parser.lineStart, !needsMarker {
                guard directives == nil else { throw parser.failure("a second directive; only one is read", at: start) }
                try directive()
                directives = start
            } else if let directives {
                throw parser.failure("expected '---' after the directive", began: directives)
            } else {
                return parser.isAtEnd ? nil : start
            }
        }
    }

    /// Skips `...`, after which only a comment may stand.
    private mutating func skipMarker() throws(YAMLError) {
        parser.skip(3)
        parser.moveToToken()
        guard parser.isFirst || parser.isAtEnd else {
            throw parser.failure("expected the end of the line after '...', found text")
        }
    }

    /// Skips `%YAML 1.1`, the only directive that all readers read.
    private mutating func directive() throws(YAMLError) {
        let start = parser.position
        let words = parser.restOfLine().split { $0 == " " || $0 == "\t" }
        guard words.first == "%YAML" else { throw parser.failure("a directive other than %YAML", at: start) }
        let isAlone = words.count == 2 || words.count > 2 && words[2].hasPrefix("#")
        guard isAlone, words[1] == "1.1" else {
            throw parser.failure("expected '%YAML 1.1' and nothing else", at: start)
        }
    }
}

extension YAMLReader {
    /// All documents of a text.
    package static func documents(
        of bytes: [UInt8], limits: YAMLLimits = YAMLLimits()
    ) throws(YAMLError) -> [YAMLDocument] {
        var reader = try YAMLReader(bytes, limits: limits)
        var documents: [YAMLDocument] = []
        while let document = try reader.nextDocument() { documents.append(document) }
        return documents
    }

    /// The most documents that cannot be read: to find the place of each error takes as long as to read up to there.
    private static let mostErrors = 100

    /// The documents of a text, each by itself: one that cannot be read, and is its error, does not take those behind
    /// the next `---`. After a hundred errors the rest is not read, and the last error says so.
    ///
    /// - Throws: `YAMLError` if the text as such cannot be read.
    package static func readings(
        of bytes: [UInt8], limits: YAMLLimits = YAMLLimits()
    ) throws(YAMLError) -> [Result<YAMLDocument, YAMLError>] {
        var reader = try YAMLReader(bytes, limits: limits)
        var readings: [Result<YAMLDocument, YAMLError>] = []
        var errors = 0
        while true {
            do throws(YAMLError) {
                guard let document = try reader.nextDocument() else { return readings }
                readings.append(.success(document))
            } catch {
                readings.append(.failure(error))
                errors += 1
                guard errors < Self.mostErrors else {
                    let reason = "no more is read after \(errors) documents that cannot be"
                    return readings + [.failure(reader.parser.failure(reason))]
                }
                guard reader.parser.moveToMarker() else { return readings }
                reader.needsMarker = false
            }
        }
    }
}

extension JSONValue {
    /// Parses a YAML text of one document; null if the text has no content.
    ///
    /// - Throws: `YAMLError` with the place and the reason, also for a second document, even an empty one.
    package init(yaml bytes: [UInt8], limits: YAMLLimits = YAMLLimits()) throws(YAMLError) {
        var reader = try YAMLReader(bytes, limits: limits)
        self = try reader.nextDocument()?.value ?? .null
        try reader.end()
    }

    /// Parses a YAML text of one document, as for bytes.
    package init(yaml text: String, limits: YAMLLimits = YAMLLimits()) throws(YAMLError) {
        try self.init(yaml: Array(text.utf8), limits: limits)
    }
}

extension YAMLReader {
    /// Fails if another document begins.
    fileprivate mutating func end() throws(YAMLError) {
        guard let start = try startOfDocument() else { return }
        throw parser.failure("a second document begins here, but this text may have only one", at: start)
    }
}
