import JSON
import Platform
import YAML

/// Reads the text of a config.
enum ConfigText {
    /// Reads YAML as the agents read it. It has no faults: what is wrong with it takes all of it.
    static func yaml(_ text: [UInt8], limit: Int) throws(AutoConfError) -> RecoveredJSON {
        do throws(YAMLError) {
            return RecoveredJSON(try JSONValue(yaml: text, limits: YAMLLimits(bytes: limit)))
        } catch {
            throw AutoConfError(error.description)
        }
    }

    /// Reads an option that is JSON or YAML. `place` is where it is, for errors; it may be empty.
    static func value(_ text: String, place: String) throws(AutoConfError) -> JSONValue {
        do throws(YAMLError) { return try JSONValue(jsonOrYAML: Array(text.utf8)) } catch {
            throw AutoConfError(place.isEmpty ? error.description : "\(place): \(error)")
        }
    }

    /// Reads JSON.
    static func json(_ text: [UInt8], limits: JSONLimits = JSONLimits()) throws(AutoConfError) -> RecoveredJSON {
        do throws(JSONError) {
            return try RecoveredJSON(parsing: text, limits: limits)
        } catch {
            throw AutoConfError(error.description)
        }
    }

    /// Reads an annotation, which is JSON or YAML. Only the faults of JSON leave what else it has.
    static func annotation(_ text: String) throws(AutoConfError) -> RecoveredJSON {
        guard !trimmed(text).isEmpty else { throw AutoConfError("the annotation is empty") }
        let bytes = Array(text.utf8)
        return looksLikeJSON(bytes) ? try json(bytes) : try yaml(bytes, limit: JSONLimits().bytes)
    }
}
