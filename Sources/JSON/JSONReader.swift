/// Reads what is wanted of a JSON text, and builds nothing of the rest.
///
/// Who reads an object asks for one key after the other; a value that is not read by then is skipped:
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
/// A member that is null is as if it were missing. If a key occurs twice, both values are given. What is skipped is
/// checked too, but for the length of keys. An error names the path of the value, such as `spec.ports[0].port`.
///
/// A copy reads on from where the original was copied.
package struct JSONReader {
    /// An array or object that is being read, and how far.
    private enum Step {
        case member(String?)
        case element(Int)
    }

    private var scanner: JSONScanner
    private var steps: [Step] = []
    /// Whether the value at hand was not read yet.
    private var isUnread = true

    /// A reader at the value of a text.
    ///
    /// - Throws: `JSONError` for a text over the limit, or with a byte order mark.
    package init(_ bytes: [UInt8], limits: JSONLimits) throws(JSONError) {
        scanner = try JSONScanner(bytes, limits: limits)
    }

    /// Begins to read an object; `nextKey` gives its members.
    package mutating func enterObject() throws(JSONError) {
        try expect("{", "an object")
        try scanner.enterObject()
        steps.append(.member(nil))
    }

    /// The key of the next member, whose value is then at hand; nil after the last, when the object has been read.
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

    /// Whether the value at hand is null.
    package mutating func isNull() -> Bool {
        scanner.skipWhitespace()
        // No other value begins so.
        return scanner.peek == UInt8(ascii: "n")
    }

    /// Reads an array by reading each of its elements.
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

    /// Reads an object whose members are strings, of them those whose keys are wanted.
    package mutating func strings(
        where isWanted: (String) -> Bool = { _ in true }
    ) throws(JSONError) -> [String: String] {
        var strings: [String: String] = [:]
        try enterObject()
        while let key = try nextKey() {
            if isWanted(key) { strings[key] = try string() }
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

    /// Reads an object whole, with members that are null, and without duplicate keys.
    package mutating func members() throws(JSONError) -> [String: JSONValue] {
        try expect("{", "an object")
        return try scanner.members()
    }

    /// Reads whatever there is.
    package mutating func value() throws(JSONError) -> JSONValue {
        isUnread = false
        return try scanner.value()
    }

    /// Fails unless the value has been read, or is skipped, and only white space follows.
    package mutating func end() throws(JSONError) {
        try skip()
        try scanner.end()
    }

    /// An error about the value that was read last.
    package func failure(_ reason: String) -> JSONError {
        failure(reason, at: scanner.position)
    }

    /// The value of a member of the object that was read last, which must have it.
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

/// What can be read from a JSON text.
package protocol JSONReadable {
    /// Reads the value at hand.
    init(from json: inout JSONReader) throws(JSONError)
}

extension JSONReadable {
    /// The value of a whole text.
    package init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        var json = try JSONReader(bytes, limits: limits)
        try self.init(from: &json)
        try json.end()
    }
}
