/// What the name of a config file says: `<check>.yaml`, `.yml` or `.json`, each also with `.default` appended.
package struct ConfigFileName: Sendable {
    /// The name without its endings.
    package let stem: String
    /// Whether the file is JSON, not YAML.
    package let isJSON: Bool
    /// Whether it counts only if its check has no other file.
    package let isDefault: Bool

    /// Nil if it is not the name of a config file.
    package init?(_ name: String) {
        let plain = name.withoutSuffix(".default")
        let endings = [".yaml", ".yml", ".json"].lazy.compactMap { ending in
            (plain ?? name).withoutSuffix(ending).map { (stem: $0, isJSON: ending == ".json") }
        }
        guard let (stem, isJSON) = endings.first else { return nil }
        (self.stem, self.isJSON, isDefault) = (stem, isJSON, plain != nil)
    }
}

extension ConfigFileName {
    /// Whether a file of this name is no config: in a check's directory it lists the metrics of a JMX check, and beside
    /// those directories it is ignored, as upstream does.
    package static func listsMetrics(_ name: String) -> Bool { name == "metrics.yaml" }
}

extension String {
    /// The text before `suffix`; nil if the text does not end with it, or is no more than it.
    package func withoutSuffix(_ suffix: String) -> String? {
        hasSuffix(suffix) && utf8.count > suffix.utf8.count ? String(dropLast(suffix.count)) : nil
    }
}
