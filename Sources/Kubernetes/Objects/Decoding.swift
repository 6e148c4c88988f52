import JSON

extension JSONLimits {
    /// For responses of the API server, whose size the client bounds. `managedFields` nest deeply, and their keys are
    /// as long as any name.
    static let kubernetes = JSONLimits(bytes: .max, depth: 512, keyBytes: .max)
}

/// Reads `Value` from JSON bytes.
///
/// - Parameters:
///   - bytes: the JSON text.
///   - keptAnnotations: how the names of annotations begin that are kept of a Service beside autodiscovery's.
///   - place: what the bytes are, for the error, such as `GET /api/v1/services`.
/// - Throws: `KubernetesError.malformed` with the place, the path inside the value, and the reason.
func decode<Value: JSONReadable>(
    _ type: Value.Type, from bytes: [UInt8], keptAnnotations: [String] = [], place: String
) throws(KubernetesError) -> Value {
    do {
        return try Value(parsing: bytes, limits: .kubernetes, keptPrefixes: keptAnnotations)
    } catch {
        throw .malformed(place: place, reason: "\(error)")
    }
}
