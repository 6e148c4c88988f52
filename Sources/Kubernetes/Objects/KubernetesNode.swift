package import JSON

/// The fields of a `v1` Node that we use. Heartbeats change a Node every few minutes without changing these: compare
/// before acting.
package struct KubernetesNode: Hashable, Sendable {
    /// Name, uid, resourceVersion and labels; of the annotations, the one that states a capacity.
    package var metadata: ObjectMetadata
    /// Whether it is cordoned.
    package var isUnschedulable: Bool
    /// Whether its condition `Ready` is `True`.
    package var isReady: Bool

    /// A Node.
    package init(metadata: ObjectMetadata, isUnschedulable: Bool = false, isReady: Bool = true) {
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

    /// Reads a Node; only its metadata is required.
    package init(from json: inout JSONReader) throws(JSONError) {
        var metadata: ObjectMetadata?
        var isUnschedulable = false
        var isReady = false
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "metadata":
                metadata = try ObjectMetadata(
                    from: &json, isLabelKept: { _ in true }, isAnnotationKept: StatedCapacity.isKey)
            case "spec":
                try json.enterObject()
                while let key = try json.nextKey() {
                    if key == "unschedulable" { isUnschedulable = try json.bool() }
                }
            case "status":
                try json.enterObject()
                while let key = try json.nextKey() {
                    if key == "conditions" { isReady = try json.array(ObjectMetadata.isTrueReady).contains(true) }
                }
            default: break
            }
        }
        self.init(
            metadata: try json.required(metadata, "metadata"), isUnschedulable: isUnschedulable, isReady: isReady)
    }
}
