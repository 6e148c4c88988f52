/// The metadata that we use of an object. Lists and dictionaries that are missing or null are empty.
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

    private enum CodingKeys: String, CodingKey {
        case name, namespace, uid, resourceVersion, labels, annotations
    }

    /// Metadata.
    package init(
        name: String, namespace: String, uid: String = "", resourceVersion: String = "",
        labels: [String: String] = [:], annotations: [String: String] = [:]
    ) {
        self.name = name
        self.namespace = namespace
        self.uid = uid
        self.resourceVersion = resourceVersion
        self.labels = labels
        self.annotations = annotations
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
