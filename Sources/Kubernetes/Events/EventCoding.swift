extension Event: Encodable {
    private enum CodingKeys: String, CodingKey {
        case apiVersion, kind, metadata, involvedObject, reason, message, source, firstTimestamp, lastTimestamp, count
        case type, reportingComponent, reportingInstance
    }

    /// Writes it for a POST.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode("v1", forKey: .apiVersion)
        try container.encode("Event", forKey: .kind)
        try container.encode(["name": note.name, "namespace": note.namespace], forKey: .metadata)
        try container.encode(note.about, forKey: .involvedObject)
        try container.encode(note.type, forKey: .type)
        try container.encode(note.reason, forKey: .reason)
        try container.encode(note.message, forKey: .message)
        try container.encode(["component": component], forKey: .source)
        try container.encode(component, forKey: .reportingComponent)
        try container.encode(instance, forKey: .reportingInstance)
        try container.encode(eventTime(first), forKey: .firstTimestamp)
        try container.encode(eventTime(last), forKey: .lastTimestamp)
        try container.encode(count, forKey: .count)
    }
}

extension StoredEvent: Decodable {
    private enum CodingKeys: String, CodingKey {
        case metadata, lastTimestamp, count, reportingInstance
    }

    private struct Metadata: Decodable {
        let resourceVersion: String
    }

    /// Reads it; all but the version may be missing, for others write Events in other ways.
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        resourceVersion = try container.decode(Metadata.self, forKey: .metadata).resourceVersion
        count = try container.decodeIfPresent(Int.self, forKey: .count) ?? 1
        last = try container.decodeIfPresent(String.self, forKey: .lastTimestamp) ?? ""
        instance = try container.decodeIfPresent(String.self, forKey: .reportingInstance) ?? ""
    }
}

extension EventPatch: Encodable {
    private enum CodingKeys: String, CodingKey {
        case metadata, message, lastTimestamp, count, reportingInstance
    }

    /// Writes it as a JSON merge patch.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(["resourceVersion": resourceVersion], forKey: .metadata)
        try container.encode(message, forKey: .message)
        try container.encode(instance, forKey: .reportingInstance)
        try container.encode(eventTime(last), forKey: .lastTimestamp)
        try container.encode(count, forKey: .count)
    }
}
