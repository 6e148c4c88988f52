/// A `v1` Pod, as far as we use it.
package struct Pod: Hashable, Sendable {
    /// Name, namespace, uid, resourceVersion and end; labels and annotations are not kept.
    package var metadata: ObjectMetadata
    /// The node it runs on; empty until it is scheduled.
    package var nodeName: String
    /// Its addresses, at most one of each family; empty until it has one.
    package var addresses: [String]

    /// A Pod.
    package init(metadata: ObjectMetadata, nodeName: String = "", addresses: [String] = []) {
        self.metadata = metadata
        self.nodeName = nodeName
        self.addresses = addresses
    }

    /// Whether it was asked to end, and lives on for its grace period.
    package var isTerminating: Bool {
        metadata.deletionTimestamp != nil
    }
}

extension Pod: KubernetesObject {
    /// `/api/v1`.
    package static let root = "/api/v1"
    /// `pods`.
    package static let plural = "pods"

    private enum CodingKeys: String, CodingKey {
        case metadata, spec, status
    }

    private struct Spec: Decodable {
        let nodeName: String?
    }

    private struct State: Decodable {
        struct Address: Decodable {
            let ip: String?
        }

        let podIP: String?
        let podIPs: [Address]?
    }

    /// Reads a Pod; lists that are missing or null are empty.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let spec = try container.decodeIfPresent(Spec.self, forKey: .spec)
        let state = try container.decodeIfPresent(State.self, forKey: .status)
        let all = (state?.podIPs ?? []).compactMap(\.ip).filter { !$0.isEmpty }
        let first = [state?.podIP ?? ""].filter { !$0.isEmpty }
        self.init(
            metadata: try container.decode(ObjectMetadata.self, forKey: .metadata).withoutLabelsAndAnnotations(),
            nodeName: spec?.nodeName ?? "", addresses: all.isEmpty ? first : all)
    }
}
