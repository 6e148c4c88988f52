import JSON
package import Platform

/// Reads an instance's options by type. Every error names the option, and none quotes its value.
struct InstanceReader {
    private let instance: [ExactText: JSONValue]
    private let initConfig: [ExactText: JSONValue]

    init(_ instance: [ExactText: JSONValue], _ initConfig: [ExactText: JSONValue]) {
        self.instance = instance
        self.initConfig = initConfig
    }

    /// The members of an object's text.
    ///
    /// - Throws: `CheckOptionError` if it is not a JSON object.
    static func members(of text: [UInt8], _ what: String) throws(CheckOptionError) -> [ExactText: JSONValue] {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: text)
        } catch {
            throw CheckOptionError("\(what) is not the JSON that this project's cluster-agent sends (\(error))")
        }
        guard let members = value.objectValue else {
            guard value != .null else { return [:] }
            throw CheckOptionError("\(what) is \(value.kind), not an object")
        }
        return members
    }

    func failure(_ key: String, _ reason: String) -> CheckOptionError {
        CheckOptionError("\(key) \(reason)")
    }

    /// The option's value in the instance, or, if it is shared, in `init_config`; nil if it is missing or null.
    func value(_ key: String, isShared: Bool = false) -> JSONValue? {
        if let value = instance[key], value != .null { return value }
        guard isShared, let value = initConfig[key], value != .null else { return nil }
        return value
    }

    /// A string, or a number or boolean as it is written. Nil for no key.
    func text(_ key: String?, isShared: Bool = false) throws(CheckOptionError) -> String? {
        guard let key, let value = value(key, isShared: isShared) else { return nil }
        switch value {
        case .string(let text), .number(let text): return text
        case .bool(let flag): return String(flag)
        case .null, .array, .object: throw failure(key, "is \(value.kind), not text")
        }
    }

    /// The text of a key, else that of its alias, which alone may be shared.
    func text(_ key: String, or alias: String?, isShared: Bool = false) throws(CheckOptionError) -> String? {
        if let text = try text(key) { return text }
        return try text(alias, isShared: isShared)
    }

    func requiredText(_ key: String) throws(CheckOptionError) -> String {
        guard let text = try text(key), !text.isEmpty else { throw failure(key, "is missing or empty") }
        return text
    }

    /// A boolean. As upstream has it, a string is true if it is `yes`, `true`, `1`, `y` or `on` in any case, and false
    /// otherwise; here only if it is one of their opposites, so that a typing error is not taken for no.
    func flag(_ key: String?, isShared: Bool = false) throws(CheckOptionError) -> Bool? {
        guard let key else { return nil }
        return switch try text(key, isShared: isShared)?.lowercased() {
        case nil: nil
        case "true", "yes", "1", "y", "on": true
        case "false", "no", "0", "n", "off", "": false
        default: throw failure(key, "is neither true nor false")
        }
    }

    /// A number of seconds, or a string with one.
    func seconds(
        _ key: String?, upTo limit: Duration, isShared: Bool = false, allowsZero: Bool = false
    ) throws(CheckOptionError) -> Duration? {
        guard let key, let text = try text(key, isShared: isShared) else { return nil }
        if allowsZero, Double(text) == 0 { return .zero }
        guard let seconds = Double(text), seconds > 0, seconds <= limit.seconds else {
            let what = key.hasPrefix("days_") ? "days" : "seconds"
            throw failure(key, "is not a number of \(what) over 0 and up to \(Int(limit.seconds))")
        }
        return max(.milliseconds(1), .nanoseconds(Int64(seconds * 1e9)))
    }

    /// A host's name or address. Anything else is not shown when the check fails.
    func host(_ key: String) throws(CheckOptionError) -> String {
        let text = try requiredText(key)
        guard Self.isHost(text) else { throw failure(key, "is neither the name nor the address of a host") }
        return text
    }

    /// Whether a text could be the name or the address of a host.
    static func isHost(_ text: String) -> Bool {
        !text.isEmpty
            && text.unicodeScalars.allSatisfy {
                $0.properties.isAlphabetic || "0123456789-._:%[]".unicodeScalars.contains($0)
            }
    }

    func port(_ key: String) throws(CheckOptionError) -> UInt16 {
        guard let port = portNumber(try requiredText(key)) else { throw failure(key, "is not a port (1 to 65535)") }
        return port
    }

    /// A regular expression; an empty one counts as missing.
    func pattern(_ key: String) throws(CheckOptionError) -> Pattern? {
        guard let text = try text(key), !text.isEmpty else { return nil }
        return try pattern(text, of: key)
    }

    /// A regular expression that is a part of an option.
    func pattern(_ text: String, of key: String) throws(CheckOptionError) -> Pattern {
        do throws(PatternError) { return try Pattern(text) } catch { throw failure(key, "is no pattern: \(error)") }
    }

    /// The members of an object; none if it is missing.
    func object(_ key: String, isShared: Bool = false) throws(CheckOptionError) -> [ExactText: JSONValue] {
        switch value(key, isShared: isShared) {
        case nil: return [:]
        case .object(let members)?: return members
        case let other?: throw failure(key, "is \(other.kind), not an object")
        }
    }

    /// A list of texts; empty if it is missing.
    func texts(_ key: String, isShared: Bool = false) throws(CheckOptionError) -> [String] {
        switch value(key, isShared: isShared) {
        case nil: return []
        case .array(let elements)?:
            return try elements.map { element throws(CheckOptionError) in
                switch element {
                case .string(let text), .number(let text): return text
                default: throw failure(key, "has an element that is \(element.kind), not text")
                }
            }
        case let other?: throw failure(key, "is \(other.kind), not a list")
        }
    }

    /// Fails for a field that no request can have (RFC 9110 §5.1, §5.5), or whose value the client itself knows.
    private static func checkField(
        _ name: String, _ value: String, _ failure: (String) -> CheckOptionError
    ) throws(CheckOptionError) {
        let isToken = name.utf8.allSatisfy { byte in
            (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || (byte >= 0x30 && byte <= 0x39)
                || "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
        guard isToken, !name.isEmpty else { throw failure("is not the name of a header field") }
        guard !value.utf8.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }) else {
            throw failure("has a line break or another control character")
        }
        guard !["content-length", "transfer-encoding", "expect"].contains(name.lowercased()) else {
            throw failure("is set by the client itself")
        }
    }

    /// Header fields, from an object of names and values; sorted by name.
    func headers(_ key: String) throws(CheckOptionError) -> [CheckHeader] {
        switch value(key) {
        case nil: return []
        case .object(let members)?:
            return try members.sorted { $0.key < $1.key }.map { (name, value) throws(CheckOptionError) in
                let place = "\(key).\(shownName(name.text))"
                let text =
                    switch value {
                    case .string(let text), .number(let text): text
                    case .bool(let flag): String(flag)
                    default: throw failure(place, "is \(value.kind), not text")
                    }
                try Self.checkField(name.text, text) { reason in failure(place, reason) }
                return CheckHeader(name: name.text, value: text)
            }
        case let other?: throw failure(key, "is \(other.kind), not an object of names and values")
        }
    }
}

/// One header field of a check's request.
package struct CheckHeader: Sendable, Hashable {
    /// Its name.
    @ExactText package internal(set) var name: String
    /// Its value.
    @ExactText package internal(set) var value: String

    /// Whether this is its name, whose case does not matter.
    package func isNamed(_ other: String) -> Bool {
        name.lowercased() == other.lowercased()
    }
}
