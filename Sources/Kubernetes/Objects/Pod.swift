package import JSON

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

    /// Reads a Pod, of which only the metadata must be there.
    package init(from json: inout JSONReader) throws(JSONError) {
        var metadata: ObjectMetadata?
        self.init(metadata: ObjectMetadata(name: "", namespace: ""), phase: "")
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "metadata": metadata = try ObjectMetadata(from: &json)
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
            case "phase": phase = try json.string()
            case "hostIP": hostAddress = try json.string()
            case "podIP": first = try json.string()
            case "podIPs": addresses = try json.array(Self.address).filter { !$0.isEmpty }
            case "conditions": isReady = try json.conditions()["Ready"] ?? false
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

extension JSONReader {
    /// Reads an object's `status.conditions`: whether each is `True`, by its type. `Unknown` is false.
    mutating func conditions() throws(JSONError) -> [String: Bool] {
        let conditions = try array { (json) throws(JSONError) in
            var (type, status) = ("", "")
            try json.enterObject()
            while let key = try json.nextKey() {
                switch key {
                case "type": type = try json.string()
                case "status": status = try json.string()
                default: break
                }
            }
            return (type, status == "True")
        }
        return Dictionary(conditions) { first, _ in first }
    }
}
