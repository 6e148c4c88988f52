import JSON
import Platform

/// One instance of a config, encoded in one pass in two forms: as it is sent, and as its author wrote it in canonical
/// form, which goes into the digest.
struct PatchedInstance {
    /// The instance as it is sent.
    private(set) var sent = [UInt8(ascii: "{")]
    /// The bytes that go into the Digest: keys sorted, and the entries of its `tags` list as sorted strings.
    private(set) var canonical = [UInt8(ascii: "{")]
    /// The name by which an agent identifies it; nil if it has none.
    let name: String?
    /// How often it runs, in seconds.
    let collectionSeconds: Int32

    /// - Parameters:
    ///   - instance: the members as their author wrote them.
    ///   - tags: are added to its own.
    ///   - hasDefaultHostname: whether its metrics get the hostname of the node that runs it.
    init(_ instance: [ExactText: JSONValue], tags: [String], hasDefaultHostname: Bool) {
        let hostnameKey: ExactText = "empty_default_hostname"
        let tagsKey: ExactText = "tags"
        var members = instance
        if !hasDefaultHostname { members[hostnameKey] = .bool(true) }
        let ownTags = instance[tagsKey].flatMap(Tags.texts)
        if ownTags != nil || !tags.isEmpty { members[tagsKey] = .strings(Tags.sorted((ownTags ?? []) + tags)) }
        let sorted = JSONValue.sorted(members)
        name = CheckID.instanceName(sorted)
        collectionSeconds = Self.collectionSeconds(instance)

        let length = Self.expectedLength(sorted)
        sent.reserveCapacity(length)
        canonical.reserveCapacity(length)
        for (key, value) in sorted {
            let start = sent.count
            Self.append(key, value, to: &sent)
            switch key {
            case hostnameKey:
                if let own = instance[key] { Self.append(key, own, to: &canonical) }
            case tagsKey:
                let own = ownTags.map { JSONValue.strings($0.sortedByBytes()) } ?? instance[key]
                if let own { Self.append(key, own, to: &canonical) }
            default:
                if canonical.count > 1 { canonical.append(UInt8(ascii: ",")) }
                canonical.append(contentsOf: sent[(start > 1 ? start + 1 : start)...])
            }
        }
        sent.append(UInt8(ascii: "}"))
        canonical.append(UInt8(ascii: "}"))
    }

    private static func append(_ key: ExactText, _ value: JSONValue, to output: inout [UInt8]) {
        if output.count > 1 { output.append(UInt8(ascii: ",")) }
        JSONValue.encode(key.text, into: &output)
        output.append(UInt8(ascii: ":"))
        value.encode(into: &output)
    }

    /// Enough for most instances, which are flat and have no escapes.
    private static func expectedLength(_ members: [(key: ExactText, value: JSONValue)]) -> Int {
        members.reduce(2) { length, member in
            switch member.value {
            case .string(let text): length + member.key.text.utf8.count + text.utf8.count + 6
            case .array(let elements):
                elements.reduce(length + member.key.text.utf8.count + 6) { $0 + 3 + ($1.stringValue?.utf8.count ?? 8) }
            default: length + member.key.text.utf8.count + 12
            }
        }
    }

    private static func collectionSeconds(_ instance: [ExactText: JSONValue]) -> Int32 {
        // Upstream reads it as a whole number; a fraction, which its runners do not take, is as good as none.
        guard let seconds = instance["min_collection_interval"]?.integerValue, (1...86_400).contains(seconds) else {
            return 15
        }
        return Int32(seconds)
    }
}

extension JSONValue {
    /// An array of strings.
    fileprivate static func strings(_ texts: [String]) -> JSONValue {
        .array(texts.map { .string($0) })
    }

    /// The bytes of an instance that go into the Digest.
    var canonicalInstance: [UInt8] {
        guard case .object(let members) = self else { return encoded() }
        return PatchedInstance(members, tags: [], hasDefaultHostname: true).canonical
    }
}
