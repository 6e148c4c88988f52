package import JSON
package import Platform

/// Names another object, as an Event's `involvedObject` and an endpoint's `targetRef` do. What is not known is empty.
package struct ObjectReference: Hashable, Sendable {
    /// The API group and version, such as `v1` or `coordination.k8s.io/v1`.
    @ExactText package var apiVersion: String
    /// The type, such as `Service`.
    @ExactText package var kind: String
    /// The namespace; empty for objects of the cluster.
    @ExactText package var namespace: String
    /// The name.
    @ExactText package var name: String
    /// The identity of the object: another one of the same name has another.
    @ExactText package var uid: String
    /// The version of its state that is meant.
    @ExactText package var resourceVersion: String

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

extension ObjectReference: JSONReadable {
    /// Reads a reference, in which every field may be missing.
    package init(from json: inout JSONReader) throws(JSONError) {
        self.init(apiVersion: "", kind: "", namespace: "", name: "")
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "apiVersion": apiVersion = try json.string()
            case "kind": kind = try json.string()
            case "namespace": namespace = try json.string()
            case "name": name = try json.string()
            case "uid": uid = try json.string()
            case "resourceVersion": resourceVersion = try json.string()
            default: break
            }
        }
    }

    /// The fields that are known.
    var json: JSONValue {
        let fields: [ExactText: String] = [
            "apiVersion": apiVersion, "kind": kind, "namespace": namespace, "name": name, "uid": uid,
            "resourceVersion": resourceVersion,
        ]
        return .object(fields.filter { !$0.value.isEmpty }.mapValues { .string($0) })
    }
}
