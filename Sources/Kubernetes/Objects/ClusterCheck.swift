package import JSON
import Platform

/// A ClusterCheck (`cluster-agent.dev/v1alpha1`), the custom resource for a check that belongs to no Service.
///
/// The API server checks it against the schema of its CustomResourceDefinition. Whoever reads it does not rely on that:
/// the schema may have been edited since, so a ClusterCheck of any form is read, and affects no other.
package struct ClusterCheck: Hashable, Sendable {
    /// The API group.
    package static let group = "cluster-agent.dev"
    /// `apiVersion`.
    package static let apiVersion = "\(group)/v1alpha1"
    /// `kind`.
    package static let kind = "ClusterCheck"

    /// Name, namespace, uid, resourceVersion and generation.
    package var metadata: ObjectMetadata
    /// What its author wants, as it is stored; null if there is nothing, or it is beyond the limits.
    package var spec: JSONValue
    /// Why the spec is beyond the limits of what agents read; nil if it is not.
    package private(set) var specProblem: String?
    /// What the leader last said of it.
    package var status: ClusterCheckStatus

    /// A ClusterCheck.
    package init(
        metadata: ObjectMetadata, spec: JSONValue, status: ClusterCheckStatus = ClusterCheckStatus()
    ) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }

    /// Its reference in Events.
    package var reference: ObjectReference {
        ObjectReference(
            apiVersion: Self.apiVersion, kind: Self.kind, namespace: metadata.namespace, name: metadata.name,
            uid: metadata.uid, resourceVersion: metadata.resourceVersion)
    }
}

extension ClusterCheck: KubernetesObject {
    /// `/apis/cluster-agent.dev/v1alpha1`.
    package static let root = "/apis/\(apiVersion)"
    /// `clusterchecks`.
    package static let plural = "clusterchecks"

    /// Reads a ClusterCheck; only its metadata is required.
    package init(from json: inout JSONReader) throws(JSONError) {
        var metadata: ObjectMetadata?
        var spec = Result<JSONValue, JSONError>.success(.null)
        var status = JSONValue.null
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "metadata": metadata = try ObjectMetadata(from: &json, isGenerationKept: true)
            case "spec": spec = try json.value(within: JSONLimits())
            case "status": status = (try? json.value(within: .kubernetes).get()) ?? .null
            default: break
            }
        }
        self.init(
            metadata: try json.required(metadata, "metadata"), spec: (try? spec.get()) ?? .null,
            status: ClusterCheckStatus(status))
        if case .failure(let error) = spec { specProblem = error.reason }
    }
}
