import JSON
package import Platform
import YAML

/// The YAML or JSON file that `--config` names, as dotted keys and texts.
package enum OptionFile {
    /// Reads the file: a map with the keys of options, dotted or nested (`cluster_checks: {warmup_duration: 10s}`).
    ///
    /// - Throws: `OptionError` naming the file, the place in it and the reason.
    package static func entries(of path: String) throws(OptionError) -> [OptionFileEntry] {
        let contents: [UInt8]
        do { contents = try readFile(path, atMost: 1 << 20) } catch { throw OptionError(problems: ["\(error)"]) }
        return try entries(in: contents, path: path)
    }

    /// Reads the text of the file at `path`.
    static func entries(in contents: [UInt8], path: String) throws(OptionError) -> [OptionFileEntry] {
        let value: JSONValue
        do throws(YAMLError) {
            value = try JSONValue(jsonOrYAML: contents)
        } catch {
            throw OptionError(problems: [error.description(in: path)])
        }
        guard value.objectValue != nil || value == .null else {
            throw OptionError(problems: ["\(path): it is \(value.kind), not a map of options"])
        }
        let entries = entries(value, key: "").sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        for (one, next) in zip(entries, entries.dropFirst()) where one.key.hasSameBytes(as: next.key) {
            throw OptionError(problems: ["\(path): \(shownName(one.key)): given twice, dotted and nested"])
        }
        return entries
    }

    private static func entries(_ value: JSONValue, key: String) -> [OptionFileEntry] {
        switch value {
        case .object(let members) where !members.isEmpty:
            return members.flatMap { name, member in
                entries(member, key: key.isEmpty ? name.text : "\(key).\(name)")
            }
        case .object, .null: return key.isEmpty ? [] : [(key, nil, .text)]
        case .array(let elements):
            // A list takes texts, whatever YAML makes of them.
            let texts = elements.compactMap(text)
            let list: JSONValue = texts.count == elements.count ? .array(texts.map { .string($0) }) : value
            return [(key, String(decoding: list.encoded(), as: UTF8.self), .list)]
        case .string: return [(key, text(value), .text)]
        case .number: return [(key, text(value), .number)]
        case .bool: return [(key, text(value), .boolean)]
        }
    }

    /// The text of a value that is neither null nor has others in it.
    private static func text(_ value: JSONValue) -> String? {
        switch value {
        case .string(let text), .number(let text): text
        case .bool(let flag): String(flag)
        case .object, .array, .null: nil
        }
    }
}
