import Platform

/// What a template is bound to: a Service, or one address of its endpoints.
struct CheckTarget {
    /// How autodiscovery names it; the config's `service_id`.
    let entity: String
    /// The tags of its checks.
    let tags: [String]
    /// `ad_identifiers`, by which a node's agent finds the object.
    var adIdentifiers: [ExactText] = []
    /// The only node that may run its checks; empty for any.
    var nodeName = ""
    /// The values of the template's variables.
    let variables: TargetVariables
}

extension CheckTarget {
    /// One address of a Service's endpoints.
    ///
    /// If it belongs to a Pod, and `resolution` allows it, the check runs on the agent of the Pod's node. That agent
    /// finds the Pod by its identifier, resolves the template once more, and adds the Pod's tags.
    init(
        _ endpoint: EndpointAddress, of service: NamespacedName, standardTags: [String],
        _ resolution: EndpointResolution, environment: Environment
    ) {
        self.init(
            entity: service.endpointEntity(endpoint.address),
            tags: service.tags + ["kube_endpoint_ip:\(endpoint.address)"] + standardTags,
            variables: TargetVariables(
                .endpoint, address: .success(endpoint.address), ports: endpoint.ports, environment: environment))
        adIdentifiers = [ExactText(entity)]
        if resolution == .auto, !endpoint.podUID.isEmpty {
            adIdentifiers.append(ExactText("kubernetes_pod://\(endpoint.podUID)"))
            nodeName = endpoint.nodeName
        }
    }
}

extension NamespacedName {
    /// Tags that say which Service it is.
    var tags: [String] {
        ["kube_service:\(name)", "kube_namespace:\(namespace)"]
    }
}
