package import Platform

/// Reads the wanted parts of a JSON text, and skips the rest without building a value for it.
///
/// The caller asks for the keys of an object one by one and reads the values that it wants; `nextKey` skips a value
/// that was not read:
///
///     try json.enterObject()
///     while let key = try json.nextKey() {
///         switch key {
///         case "name": name = try json.string()
///         case "ports": ports = try json.array(of: Port.self)
///         default: break
///         }
///     }
///
/// A null member counts as missing. A duplicate key is returned again, so that the last value wins. Skipped values are
/// validated too, except for key lengths and duplicate keys. An error names the path of the value, such as
/// `spec.ports[0].port`.
///
/// A reader is a value: a copy continues from the same position, independently.
package struct JSONReader {
    /// A position in an array or object that is being read.
    private enum Step {
        /// Before the first member if nil.
        case member(String?)
        case element(Int)
    }

    private var scanner: JSONScanner
    private var steps: [Step] = []
    /// Whether the current value has not been read yet.
    private var isUnread = true
    /// How names begin that a type is to keep beside those that it always keeps, if it says that it looks here: what is
    /// wanted may depend on options.
    package private(set) var keptPrefixes: [String]

    /// A reader at the value of a text.
    ///
    /// - Parameter keptPrefixes: see there.
    /// - Throws: `JSONError` for a text over the limit, or with a byte order mark.
    package init(_ bytes: [UInt8], limits: JSONLimits, keptPrefixes: [String] = []) throws(JSONError) {
        self.keptPrefixes = keptPrefixes
        scanner = try JSONScanner(bytes, limits: limits)
    }

    /// Starts to read an object; `nextKey` returns its keys.
    package mutating func enterObject() throws(JSONError) {
        try expect("{", "an object")
        try scanner.enterObject()
        steps.append(.member(nil))
    }

    /// The key of the next member, whose value becomes the current value; nil at the end of the object.
    package mutating func nextKey(includingNull: Bool = false) throws(JSONError) -> String? {
        try skip()
        guard case .member(let previous)? = steps.last else { preconditionFailure("no object has been entered") }
        var isFirst = previous == nil
        while try scanner.nextMember(isFirst: isFirst) != nil {
            let key = try scanner.key()
            steps[steps.count - 1] = .member(key)
            isUnread = true
            if includingNull || !isNull() { return key }
            try skip()
            isFirst = false
        }
        steps.removeLast()
        return nil
    }

    /// Whether the current value is null.
    package mutating func isNull() -> Bool {
        scanner.skipWhitespace()
        // No other value begins so.
        return scanner.peek == UInt8(ascii: "n")
    }

    /// Reads an array, each element with `read`.
    package mutating func array<Element>(
        _ read: (inout JSONReader) throws(JSONError) -> Element
    ) throws(JSONError) -> [Element] {
        try expect("[", "an array")
        try scanner.enterArray()
        var elements: [Element] = []
        steps.append(.element(0))
        while try scanner.nextElement(isFirst: elements.isEmpty) {
            steps[steps.count - 1] = .element(elements.count)
            isUnread = true
            elements.append(try read(&self))
            try skip()
        }
        steps.removeLast()
        return elements
    }

    /// Reads an array of values of one type.
    package mutating func array<Element: JSONReadable>(of type: Element.Type) throws(JSONError) -> [Element] {
        try array { (json) throws(JSONError) in try Element(from: &json) }
    }

    /// Reads a string.
    package mutating func string() throws(JSONError) -> String {
        try expect("\"", "a string")
        return try scanner.string()
    }

    /// Reads an array of strings.
    package mutating func strings() throws(JSONError) -> [String] {
        try array { (json) throws(JSONError) in try json.string() }
    }

    /// Reads an object whose wanted members are strings.
    package mutating func strings(
        where isWanted: (String) -> Bool = { _ in true }
    ) throws(JSONError) -> [ExactText: ExactText] {
        var strings: [ExactText: ExactText] = [:]
        try enterObject()
        while let key = try nextKey() {
            if isWanted(key) { strings[key] = ExactText(try string()) }
        }
        return strings
    }

    /// Reads an integer.
    package mutating func integer() throws(JSONError) -> Int {
        scanner.skipWhitespace()
        let start = scanner.position
        let value = try value()
        guard let integer = value.integerValue else { throw mismatch(value, "an integer", at: start) }
        return Int(integer)
    }

    /// Reads a boolean.
    package mutating func bool() throws(JSONError) -> Bool {
        scanner.skipWhitespace()
        let start = scanner.position
        let value = try value()
        guard let bool = value.boolValue else { throw mismatch(value, "a boolean", at: start) }
        return bool
    }

    /// Reads all members of an object, null ones too; duplicate keys are an error.
    package mutating func members() throws(JSONError) -> [ExactText: JSONValue] {
        try expect("{", "an object")
        return try scanner.members()
    }

    /// Reads a value of any type.
    package mutating func value() throws(JSONError) -> JSONValue {
        isUnread = false
        return try scanner.value()
    }

    /// Reads a value of any type that has limits of its own. If it is beyond them, the reader goes on behind it.
    ///
    /// - Returns: the value, or why it is beyond the limits.
    /// - Throws: `JSONError` if it is no JSON.
    package mutating func value(within limits: JSONLimits) throws(JSONError) -> Result<JSONValue, JSONError> {
        isUnread = false
        scanner.skipWhitespace()
        let start = scanner.position
        try scanner.skipValue()
        let text = Array(scanner.bytes[start..<scanner.position])
        do throws(JSONError) {
            return .success(try JSONValue(parsing: text, limits: limits))
        } catch {
            return .failure(error)
        }
    }

    /// Skips the current value if it has not been read. Only white space may follow.
    package mutating func end() throws(JSONError) {
        try skip()
        try scanner.end()
    }

    /// An error about the value just read.
    package func failure(_ reason: String) -> JSONError {
        failure(reason, at: scanner.position)
    }

    /// Unwraps a required member of the object just read.
    package func required<Value>(_ value: Value?, _ key: String) throws(JSONError) -> Value {
        guard let value else {
            let path = path.isEmpty ? key : "\(path).\(key)"
            throw JSONError(at: scanner.position, of: scanner.bytes, path: path, reason: "is missing")
        }
        return value
    }
}

