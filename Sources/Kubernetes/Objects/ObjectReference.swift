/// Names another object, as an Event's `involvedObject` and an endpoint's `targetRef` do. What is not known is empty.
package struct ObjectReference: Hashable, Sendable {
    /// The API group and version, such as `v1` or `coordination.k8s.io/v1`.
    package var apiVersion: String
    /// The type, such as `Service`.
    package var kind: String
    /// The namespace; empty for objects of the cluster.
    package var namespace: String
    /// The name.
    package var name: String
    /// The identity of the object: another one of the same name has another.
    package var uid: String
    /// The version of its state that is meant.
    package var resourceVersion: String

    /// A reference.
    package init(
        apiVersion: String = "v1", kind: String, namespace: String, name: String, uid: String = "",
        resourceVersion: String = ""
    ) {
        self.apiVersion = apiVersion
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.resourceVersion = resourceVersion
    }
}

extension ObjectReference: Codable {
    private enum CodingKeys: String, CodingKey {
        case apiVersion, kind, namespace, name, uid, resourceVersion
    }

    /// Reads a reference, in which every field may be missing or null.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func text(_ key: CodingKeys) throws -> String { try container.decodeIfPresent(String.self, forKey: key) ?? "" }
        self.init(
            apiVersion: try text(.apiVersion), kind: try text(.kind), namespace: try text(.namespace),
            name: try text(.name), uid: try text(.uid), resourceVersion: try text(.resourceVersion))
    }

    /// Writes the fields that are known.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        func write(_ text: String, _ key: CodingKeys) throws {
            if !text.isEmpty { try container.encode(text, forKey: key) }
        }
        try write(apiVersion, .apiVersion)
        try write(kind, .kind)
        try write(namespace, .namespace)
        try write(name, .name)
        try write(uid, .uid)
        try write(resourceVersion, .resourceVersion)
    }
}
