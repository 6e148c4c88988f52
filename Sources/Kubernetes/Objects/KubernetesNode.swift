/// A `v1` Node, as far as we use it. Its heartbeats change it every few minutes in ways that do not show here: compare before acting.
package struct KubernetesNode: Hashable, Sendable {
    /// Name, uid and resourceVersion; labels and annotations are not kept.
    package var metadata: ObjectMetadata
    /// Whether it is cordoned.
    package var isUnschedulable: Bool
    /// Whether it is ready: false also when it went silent (`Unknown`), nil while nobody said so.
    package var isReady: Bool?

    /// A Node.
    package init(metadata: ObjectMetadata, isUnschedulable: Bool = false, isReady: Bool? = nil) {
        self.metadata = metadata
        self.isUnschedulable = isUnschedulable
        self.isReady = isReady
    }
}

extension KubernetesNode: KubernetesObject {
    /// `/api/v1`.
    package static let root = "/api/v1"
    /// `nodes`.
    package static let plural = "nodes"

    private enum CodingKeys: String, CodingKey {
        case metadata, spec, status
    }

    private struct Spec: Decodable {
        let unschedulable: Bool?
    }

    private struct State: Decodable {
        let conditions: [ObjectCondition]?
    }

    /// Reads a Node; lists that are missing or null are empty.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let state = try container.decodeIfPresent(State.self, forKey: .status)
        self.init(
            metadata: try container.decode(ObjectMetadata.self, forKey: .metadata).withoutLabelsAndAnnotations(),
            isUnschedulable: try container.decodeIfPresent(Spec.self, forKey: .spec)?.unschedulable ?? false,
            isReady: ObjectCondition.isTrue("Ready", in: state?.conditions))
    }
}
