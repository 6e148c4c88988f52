extension ServiceEndpoints: KubernetesObject {
    /// `/apis/discovery.k8s.io/v1`; what a server really has is asked of it (`EndpointsSource`).
    package static let root = "/apis/discovery.k8s.io/v1"
    /// `endpointslices`.
    package static let plural = "endpointslices"

    /// Which Service a slice belongs to.
    private static let serviceLabel = "kubernetes.io/service-name"

    private enum CodingKeys: String, CodingKey {
        case metadata, addressType, endpoints, ports, subsets
    }

    /// Reads an EndpointSlice of either version or an Endpoints object; every list may be missing or null.
    ///
    /// Every slice has an `addressType`, and no Endpoints object has one. Items of a list lack kind and apiVersion.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let metadata = try container.decode(ObjectMetadata.self, forKey: .metadata)
        if try container.decodeIfPresent(String.self, forKey: .addressType) != nil {
            let endpoints = try container.decodeIfPresent([SliceEndpoint].self, forKey: .endpoints) ?? []
            let ports = try container.decodeIfPresent([Port].self, forKey: .ports) ?? []
            self.init(
                metadata: metadata.withoutLabelsAndAnnotations(),
                serviceName: metadata.labels[Self.serviceLabel] ?? "",
                subsets: [Subset(endpoints: endpoints.map(\.endpoint), ports: ports)])
        } else {
            let subsets = try container.decodeIfPresent([EndpointsSubset].self, forKey: .subsets) ?? []
            self.init(
                metadata: metadata.withoutLabelsAndAnnotations(), serviceName: metadata.name,
                subsets: subsets.map(\.subset))
        }
    }
}

/// An endpoint as a slice has it.
private struct SliceEndpoint: Decodable {
    struct Conditions: Decodable {
        let ready: Bool?
        let serving: Bool?
        let terminating: Bool?
    }

    /// The key of v1beta1's `topology` that became `nodeName`.
    private static let hostKey = "kubernetes.io/hostname"

    let addresses: [String]?
    let conditions: Conditions?
    let nodeName: String?
    let topology: [String: String]?
    let targetRef: ObjectReference?

    /// What is not said of its condition is what the API defines: ready, serving as it is ready, not terminating.
    var endpoint: ServiceEndpoints.Endpoint {
        let isReady = conditions?.ready ?? true
        return ServiceEndpoints.Endpoint(
            addresses: addresses ?? [], isReady: isReady, isServing: conditions?.serving ?? isReady,
            isTerminating: conditions?.terminating ?? false, nodeName: nodeName ?? topology?[Self.hostKey] ?? "",
            target: targetRef)
    }
}

/// A subset as an Endpoints object has it.
private struct EndpointsSubset: Decodable {
    struct Address: Decodable {
        let ip: String
        let nodeName: String?
        let targetRef: ObjectReference?

        func endpoint(isReady: Bool) -> ServiceEndpoints.Endpoint {
            ServiceEndpoints.Endpoint(
                addresses: [ip], isReady: isReady, isServing: isReady, nodeName: nodeName ?? "", target: targetRef)
        }
    }

    let addresses: [Address]?
    let notReadyAddresses: [Address]?
    let ports: [ServiceEndpoints.Port]?

    var subset: ServiceEndpoints.Subset {
        let ready = (addresses ?? []).map { $0.endpoint(isReady: true) }
        let others = (notReadyAddresses ?? []).map { $0.endpoint(isReady: false) }
        return ServiceEndpoints.Subset(endpoints: ready + others, ports: ports ?? [])
    }
}

extension ServiceEndpoints.Port: Decodable {
    private enum CodingKeys: String, CodingKey {
        case name, port
    }

    /// Reads a port; both may be missing.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try container.decodeIfPresent(String.self, forKey: .name) ?? "",
            port: try container.decodeIfPresent(Int.self, forKey: .port))
    }
}
