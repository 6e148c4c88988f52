package import JSON
package import Platform

/// A `v1` Service, as far as we use it.
package struct Service: Hashable, Sendable {
    /// One port.
    package struct Port: Hashable, Sendable {
        /// The name; empty if the Service's only port has none.
        @ExactText package private(set) var name: String
        /// The number under the ClusterIP.
        package let port: Int

        /// A port.
        package init(name: String = "", port: Int) {
            self.name = name
            self.port = port
        }
    }

    /// Name, namespace, uid, resourceVersion, all labels, and those annotations that concern autodiscovery or
    /// that the reader is told to keep.
    package var metadata: ObjectMetadata
    /// The address: `None` for a headless Service, empty for one without (type ExternalName).
    @ExactText package var clusterIP: String
    /// The ports in the order of the object.
    package var ports: [Port]

    /// A Service.
    package init(metadata: ObjectMetadata, clusterIP: String, ports: [Port] = []) {
        self.metadata = metadata
        self.clusterIP = clusterIP
        self.ports = ports
    }

    /// The name.
    package var name: String { metadata.name }
    /// The namespace.
    package var namespace: String { metadata.namespace }
    /// The identity of this object.
    package var uid: String { metadata.uid }
    /// The version of this state.
    package var resourceVersion: String { metadata.resourceVersion }
    /// Annotations.
    package var annotations: [ExactText: ExactText] { metadata.annotations }
    /// Labels.
    package var labels: [ExactText: ExactText] { metadata.labels }
}

extension Service: KubernetesObject {
    /// `/api/v1`.
    package static let root = "/api/v1"
    /// `services`.
    package static let plural = "services"

    /// Reads a Service; only its metadata is required.
    package init(from json: inout JSONReader) throws(JSONError) {
        var metadata: ObjectMetadata?
        self.init(metadata: ObjectMetadata(name: "", namespace: ""), clusterIP: "")
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "metadata":
                let more = json.keptPrefixes
                metadata = try ObjectMetadata(
                    from: &json, isLabelKept: { _ in true }, isAnnotationKept: { Self.isKept($0, more) })
            case "spec": try readSpec(&json)
            default: break
            }
        }
        self.metadata = try json.required(metadata, "metadata")
    }

    private mutating func readSpec(_ json: inout JSONReader) throws(JSONError) {
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "clusterIP": clusterIP = try json.string()
            case "ports":
                ports = try json.array { (json) throws(JSONError) in
                    let (name, port) = try json.port()
                    return Port(name: name, port: try json.required(port, "port"))
                }
            default: break
            }
        }
    }

    /// Whether an annotation is kept: autodiscovery's, and its older spelling, and what begins with one of `more`.
    /// Others, such as what `kubectl apply` last applied, can be as large as the object.
    private static func isKept(_ annotation: String, _ more: [String]) -> Bool {
        annotation.hasPrefix("ad.datadoghq.com/") || annotation.hasPrefix("service-discovery.datadoghq.com/")
            || more.contains { annotation.hasPrefix($0) }
    }
}

extension JSONReader {
    /// Reads a port of a Service or of its endpoints; the name may be missing.
    mutating func port() throws(JSONError) -> (name: String, port: Int?) {
        var read: (name: String, port: Int?) = ("", nil)
        try enterObject()
        while let key = try nextKey() {
            switch key {
            case "name": read.name = try string()
            case "port": read.port = try integer()
            default: break
            }
        }
        return read
    }
}
