/// The metadata that we use of an object, and nothing else of it (`managedFields` are never kept). Lists and dictionaries that are
/// missing or null are empty.
package struct ObjectMetadata: Hashable, Sendable, Decodable {
    /// The name.
    package var name: String
    /// The namespace; empty for objects of the cluster.
    package var namespace: String
    /// The identity of this object: another one of the same name has another.
    package var uid: String
    /// The version of this state; opaque, compare for equality only.
    package var resourceVersion: String
    /// Labels.
    package var labels: [String: String]
    /// Annotations.
    package var annotations: [String: String]
    /// When the object was asked to be deleted (RFC 3339); nil: it was not. A Pod lives on for its grace period.
    package var deletionTimestamp: String?

    private enum CodingKeys: String, CodingKey {
        case name, namespace, uid, resourceVersion, labels, annotations, deletionTimestamp
    }

    /// Metadata.
    package init(
        name: String, namespace: String, uid: String = "", resourceVersion: String = "",
        labels: [String: String] = [:], annotations: [String: String] = [:], deletionTimestamp: String? = nil
    ) {
        self.name = name
        self.namespace = namespace
        self.uid = uid
        self.resourceVersion = resourceVersion
        self.labels = labels
        self.annotations = annotations
        self.deletionTimestamp = deletionTimestamp
    }

    /// Reads metadata, of which only the name and the resourceVersion must be there.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decode(String.self, forKey: .name)
        resourceVersion = try container.decode(String.self, forKey: .resourceVersion)
        namespace = try container.decodeIfPresent(String.self, forKey: .namespace) ?? ""
        uid = try container.decodeIfPresent(String.self, forKey: .uid) ?? ""
        labels = try container.decodeIfPresent([String: String].self, forKey: .labels) ?? [:]
        annotations = try container.decodeIfPresent([String: String].self, forKey: .annotations) ?? [:]
        deletionTimestamp = try container.decodeIfPresent(String.self, forKey: .deletionTimestamp)
    }

    /// Only who the object is, its version and its end: for types of whose labels and annotations nothing is used.
    func withoutLabelsAndAnnotations() -> ObjectMetadata {
        ObjectMetadata(
            name: name, namespace: namespace, uid: uid, resourceVersion: resourceVersion,
            deletionTimestamp: deletionTimestamp)
    }
}

/// An object of the API that can be listed and watched.
package protocol KubernetesObject: Decodable, Sendable {
    /// Where objects of this type are: the API group's root, such as `/api/v1`.
    static var root: String { get }
    /// The plural name in the path, such as `services`.
    static var plural: String { get }
    /// The object's metadata.
    var metadata: ObjectMetadata { get }
}
