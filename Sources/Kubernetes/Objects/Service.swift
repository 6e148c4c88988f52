/// A `v1` Service, as far as we use it.
package struct Service: Hashable, Sendable {
    /// One port.
    package struct Port: Hashable, Sendable {
        /// The name; empty if the Service's only port has none.
        package let name: String
        /// The number under the ClusterIP.
        package let port: Int

        /// A port.
        package init(name: String = "", port: Int) {
            self.name = name
            self.port = port
        }
    }

    /// Name, namespace, uid, resourceVersion, all labels, and those annotations that concern autodiscovery.
    package var metadata: ObjectMetadata
    /// The address: `None` for a headless Service, empty for one without (type ExternalName).
    package var clusterIP: String
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
    package var annotations: [String: String] { metadata.annotations }
    /// Labels.
    package var labels: [String: String] { metadata.labels }
}

extension Service: KubernetesObject {
    /// `/api/v1`.
    package static let root = "/api/v1"
    /// `services`.
    package static let plural = "services"

    private enum CodingKeys: String, CodingKey {
        case metadata, spec
    }

    private struct Spec: Decodable {
        let clusterIP: String?
        let ports: [Port]?
    }

    /// The prefixes of the annotations that are kept: autodiscovery's, and its older spelling. Others, such as what `kubectl apply` last
    /// applied, can be as large as the object.
    private static let annotationPrefixes = ["ad.datadoghq.com/", "service-discovery.datadoghq.com/"]

    /// Reads a Service; lists and dictionaries that are missing or null are empty.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try container.decode(ObjectMetadata.self, forKey: .metadata)
        metadata.annotations = metadata.annotations.filter { annotation in
            Self.annotationPrefixes.contains { annotation.key.hasPrefix($0) }
        }
        let spec = try container.decodeIfPresent(Spec.self, forKey: .spec)
        clusterIP = spec?.clusterIP ?? ""
        ports = spec?.ports ?? []
    }
}

extension Service.Port: Decodable {
    private enum CodingKeys: String, CodingKey {
        case name, port
    }

    /// Reads a port; the name may be missing.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try container.decodeIfPresent(String.self, forKey: .name) ?? "",
            port: try container.decode(Int.self, forKey: .port))
    }
}

extension Service {
    /// The Services in a text: one, or a list, as `kubectl get service --output json` prints them. One that was never stored is taken too.
    ///
    /// - Throws: `KubernetesError.malformed`.
    package static func list(parsing text: [UInt8]) throws(KubernetesError) -> [Service] {
        let place = "Services"
        let json = try decode(JSONValue.self, from: text, place: place)
        guard case .object(let fields) = json else { throw .malformed(place: place, reason: "not an object") }
        var items = [json]
        if case .array(let listed)? = fields["items"] { items = listed }
        var services: [Service] = []
        for (index, item) in items.enumerated() {
            let bytes = try encode(item.withResourceVersion(), place: place)
            services.append(try decode(Service.self, from: bytes, place: "Service \(index)"))
        }
        return services
    }
}

extension JSONValue {
    /// The object with a resourceVersion, which only a stored one has.
    fileprivate func withResourceVersion() -> JSONValue {
        guard case .object(var fields) = self, case .object(var metadata)? = fields["metadata"] else { return self }
        if metadata["resourceVersion"] == nil { metadata["resourceVersion"] = .string("") }
        fields["metadata"] = .object(metadata)
        return .object(fields)
    }
}
