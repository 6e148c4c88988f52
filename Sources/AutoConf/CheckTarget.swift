import Kubernetes

/// What a template is bound to: a Service, or one address among its endpoints.
struct CheckTarget {
    /// How autodiscovery names it; the config's `service_id`.
    let entity: String
    /// Tags that its checks get.
    let tags: [String]
    /// `ad_identifiers`, by which a node's agent finds the object again.
    var adIdentifiers: [String] = []
    /// The only node that may run its checks; empty for any.
    var nodeName = ""
    /// What the template's variables stand for.
    let variables: TargetVariables

    /// A Service.
    init(_ service: Service, environment: Environment) {
        entity = service.objectName.serviceEntity
        tags = service.objectName.tags + service.standardTags
        let address: Result<String, AutoConfError> =
            switch service.clusterIP {
            case "None": .failure(AutoConfError("the Service is headless, it has no cluster IP"))
            case "": .failure(AutoConfError("the Service has no cluster IP"))
            default: .success(service.clusterIP)
            }
        variables = TargetVariables(
            .service, address: address, ports: service.ports.map { TargetPort(number: $0.port, name: $0.name) },
            environment: environment)
    }

    /// One address of a Service's endpoints.
    ///
    /// Where a Pod is behind it, and `resolution` does not forbid it, the check belongs to the agent of its node, which resolves the template
    /// once more against the Pod that it finds by its identifier, to add the Pod's tags.
    init(
        _ endpoint: EndpointAddress, of service: NamespacedName, standardTags: [String],
        _ resolution: EndpointResolution, environment: Environment
    ) {
        entity = service.endpointEntity(endpoint.address)
        tags = service.tags + ["kube_endpoint_ip:\(endpoint.address)"] + standardTags
        adIdentifiers = [entity]
        if resolution == .auto, !endpoint.podUID.isEmpty {
            adIdentifiers.append("kubernetes_pod://\(endpoint.podUID)")
            nodeName = endpoint.nodeName
        }
        variables = TargetVariables(
            .endpoint, address: .success(endpoint.address), ports: endpoint.ports, environment: environment)
    }
}

extension NamespacedName {
    fileprivate var tags: [String] {
        ["kube_service:\(name)", "kube_namespace:\(namespace)"]
    }
}

extension Service {
    /// The name.
    var objectName: NamespacedName {
        NamespacedName(namespace: namespace, name: name)
    }

    /// How Events name it.
    var reference: ObjectReference {
        ObjectReference(
            kind: "Service", namespace: namespace, name: name, uid: uid, resourceVersion: resourceVersion)
    }

    /// The tags of its standard labels.
    var standardTags: [String] {
        ["env", "service", "version"].compactMap { tag in
            guard let value = labels["tags.datadoghq.com/\(tag)"], !value.isEmpty else { return nil }
            return "\(tag):\(value)"
        }
    }
}
