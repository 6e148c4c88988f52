import CheckModel
import JSON
import Platform

/// How much the configs of one object, of one namespace, or of all may take. A bound on memory: each replica holds
/// every config, and neither the author of one annotation nor that of all in a namespace must be able to end them all.
struct ConfigLimit: Hashable {
    /// What a config takes beside its bytes, in bytes: see the budget of DESIGN §11.
    private static let overhead = 1_000

    /// The most configs of one object.
    let configs: Int
    /// The most bytes of the configs of one object.
    let bytes: Int
    /// The most bytes of the configs of one namespace, and of all files.
    let shareBytes: Int
    /// The most bytes of all configs.
    let totalBytes: Int

    init(_ options: AutoConfOptions) {
        configs = options.maximumConfigsPerObject
        bytes = options.maximumBytesPerObject
        shareBytes = options.maximumBytesPerNamespace
        totalBytes = options.maximumBytes
    }

    /// The limit of the targets of one URL.
    static func ofDiscovery(_ options: AutoConfOptions) -> ConfigLimit {
        ConfigLimit(
            configs: DiscoveredTargets.mostTargets, bytes: options.maximumBytesPerDiscovery,
            shareBytes: options.maximumBytesPerDiscovery, totalBytes: options.maximumBytes)
    }

    private init(configs: Int, bytes: Int, shareBytes: Int, totalBytes: Int) {
        (self.configs, self.bytes) = (configs, bytes)
        (self.shareBytes, self.totalBytes) = (shareBytes, totalBytes)
    }

    /// What a config counts for, in bytes.
    static func bytes(of config: CheckConfig) -> Int {
        let values = config.instances + [config.initConfig, config.metricConfig, config.logs].compactMap(\.self)
        return overhead + values.reduce(0) { $0 + $1.textBytes }
    }
}

extension JSONValue {
    /// About as many bytes as its text has, without making it.
    var textBytes: Int {
        switch self {
        case .null, .bool: 4
        case .number(let text): text.utf8.count
        case .string(let text): text.utf8.count + 2
        case .array(let elements): elements.reduce(2) { $0 + $1.textBytes + 1 }
        case .object(let members): members.reduce(2) { $0 + $1.key.text.utf8.count + $1.value.textBytes + 4 }
        }
    }
}
