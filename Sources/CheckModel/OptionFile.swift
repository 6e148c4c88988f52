import JSON
package import Platform

/// The JSON file that `--config` names, as dotted keys and texts.
package enum OptionFile {
    /// Reads the file: an object with the keys of options, dotted or nested (`{"cluster_checks": {"warmup_duration":
    /// "10s"}}`).
    ///
    /// - Throws: `OptionError` naming the file, the place in it and the reason.
    package static func entries(of path: String) throws(OptionError) -> [(key: String, text: String)] {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: try readFile(path, atMost: 1 << 20))
        } catch let error as FileError {
            throw OptionError(problems: [error.description])
        } catch {
            throw OptionError(problems: ["\(path): \(error)"])
        }
        guard case .object = value else { throw OptionError(problems: ["\(path): it is not a JSON object"]) }
        return try entries(value, key: "", path: path)
    }

    private static func entries(
        _ value: JSONValue, key: String, path: String
    ) throws(OptionError) -> [(key: String, text: String)] {
        switch value {
        case .object(let members):
            var found: [(key: String, text: String)] = []
            for (name, member) in members.sorted(by: { $0.key < $1.key }) {
                found += try entries(member, key: key.isEmpty ? name.text : "\(key).\(name)", path: path)
            }
            return found
        case .string(let text): return [(key, text)]
        case .number(let text): return [(key, text)]
        case .bool(let flag): return [(key, String(flag))]
        case .array: return [(key, String(decoding: value.encoded(), as: UTF8.self))]
        case .null: throw OptionError(problems: ["\(path): \(key): null is not a value"])
        }
    }
}
