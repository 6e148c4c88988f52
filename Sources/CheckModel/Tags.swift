package import JSON
package import Platform

/// Tags are always sorted. Upstream sends them in random order, so that its check IDs change with each new leader.
package enum Tags {
    /// The tags of an instance's `tags` list as strings; nil if `value` is not a list. Numbers, booleans and nested
    /// values become their JSON text; null is dropped.
    package static func texts(_ value: JSONValue) -> [String]? {
        value.arrayValue?.compactMap { element in
            switch element {
            case .null: nil
            case .string(let text): text
            default: String(decoding: element.encoded(), as: UTF8.self)
            }
        }
    }

    /// `tags` without duplicates, sorted by their bytes.
    package static func sorted(_ tags: [String]) -> [String] {
        var sorted: [String] = []
        sorted.reserveCapacity(tags.count)
        for tag in tags.sortedByBytes() where sorted.last?.hasSameBytes(as: tag) != true {
            sorted.append(tag)
        }
        return sorted
    }

    /// Adds `tags` to those of an instance, sorted. A `tags` option that is not a list is replaced, as upstream does.
    /// If there are no tags to add, an instance without a `tags` list is left unchanged.
    package static func union(_ tags: [String], into instance: inout [ExactText: JSONValue]) {
        let own = instance["tags"].flatMap(texts)
        if own == nil, tags.isEmpty { return }
        instance["tags"] = .array(sorted((own ?? []) + tags).map { .string($0) })
    }
}