extension JSONReader {
    private mutating func skip() throws(JSONError) {
        guard isUnread else { return }
        isUnread = false
        try scanner.skipValue()
    }

    private mutating func expect(_ first: Unicode.Scalar, _ expected: String) throws(JSONError) {
        isUnread = false
        scanner.skipWhitespace()
        let start = scanner.position
        guard scanner.peek == UInt8(ascii: first) else { throw mismatch(try scanner.value(), expected, at: start) }
    }

    private func mismatch(_ value: JSONValue, _ expected: String, at start: Int) -> JSONError {
        failure("is \(value.kind), not \(expected)", at: start)
    }

    private func failure(_ reason: String, at offset: Int) -> JSONError {
        JSONError(at: offset, of: scanner.bytes, path: path.isEmpty ? "the document" : path, reason: reason)
    }

    private var path: String {
        steps.reduce(into: "") { path, step in
            switch step {
            case .member(let key): path += (path.isEmpty ? "" : ".") + (key ?? "")
            case .element(let index): path += "[\(index)]"
            }
        }
    }
}

/// A type that can be read from a JSON text.
package protocol JSONReadable {
    /// Reads the current value.
    init(from json: inout JSONReader) throws(JSONError)
}

extension JSONReadable {
    /// The value of a whole text.
    package init(
        parsing bytes: [UInt8], limits: JSONLimits = JSONLimits(), keptPrefixes: [String] = []
    ) throws(JSONError) {
        var json = try JSONReader(bytes, limits: limits, keptPrefixes: keptPrefixes)
        try self.init(from: &json)
        try json.end()
    }
}
