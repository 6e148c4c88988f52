import JSON
import YAML

/// The documents of a text that has manifests, check configs, or both.
struct CheckedText {
    /// The most bytes of a text: the Services of a large cluster.
    static let limit = 64 << 20
    private static let limits = YAMLLimits(bytes: limit, nodes: 5_000_000, keyBytes: 65_536)

    struct Document {
        /// Where it begins, such as `all.yaml:12`; without the line if it is the only one.
        let place: String
        let value: JSONValue
    }

    /// Those that can be read and are not empty.
    private(set) var documents: [Document] = []
    /// Why others cannot be read, each with its place.
    private(set) var refused: [String] = []
    /// Whether it has manifests, be it in a document that cannot be read.
    private(set) var hasManifests = false

    init(_ text: [UInt8], of place: String) {
        do throws(YAMLError) {
            if let json = Self.json(text) {
                documents = [Document(place: place, value: json)]
            } else {
                try read(text, of: place)
            }
        } catch {
            refused = [error.description(in: place)]
        }
        hasManifests =
            documents.contains(where: \.value.isManifest)
            || !refused.isEmpty && String(decoding: text, as: UTF8.self).contains("apiVersion")
    }

    /// Whether it has check configs beside the manifests.
    var hasConfigs: Bool { hasManifests && documents.contains { !$0.value.isManifest } }

    /// Nil also for JSON that goes on behind a `---`.
    private static func json(_ text: [UInt8]) -> JSONValue? {
        let limits = JSONLimits(bytes: limit, depth: 100, keyBytes: limits.keyBytes)
        return try? JSONValue(parsing: text, limits: limits)
    }

    private mutating func read(_ text: [UInt8], of place: String) throws(YAMLError) {
        let readings = try YAMLReader.readings(of: text, limits: Self.limits)
        // A JSON text that is no YAML either is told as what it looks like.
        if readings.count == 1, case .failure = readings[0] { _ = try JSONValue(jsonOrYAML: text, limits: Self.limits) }
        for reading in readings {
            switch reading {
            case .success(let document) where document.value == .null: break
            case .success(let document):
                let line = readings.count == 1 ? "" : ":\(document.line)"
                documents.append(Document(place: place + line, value: document.value))
            case .failure(let error): refused.append(error.description(in: place))
            }
        }
    }
}

extension JSONValue {
    /// Whether it is an object of Kubernetes. A check's config may have a key `kind`, too.
    var isManifest: Bool { self["kind"]?.stringValue != nil && self["instances"] == nil }
}
