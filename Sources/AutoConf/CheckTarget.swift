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
}

extension CheckTarget {
    /// One address of a Service's endpoints.
    ///
    /// Where a Pod is behind it, and `resolution` does not forbid it, the check belongs to the agent of its node, which resolves the template
    /// once more against the Pod that it finds by its identifier, to add the Pod's tags.
    init(
        _ endpoint: EndpointAddress, of service: NamespacedName, standardTags: [String],
        _ resolution: EndpointResolution, environment: Environment
    ) {
        self.init(
            entity: service.endpointEntity(endpoint.address),
            tags: service.tags + ["kube_endpoint_ip:\(endpoint.address)"] + standardTags,
            variables: TargetVariables(
                .endpoint, address: .success(endpoint.address), ports: endpoint.ports, environment: environment))
        adIdentifiers = [entity]
        if resolution == .auto, !endpoint.podUID.isEmpty {
            adIdentifiers.append("kubernetes_pod://\(endpoint.podUID)")
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
