package import Kubernetes
import Platform

extension Service {
    /// Whether its annotations describe checks of its endpoints.
    package func hasEndpointsChecks(_ scrape: PrometheusScrape?) -> Bool {
        ServiceAnnotations.isAnnotated(annotations, .endpoints)
            || scrape?.checksEndpoints == true && scrape?.selects(annotations) == true
    }

    /// Adds the configs that its annotations describe, with variables resolved, and their problems.
    ///
    /// - Parameters:
    ///   - bound: no configs yet.
    ///   - endpoints: the endpoints of all Services; nil if they are not watched.
    func bind(into bound: inout BoundConfigs, endpoints: EndpointIndex?, environment: Environment) {
        let annotations = ServiceAnnotations(annotations, .service)
        bound.report(annotations.problems, of: objectName, "")
        let origin = TemplateOrigin(
            object: objectName.serviceEntity, place: "", provider: "kubernetes-services",
            source: "kube_services:\(objectName.serviceEntity)")
        if annotations.hasErrors { bound.keep(source: objectName.serviceEntity) }
        annotations.templates.bind(to: CheckTarget(self, environment: environment), from: origin, into: &bound)
        if ServiceAnnotations.isAnnotated(self.annotations, .endpoints) {
            bindEndpoints(endpoints, environment, &bound)
        }
    }

    private func bindEndpoints(
        _ endpoints: EndpointIndex?, _ environment: Environment, _ bound: inout BoundConfigs
    ) {
        let annotations = ServiceAnnotations(annotations, .endpoints)
        let place = "endpoints: "
        bound.report(annotations.problems, of: objectName, place)
        guard let endpoints else {
            bound.report(
                [("endpoints are not watched, so its endpoints checks are not used", .warning)], of: objectName, "")
            return
        }
        let origin = TemplateOrigin(
            object: objectName.serviceEntity, place: place,
            provider: endpoints.hasSlices(objectName) ? "kubernetes-endpointslices" : "kubernetes-endpoints",
            source: "kube_endpoints:\(objectName.endpointEntity())")
        for address in endpoints.addresses(of: objectName) {
            let target = CheckTarget(
                address, of: objectName, standardTags: standardTags, annotations.resolution, environment: environment)
            if annotations.hasErrors { bound.keep(source: target.entity) }
            annotations.templates.bind(to: target, from: origin, into: &bound)
        }
    }
}

extension BoundConfigs {
    fileprivate mutating func report(
        _ problems: [ServiceAnnotations.Problem], of service: NamespacedName, _ place: String
    ) {
        for problem in problems {
            // Of very many, most are only counted: to mask secrets in each would take long.
            guard hasRoom(for: problem.severity) else {
                leaveOut(problem.severity)
                continue
            }
            report(ConfigProblem(service.serviceEntity, place + problem.reason, problem.severity))
        }
    }
}

extension Service {
    var objectName: NamespacedName {
        NamespacedName(namespace: namespace, name: name)
    }

    /// Its reference in Events.
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

extension CheckTarget {
    /// A Service.
    init(_ service: Service, environment: Environment) {
        let address: Result<String, AutoConfError> =
            switch service.clusterIP {
            case "None": .failure(AutoConfError("the Service is headless, it has no cluster IP"))
            case "": .failure(AutoConfError("the Service has no cluster IP"))
            default: .success(service.clusterIP)
            }
        self.init(
            entity: service.objectName.serviceEntity, tags: service.objectName.tags + service.standardTags,
            variables: TargetVariables(
                .service, address: address, ports: service.ports.map { TargetPort(number: $0.port, name: $0.name) },
                environment: environment))
    }
}
