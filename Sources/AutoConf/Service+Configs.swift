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
    ///   - lastGood: what stands in for what cannot be used.
    func bind(
        into bound: inout BoundConfigs, lastGood: inout ServiceLastGood, endpoints: EndpointIndex?,
        environment: Environment
    ) {
        let annotations = ServiceAnnotations(annotations, .service)
        bound.report(annotations.problems, of: objectName, "")
        let origin = TemplateOrigin(
            object: objectName.serviceEntity, place: "", provider: "kubernetes-services",
            source: "kube_services:\(objectName.serviceEntity)")
        annotations.templates.bind(
            to: [(CheckTarget(self, environment: environment), origin)], hasErrors: annotations.hasErrors,
            lastGood: &lastGood.service, into: &bound)
        guard ServiceAnnotations.isAnnotated(self.annotations, .endpoints) else {
            return lastGood.endpoints = LastGoodTemplates()
        }
        bindEndpoints(endpoints, environment, &lastGood.endpoints, &bound)
    }

    private func bindEndpoints(
        _ endpoints: EndpointIndex?, _ environment: Environment, _ lastGood: inout LastGoodTemplates,
        _ bound: inout BoundConfigs
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
        let targets = endpoints.addresses(of: objectName).map { address in
            CheckTarget(
                address, of: objectName, standardTags: standardTags, annotations.resolution, environment: environment)
        }
        annotations.templates.bind(
            to: targets.map { ($0, origin) }, hasErrors: annotations.hasErrors, lastGood: &lastGood, into: &bound)
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
