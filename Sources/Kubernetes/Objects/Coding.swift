import FoundationEssentials

/// Reads `Value` from JSON bytes.
///
/// - Parameters:
///   - bytes: the JSON text.
///   - place: what the bytes are, for the error, such as `GET /api/v1/services`.
/// - Throws: `KubernetesError.malformed` with the place, the path inside the value, and the reason.
func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: [UInt8], place: String
) throws(KubernetesError) -> Value {
    do {
        return try JSONDecoder().decode(type, from: Data(bytes))
    } catch let error as DecodingError {
        throw .malformed(place: place, reason: explanation(of: error))
    } catch {
        throw .malformed(place: place, reason: "\(error)")
    }
}

/// The JSON bytes of `value`, keys sorted.
func encode(_ value: some Encodable, place: String) throws(KubernetesError) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
        return [UInt8](try encoder.encode(value))
    } catch {
        throw .malformed(place: place, reason: "\(error)")
    }
}

private func explanation(of error: DecodingError) -> String {
    switch error {
    case .typeMismatch(let type, let context):
        "\(path(context.codingPath)) is not of the type \(type)"
    case .valueNotFound(_, let context):
        "\(path(context.codingPath)) is null"
    case .keyNotFound(let key, let context):
        "\(path(context.codingPath + [key])) is missing"
    case .dataCorrupted(let context):
        // The parser's own message, with line and column, is in the underlying error.
        "\(path(context.codingPath)): \(context.underlyingError.map { "\($0)" } ?? context.debugDescription)"
    @unknown default:
        "\(error)"
    }
}

private func path(_ keys: [any CodingKey]) -> String {
    guard !keys.isEmpty else { return "the document" }
    var text = ""
    for key in keys {
        if let index = key.intValue {
            text += "[\(index)]"
        } else {
            text += (text.isEmpty ? "" : ".") + key.stringValue
        }
    }
    return text
}
