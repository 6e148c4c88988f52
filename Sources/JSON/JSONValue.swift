package import Platform

/// A lossless JSON value: numbers keep the text that their author wrote, strings their exact code points.
///
/// Two objects are equal when they have the same members in any order. Keys and strings are compared by their bytes,
/// not by canonical equivalence as `String` is: an edit that only composes an accent is still an edit.
package enum JSONValue: Sendable {
    case null
    case bool(Bool)
    /// The number's JSON text, never rounded.
    case number(String)
    /// The text without escapes.
    case string(String)
    case array([JSONValue])
    case object([ExactText: JSONValue])
}

extension JSONValue {
    /// The integer as a JSON number.
    package static func integer(_ value: Int64) -> JSONValue {
        .number(String(value))
    }

    /// The member of an object; nil if it has none of that name, or if this is no object.
    package subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[key]
    }

    /// The string, if it is one.
    package var stringValue: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The boolean, if it is one.
    package var boolValue: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// The number, if it is one that is written as an integer and fits.
    package var integerValue: Int64? {
        guard case .number(let text) = self else { return nil }
        return Int64(text)
    }

    /// The elements, if it is an array.
    package var arrayValue: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// The members, if it is an object.
    package var objectValue: [ExactText: JSONValue]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// What it is, for messages: `null`, `a boolean`, `a number`, `a string`, `an array` or `an object`.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONValue {
    /// Parses a whole JSON text.
    ///
    /// - Throws: `JSONError` with the place and the reason: not RFC 8259, a duplicate key, a lone surrogate, invalid
    ///   UTF-8, trailing bytes, or beyond a limit.
    package init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        var scanner = try JSONScanner(bytes, limits: limits)
        self = try scanner.value()
        try scanner.end()
    }

    /// Parses a whole JSON text.
    ///
    /// - Throws: `JSONError`, as for bytes.
    package init(parsing text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }
}

extension JSONValue: Hashable {
    /// Compares numbers and strings by their text.
    package static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left.hasSameBytes(as: right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }

    /// Hashes so that equal values hash alike.
    package func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let value): hasher.combine(value)
        case .number(let text): hasher.combine(text)
        case .string(let text): hasher.combine(text)
        case .array(let elements): hasher.combine(elements)
        case .object(let members): hasher.combine(members)
        }
    }
}
