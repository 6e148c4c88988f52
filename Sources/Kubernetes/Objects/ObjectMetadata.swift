package import JSON
package import Platform

/// The metadata of an object that we use; `managedFields` are never kept.
package struct ObjectMetadata: Hashable, Sendable {
    /// The name.
    @ExactText package var name: String
    /// The namespace; empty for objects of the cluster.
    @ExactText package var namespace: String
    /// The identity of this object: one created later with the same name has another.
    @ExactText package var uid: String
    /// The version of this state; opaque, compare for equality only.
    @ExactText package var resourceVersion: String
    /// Counted up by the API server with each change of the spec, for the kinds that have it; else 0.
    package var generation: Int64
    /// Labels.
    package var labels: [ExactText: ExactText]
    /// Annotations.
    package var annotations: [ExactText: ExactText]
    /// When deletion was requested (RFC 3339); nil if it was not. A Pod lives on for its grace period.
    package var deletionTimestamp: String?
    /// The kind of the controller that made it and replaces it, such as `DaemonSet`; empty without one, and for all but
    /// Pods.
    @ExactText package var controllerKind: String

    /// Metadata.
    package init(
        name: String, namespace: String, uid: String = "", resourceVersion: String = "", generation: Int64 = 0,
        labels: [ExactText: ExactText] = [:], annotations: [ExactText: ExactText] = [:],
        deletionTimestamp: String? = nil, controllerKind: String = ""
    ) {
        self.name = name
        self.namespace = namespace
        self.uid = uid
        self.resourceVersion = resourceVersion
        self.generation = generation
        self.labels = labels
        self.annotations = annotations
        self.deletionTimestamp = deletionTimestamp
        self.controllerKind = controllerKind
    }

    /// Reads metadata; the name and the resourceVersion are required.
    ///
    /// - Parameters:
    ///   - isControllerKept: whether to keep the kind of the controller.
    ///   - isGenerationKept: whether to keep the generation.
    ///   - isLabelKept: which labels to keep; none by default.
    ///   - isAnnotationKept: which annotations to keep; none by default.
    init(
        from json: inout JSONReader, isControllerKept: Bool = false, isGenerationKept: Bool = false,
        isLabelKept: (String) -> Bool = { _ in false },
        isAnnotationKept: (String) -> Bool = { _ in false }
    ) throws(JSONError) {
        var name: String?
        var resourceVersion: String?
        self.init(name: "", namespace: "")
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "name": name = try json.string()
            case "namespace": namespace = try json.string()
            case "uid": uid = try json.string()
            case "resourceVersion": resourceVersion = try json.string()
            case "generation" where isGenerationKept: generation = Int64(try json.integer())
            case "labels": labels = try json.strings(where: isLabelKept)
            case "annotations": annotations = try json.strings(where: isAnnotationKept)
            case "deletionTimestamp": deletionTimestamp = try json.string()
            case "ownerReferences" where isControllerKept:
                controllerKind = try json.array(Self.controllerKind).first { !$0.isEmpty } ?? ""
            default: break
            }
        }
        self.name = try json.required(name, "name")
        self.resourceVersion = try json.required(resourceVersion, "resourceVersion")
    }

    /// The kind of an owner that is the controller; empty for another owner.
    private static func controllerKind(_ json: inout JSONReader) throws(JSONError) -> String {
        var (kind, isController) = ("", false)
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "kind": kind = try json.string()
            case "controller": isController = try json.bool()
            default: break
            }
        }
        return isController ? kind : ""
    }
}

extension ObjectMetadata {
    /// Whether a condition is `Ready`, and `True`.
    static func isTrueReady(_ json: inout JSONReader) throws(JSONError) -> Bool {
        var (type, status) = ("", "")
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "type": type = try json.string()
            case "status": status = try json.string()
            default: break
            }
        }
        return type == "Ready" && status == "True"
    }
}

/// An object of the API that can be listed and watched.
package protocol KubernetesObject: JSONReadable, Sendable {
    /// Where objects of this type are: the API group's root, such as `/api/v1`.
    static var root: String { get }
    /// The plural name in the path, such as `services`.
    static var plural: String { get }
    /// The object's metadata.
    var metadata: ObjectMetadata { get }
}
