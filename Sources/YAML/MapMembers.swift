import JSON
import Platform

/// The key of a member. A key is always a string: one that would be something else is taken as it is written.
struct MapKey {
    let text: ExactText
    let offset: Int
    /// Whether it is `<<`, whose value's members become members of the map.
    let isMerge: Bool
}

/// The members of a map that is being read.
struct MapMembers {
    private(set) var members: [ExactText: JSONValue] = [:]
    /// The keys in the order of the text.
    private var keys: [(text: ExactText, offset: Int)] = []
    private var merged: [ExactText: JSONValue] = [:]
    private var merge: Int?

    /// Adds a member. Own members win over merged ones, whatever comes first; but go-yaml lets a merged one win over an
    /// own one before it, so that is refused.
    mutating func add(_ key: MapKey, _ value: JSONValue, in parser: YAMLParser) throws(YAMLError) {
        guard !key.isMerge else { return try add(merge: value, at: key.offset, in: parser) }
        keys.append((key.text, key.offset))
        guard members.updateValue(value, forKey: key.text) == nil else {
            throw duplicate(of: key.text, at: key.offset, "duplicate key \(shownName(key.text.text))", in: parser)
        }
    }

    private mutating func add(merge value: JSONValue, at offset: Int, in parser: YAMLParser) throws(YAMLError) {
        if let merge { throw parser.failure("a second '<<' in one map; give one a list", at: offset, began: merge) }
        merge = offset
        for map in value.arrayValue ?? [value] {
            guard let added = map.objectValue else {
                throw parser.failure("expected a map or a list of maps after '<<', found \(map.yamlKind)", at: offset)
            }
            // Of several maps the first wins.
            merged.merge(added) { first, _ in first }
        }
        for key in keys where merged[key.text] != nil {
            let reason =
                "'<<' also brings the key \(shownName(key.text.text)); put '<<' first, so that all readers agree"
            throw duplicate(of: key.text, at: offset, reason, in: parser)
        }
    }

    private func duplicate(
        of key: ExactText, at offset: Int, _ reason: String, in parser: YAMLParser
    ) -> YAMLError {
        let first = keys.first { $0.text == key }?.offset ?? offset
        return parser.failure("\(reason); it is first at \(parser.place(of: first))", at: offset, began: first)
    }

    /// All members, with those that were merged.
    consuming func object() -> JSONValue {
        if !merged.isEmpty { members.merge(merged) { own, _ in own } }
        return .object(members)
    }
}

extension YAMLParser {
    func mapKey(of node: Node) throws(YAMLError) -> MapKey {
        let scalar: Scalar
        switch node.content {
        case .scalar(let content): scalar = content
        case .collection(_, let offset): throw failure("a list or a map as a key, which JSON does not have", at: offset)
        }
        var text = scalar.text
        if let tag = node.properties.tag {
            let value = try value(of: scalar, tag: tag)
            guard value != .null else { throw nullKey(at: scalar.offset) }
            text = value.stringValue ?? text
        }
        // Most keys are longer than those that mean something.
        if text.utf8.count <= 4 {
            let isPlain = scalar.isPlain && node.properties.tag == nil
            if isPlain, (try? plainValue(text)) == .null { throw nullKey(at: scalar.offset) }
            if text == "<<" {
                guard isPlain else {
                    let reason = "the key '<<' in quotes, which becomes a merge on its way to a check"
                    throw failure(reason, at: scalar.offset)
                }
                return MapKey(text: ExactText(text), offset: scalar.offset, isMerge: true)
            }
        }
        // No byte of a key becomes more than six when it is encoded.
        if text.utf8.count > limits.keyBytes / 6, JSONValue.encodedLength(of: text) > limits.keyBytes {
            throw failure("a key longer than \(limits.keyBytes) bytes", at: scalar.offset)
        }
        return MapKey(text: ExactText(wrappedValue: text), offset: scalar.offset, isMerge: false)
    }

    private func nullKey(at offset: Int) -> YAMLError {
        failure("a key that is null; quote it if it is text", at: offset)
    }
}
