/// A `v1` Node, as far as we use it. Its heartbeats and conditions change it in ways that do not show here: compare
/// before acting.
package struct KubernetesNode: Hashable, Sendable {
    /// Name, uid and resourceVersion; labels and annotations are not kept.
    package var metadata: ObjectMetadata
    /// Whether it is cordoned.
    package var isUnschedulable: Bool

    /// A Node.
    package init(metadata: ObjectMetadata, isUnschedulable: Bool = false) {
        self.metadata = metadata
        self.isUnschedulable = isUnschedulable
    }
}

extension KubernetesNode: KubernetesObject {
    /// `/api/v1`.
    package static let root = "/api/v1"
    /// `nodes`.
    package static let plural = "nodes"

    private enum CodingKeys: String, CodingKey {
        case metadata, spec
    }

    private struct Spec: Decodable {
        let unschedulable: Bool?
    }

    /// Reads a Node; lists that are missing or null are empty.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            metadata: try container.decode(ObjectMetadata.self, forKey: .metadata).withoutLabelsAndAnnotations(),
            isUnschedulable: try container.decodeIfPresent(Spec.self, forKey: .spec)?.unschedulable ?? false)
    }
}
