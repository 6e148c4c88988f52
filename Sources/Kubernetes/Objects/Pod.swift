/// A `v1` Pod, as far as we use it.
package struct Pod: Hashable, Sendable {
    /// Name, namespace, uid, resourceVersion and end; labels and annotations are not kept.
    package var metadata: ObjectMetadata
    /// The node it runs on; empty until it is scheduled.
    package var nodeName: String
    /// Its addresses, at most one of each family; empty until it has one.
    package var addresses: [String]
    /// The node's address; empty until it is scheduled. A Pod in the host's network has it as its own.
    package var hostAddress: String
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    package var phase: String
    /// Whether it is ready to serve; false while nobody said so.
    package var isReady: Bool

    /// A Pod.
    package init(
        metadata: ObjectMetadata, nodeName: String = "", addresses: [String] = [], hostAddress: String = "",
        phase: String = "Running", isReady: Bool = false
    ) {
        self.metadata = metadata
        self.nodeName = nodeName
        self.addresses = addresses
        self.hostAddress = hostAddress
        self.phase = phase
        self.isReady = isReady
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

        let phase: String?
        let hostIP: String?
        let podIP: String?
        let podIPs: [Address]?
        let conditions: [ObjectCondition]?
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
            nodeName: spec?.nodeName ?? "", addresses: all.isEmpty ? first : all, hostAddress: state?.hostIP ?? "",
            phase: state?.phase ?? "", isReady: ObjectCondition.isTrue("Ready", in: state?.conditions) ?? false)
    }
}

/// One of an object's `status.conditions`.
struct ObjectCondition: Decodable {
    private let type: String?
    private let status: String?

    /// Whether the condition of this type is `True`; nil if there is none. `Unknown` is false.
    static func isTrue(_ type: String, in conditions: [ObjectCondition]?) -> Bool? {
        conditions?.first { $0.type == type }.map { $0.status == "True" }
    }
}
