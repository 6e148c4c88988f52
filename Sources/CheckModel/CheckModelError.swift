package import JSON

/// Why a config or a message of the protocol cannot be used.
package enum CheckModelError: Error, Hashable, Sendable, CustomStringConvertible {
    /// An instance is not a JSON object, so it cannot be patched.
    case instanceIsNotObject(key: ConfigKey, index: Int, kind: String)
    /// A message is not JSON.
    case invalidJSON(message: String, JSONError)
    /// A message is JSON but not what the protocol says: the place in it, and what is wrong there.
    case malformed(message: String, place: String, reason: String)

    /// One line: the place and the reason.
    package var description: String {
        switch self {
        case .instanceIsNotObject(let key, let index, let kind):
            "\(key): instances[\(index)] is \(kind), not an object"
        case .invalidJSON(let message, let error):
            "\(message): \(error)"
        case .malformed(let message, let place, let reason):
            "\(message): \(place) \(reason)"
        }
    }
}
