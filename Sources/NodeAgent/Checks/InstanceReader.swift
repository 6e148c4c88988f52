import CheckModel
import JSON
import Platform

/// Reads an instance's options by type. Every error names the option.
struct InstanceReader {
    private let members: [ExactText: JSONValue]

    /// Parses the instance's text.
    ///
    /// - Throws: `CheckFailure` if it is not a JSON object.
    init(_ text: [UInt8]) throws(CheckFailure) {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: text)
        } catch {
            throw CheckFailure(
                .config, "the instance is not JSON (\(error)): this agent does not read YAML, so write it as JSON")
        }
        guard let members = value.objectValue else {
            throw CheckFailure(.config, "the instance is \(value.kind), not an object")
        }
        self.members = members
    }

    func failure(_ key: String, _ reason: String) -> CheckFailure {
        CheckFailure(.config, "\(key) \(reason)")
    }

    /// Fails if one of these unsupported options is set.
    func refuse(_ keys: [String]) throws(CheckFailure) {
        for key in keys where value(key) != nil {
            throw failure(key, "is not supported by this agent")
        }
    }

    private func value(_ key: String) -> JSONValue? {
        let value = members[key]
        return value == .null ? nil : value
    }

    /// A string, or a number or boolean as it is written.
    func text(_ key: String) throws(CheckFailure) -> String? {
        guard let value = value(key) else { return nil }
        switch value {
        case .string(let text), .number(let text): return text
        case .bool(let flag): return String(flag)
        case .null, .array, .object: throw failure(key, "is \(value.kind), not text")
        }
    }

    func requiredText(_ key: String) throws(CheckFailure) -> String {
        guard let text = try text(key), !text.isEmpty else { throw failure(key, "is missing or empty") }
        return text
    }

    /// A boolean, or a string with one, which a resolved variable may be.
    func flag(_ key: String, default fallback: Bool) throws(CheckFailure) -> Bool {
        switch try text(key) {
        case nil: return fallback
        case "true": return true
        case "false": return false
        default: throw failure(key, "is neither true nor false")
        }
    }

    /// A number of seconds, or a string with one.
    func seconds(_ key: String, default fallback: Duration, upTo limit: Duration) throws(CheckFailure) -> Duration {
        guard let text = try text(key) else { return fallback }
        guard let seconds = Double(text), seconds > 0, seconds <= limit.seconds else {
            throw failure(key, "is not a number of seconds over 0 and up to \(Int(limit.seconds))")
        }
        return max(.milliseconds(1), .nanoseconds(Int64(seconds * 1e9)))
    }

    /// A host's name or address. Anything else is not shown when the check fails.
    func host(_ key: String) throws(CheckFailure) -> String {
        let text = try requiredText(key)
        let isHost = text.unicodeScalars.allSatisfy {
            $0.properties.isAlphabetic || "0123456789-._:%[]".unicodeScalars.contains($0)
        }
        guard isHost else { throw failure(key, "is neither the name nor the address of a host") }
        return text
    }

    func port(_ key: String) throws(CheckFailure) -> UInt16 {
        let text = try requiredText(key)
        guard let port = UInt16(text), port > 0 else { throw failure(key, "is not a port (1 to 65535)") }
        return port
    }

    /// Header fields, from an object of names and values; sorted by name.
    func headers(_ key: String) throws(CheckFailure) -> [CheckHeader] {
        switch value(key) {
        case nil: return []
        case .object(let members)?:
            return try members.sorted { $0.key < $1.key }.map { (name, value) throws(CheckFailure) in
                switch value {
                case .string(let text), .number(let text): return CheckHeader(name: name.text, value: text)
                case .bool(let flag): return CheckHeader(name: name.text, value: String(flag))
                default: throw failure("\(key).\(shownName(name.text))", "is \(value.kind), not text")
                }
            }
        case let other?: throw failure(key, "is \(other.kind), not an object of names and values")
        }
    }
}

/// One header field of a check's request.
struct CheckHeader: Sendable, Hashable {
    @ExactText private(set) var name: String
    @ExactText private(set) var value: String
}
