import CheckModel
import JSON
import Platform

/// Configs as people write them: one HTTP check each, with a name, a timeout and three tags.
enum SampleConfigs {
    static let patch = ConfigPatch(extraTags: [], clusterName: "production", clusterTagName: "cluster_name")

    static func config(_ index: Int) -> CheckConfig {
        let source = "file:/etc/cluster-agent/conf.d/http-\(index).json"
        return CheckConfig(
            key: ConfigKey(source: source, check: "http_check", index: 0), checkName: "http_check",
            instances: [
                .object([
                    "name": .string("service-\(index)"), "timeout": .integer(5),
                    "url": .string("http://service-\(index).shop.svc.cluster.local:8080/health"),
                    "tags": .array(
                        ["team:shop", "env:production", "service:service-\(index)"].map { .string($0) }),
                ])
            ], initConfig: .object([:]), provider: "file", source: source)
    }

    static func configs(_ count: Int) -> [CheckConfig] {
        (0..<count).map(config)
    }

    static func encoded(_ count: Int) -> [EncodedConfig] {
        (0..<count).map { encoded(at: $0) }
    }

    /// - Parameter check: its check's name; nil for that of `config`.
    static func encoded(at index: Int, check: String? = nil) -> EncodedConfig {
        var config = config(index)
        if let check { config.checkName = check }
        do {
            return try patch.encode(config)
        } catch {
            preconditionFailure("\(error)")
        }
    }
}
