package import JSON
package import Platform

/// A `v1` Pod, as far as we use it.
package struct Pod: Hashable, Sendable {
    /// Name, namespace, uid, resourceVersion and end; labels and annotations are not kept.
    package var metadata: ObjectMetadata
    /// The node it runs on; empty until it is scheduled.
    @ExactText package var nodeName: String
    /// Its addresses, at most one of each family; empty until it has one.
    package var addresses: [String]
    /// Whether it has ended for good (phase `Failed` or `Succeeded`), as after an eviction. The object may stay for
    /// long, with the node and the addresses of the pod that took its place.
    package var isOver: Bool
    /// Whether its condition `Ready` is `True`.
    package var isReady: Bool

    /// A Pod.
    package init(
        metadata: ObjectMetadata, nodeName: String = "", addresses: [String] = [], isOver: Bool = false,
        isReady: Bool = false
    ) {
        self.metadata = metadata
        self.nodeName = nodeName
        self.addresses = addresses
        self.isOver = isOver
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

    /// Reads a Pod; only its metadata is required.
    package init(from json: inout JSONReader) throws(JSONError) {
        var metadata: ObjectMetadata?
        self.init(metadata: ObjectMetadata(name: "", namespace: ""))
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "metadata":
                metadata = try ObjectMetadata(
                    from: &json, isControllerKept: true, isLabelKept: StatedCapacity.isKey,
                    isAnnotationKept: StatedCapacity.isKey)
            case "spec":
                try json.enterObject()
                while let key = try json.nextKey() {
                    if key == "nodeName" { nodeName = try json.string() }
                }
            case "status": try readStatus(&json)
            default: break
            }
        }
        self.metadata = try json.required(metadata, "metadata")
    }

    private mutating func readStatus(_ json: inout JSONReader) throws(JSONError) {
        var first = ""
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "phase":
                let phase = try json.string()
                isOver = phase == "Failed" || phase == "Succeeded"
            case "conditions": isReady = try json.array(ObjectMetadata.isTrueReady).contains(true)
            case "podIP": first = try json.string()
            case "podIPs": addresses = try json.array(Self.address).filter { !$0.isEmpty }
            default: break
            }
        }
        if addresses.isEmpty, !first.isEmpty { addresses = [first] }
    }

    private static func address(_ json: inout JSONReader) throws(JSONError) -> String {
        var address = ""
        try json.enterObject()
        while let key = try json.nextKey() {
            if key == "ip" { address = try json.string() }
        }
        return address
    }
}
