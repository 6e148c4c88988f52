package import JSON
import Platform

/// Tags are sorted wherever they are written: upstream emits them in random order, so that check IDs change with each new leader.
package enum Tags {
    /// The tags of an instance's `tags` list as strings; nil if `value` is not a list. Numbers, booleans and nested values become their JSON text;
    /// null is no tag.
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
        for tag in tags.sorted(by: { $0.isBefore($1) }) where sorted.last?.hasSameBytes(as: tag) != true {
            sorted.append(tag)
        }
        return sorted
    }

    /// Puts `tags` into an instance beside its own, sorted. A `tags` that is not a list is replaced, as upstream does. With no tags to put in,
    /// an instance without a `tags` list stays as it is.
    package static func union(_ tags: [String], into instance: inout [String: JSONValue]) {
        let own = instance["tags"].flatMap(texts)
        if own == nil, tags.isEmpty { return }
        instance["tags"] = .array(sorted((own ?? []) + tags).map { .string($0) })
    }
}
