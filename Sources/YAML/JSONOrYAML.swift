package import JSON

extension JSONValue {
    /// Parses a text of one document that may be JSON, which begins with `{`, or YAML; null if it has no content.
    ///
    /// - Throws: `YAMLError` with the place and the reason, for JSON too.
    package init(jsonOrYAML bytes: [UInt8], limits: YAMLLimits = YAMLLimits()) throws(YAMLError) {
        guard Self.looksLikeJSON(bytes) else {
            try self.init(yaml: bytes, limits: limits)
            return
        }
        do throws(JSONError) {
            try self.init(parsing: bytes, limits: JSONLimits(limits))
        } catch {
            throw YAMLError(error)
        }
    }

    /// Whether the first character of a text is `{`.
    private static func looksLikeJSON(_ bytes: [UInt8]) -> Bool {
        bytes.first { !isSpace($0) } == UInt8(ascii: "{")
    }
}

extension JSONLimits {
    fileprivate init(_ limits: YAMLLimits) {
        self.init(
            bytes: limits.bytes, depth: limits.depth, keyBytes: limits.tokenBytes, numberBytes: limits.tokenBytes)
    }
}

extension YAMLError {
    fileprivate init(_ error: JSONError) {
        self.init(
            offset: error.offset, place: YAMLPlace(line: error.line, column: error.column), reason: error.reason,
            began: nil)
    }
}
