import JSON
import Platform

/// Masks the secrets of JSON, by the keys above them.
struct StructuredSecrets {
    /// How many levels of JSON within the strings of JSON are looked through as JSON; below them, as text.
    let levels: Int

    func scrubbed(_ json: JSONValue) -> JSONValue {
        switch json {
        case .null, .bool, .number: json
        case .string(let text): .string(StructuredSecrets(levels: levels - 1).scrubbed(text))
        case .array(let elements): .array(scrubbed(elements))
        case .object(let members): .object(scrubbed(members))
        }
    }

    func scrubbed(_ text: String) -> String {
        let shown = SecretText.scrubbed(text)
        guard levels > 0, let first = text.utf8.first(where: { !SecretText.isSpace($0) }), "{[".utf8.contains(first),
            let json = try? JSONValue(parsing: Array(text.utf8))
        else { return shown }
        if let masked = try? JSONValue(parsing: Array(shown.utf8)), scrubbed(masked) == masked { return shown }
        return String(decoding: scrubbed(json).encoded(), as: UTF8.self)
    }

    /// A list with its secrets masked, and with what follows an option that names one: `["--password", "x"]`.
    private func scrubbed(_ elements: [JSONValue]) -> [JSONValue] {
        var follows = false
        return elements.map { element in
            defer {
                let option = element.stringValue ?? ""
                follows = option.hasPrefix("-") && SecretName.isSecret(option)
            }
            guard follows, let text = element.stringValue, !text.hasPrefix("-") else { return scrubbed(element) }
            return masked(element)
        }
    }

    /// An object with its secrets masked, and with the `value` next to a `name` that names one.
    private func scrubbed(_ members: [ExactText: JSONValue]) -> [ExactText: JSONValue] {
        let names = members.contains { key, value in
            SecretName.namingKeys.contains(key.text.lowercased()) && SecretName.isSecret(value.stringValue ?? "")
        }
        let shown = members.map { (key, value) in
            let isValue = names && SecretName.valueKeys.contains(key.text.lowercased())
            let isSecret = SecretName.isSecret(key.text) || isValue
            return (ExactText(scrubbed(key.text)), isSecret ? masked(value) : scrubbed(value))
        }
        // Two keys can become the same by their masks.
        return Dictionary(shown) { first, _ in first }
    }

    /// The value with everything masked that could be the secret. A boolean could not (`use_token: true`), nor what
    /// only describes the secret (`auth_token: {reader: {type: file}}`).
    private func masked(_ json: JSONValue) -> JSONValue {
        switch json {
        case .null, .bool: return json
        case .number: return .string(Scrubbing.mask)
        case .string(let text): return Scrubbing.canBeSecret(text) ? .string(Scrubbing.mask) : json
        case .array(let elements): return .array(elements.map(masked))
        case .object(let members):
            let shown = members.map { (key, value) in
                (ExactText(scrubbed(key.text)), SecretName.isDescription(key.text) ? scrubbed(value) : masked(value))
            }
            return .object(Dictionary(shown) { first, _ in first })
        }
    }
}
