package import JSON

extension JSONValue {
    /// Parses a text of one document that may be JSON or YAML; null if it has no content.
    ///
    /// - Throws: `YAMLError` with the place and the reason, for JSON too.
    package init(jsonOrYAML bytes: [UInt8], limits: YAMLLimits = YAMLLimits()) throws(YAMLError) {
        guard looksLikeJSON(bytes) else {
            try self.init(yaml: bytes, limits: limits)
            return
        }
        do throws(JSONError) {
            try self.init(parsing: bytes, limits: JSONLimits(limits))
        } catch {
            throw YAMLError(error)
        }
    }
}

/// Whether a text is meant to be JSON, not YAML with brackets: what stands first in its brackets is in double quotes.
///
/// YAML takes most of JSON, also where a mistake has made something else of it: `[80 443]` is one text there.
package func looksLikeJSON(_ bytes: [UInt8]) -> Bool {
    let first = bytes.first { !isSpace($0) }
    guard first == UInt8(ascii: "{") || first == UInt8(ascii: "[") else { return false }
    let inner = bytes.first { !isSpace($0) && !"[]{},".utf8.contains($0) }
    return inner == nil || inner == UInt8(ascii: "\"")
}

extension JSONLimits {
    fileprivate init(_ limits: YAMLLimits) {
        self.init(
            bytes: limits.bytes, depth: limits.depth, keyBytes: limits.keyBytes, numberBytes: limits.numberBytes)
    }
}

extension YAMLError {
    fileprivate init(_ error: JSONError) {
        self.init(
            offset: error.offset, place: YAMLPlace(line: error.line, column: error.column), reason: error.reason,
            began: nil)
    }
}
