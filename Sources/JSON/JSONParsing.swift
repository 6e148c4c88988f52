extension JSONValue {
    /// The value of a whole JSON text.
    ///
    /// - Throws: `JSONError` with the place and the reason: not RFC 8259, a duplicate key, a lone surrogate, invalid UTF-8, trailing bytes,
    ///   or beyond a limit.
    package init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        var scanner = try JSONScanner(bytes, limits: limits)
        self = try scanner.value()
        try scanner.end()
    }

    /// The value of a whole JSON text.
    ///
    /// - Throws: `JSONError`, as for bytes.
    package init(parsing text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }
}
