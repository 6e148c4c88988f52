import JSON
import Platform

/// JSON as YAML for people: block style, keys sorted, texts in double quotes as in JSON.
enum YAMLText {
    /// The text, without a line break at its end.
    static func of(_ value: JSONValue) -> String {
        lines(value).joined(separator: "\n")
    }

    private static func lines(_ value: JSONValue) -> [String] {
        switch value {
        case .object(let members) where !members.isEmpty:
            JSONValue.sorted(members).flatMap { key, value in
                nested(lines(value), after: "\(text(.string(key.text))):", isBlock: isBlock(value))
            }
        case .array(let elements) where !elements.isEmpty:
            elements.flatMap { element in
                let lines = lines(element)
                return ["- \(lines[0])"] + lines.dropFirst().map { "  \($0)" }
            }
        default: [text(value)]
        }
    }

    private static func nested(_ lines: [String], after key: String, isBlock: Bool) -> [String] {
        isBlock ? [key] + lines.map { "  \($0)" } : ["\(key) \(lines[0])"]
    }

    private static func isBlock(_ value: JSONValue) -> Bool {
        switch value {
        case .object(let members): !members.isEmpty
        case .array(let elements): !elements.isEmpty
        default: false
        }
    }

    private static func text(_ value: JSONValue) -> String { String(decoding: value.encoded(), as: UTF8.self) }
}
