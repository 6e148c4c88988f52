import Kubernetes
import Platform

extension Service {
    /// Adds the checks that it gets by its `prometheus.io/…` annotations, and their problems.
    ///
    /// - Parameters:
    ///   - bound: has the configs of its other annotations.
    ///   - endpoints: the endpoints of all Services; nil if they are not watched.
    func bind(
        _ scrape: PrometheusScrape, into bound: inout BoundConfigs, endpoints: EndpointIndex?, environment: Environment
    ) {
        // A headless Service has no address of its own, and most that Prometheus scrapes are scraped by endpoint: as
        // upstream, it is passed over without a word.
        let isHeadless = clusterIP == "None"
        guard scrape.selects(annotations), scrape.checksEndpoints || !isHeadless else { return }
        let said = ServiceAnnotations(annotations, scrape.checksEndpoints ? .endpoints : .service)
        var templates: [CheckTemplate]
        do throws(AutoConfError) { templates = try scrape.templates(annotations) } catch {
            bound.report(ConfigProblem(objectName.serviceEntity, error.description))
            let addresses = scrape.checksEndpoints ? endpoints?.addresses(of: objectName) ?? [] : []
            for address in addresses { bound.keep(source: objectName.endpointEntity(address.address)) }
            return scrape.checksEndpoints ? () : bound.keep(source: objectName.serviceEntity)
        }
        for index in templates.indices { templates[index].placement = said.placement }
        guard scrape.checksEndpoints else {
            let target = CheckTarget(self, environment: environment)
            return templates.bind(to: target, from: origin(of: target, "prometheus-services"), into: &bound)
        }
        guard let endpoints else {
            let reason = "endpoints are not watched, so its \(ScrapeURL.prefix) annotations are not used"
            return bound.report(ConfigProblem(objectName.serviceEntity, reason, .warning))
        }
        let provider = endpoints.hasSlices(objectName) ? "prometheus-services-endpointslices" : "prometheus-services"
        for address in endpoints.addresses(of: objectName) {
            let target = CheckTarget(
                address, of: objectName, standardTags: standardTags, said.resolution, environment: environment)
            templates.bind(to: target, from: origin(of: target, provider), into: &bound)
        }
    }

    private func origin(of target: CheckTarget, _ provider: String) -> TemplateOrigin {
        TemplateOrigin(
            object: objectName.serviceEntity, place: "prometheus.io: ", provider: provider,
            source: "prometheus_services:\(target.entity)")
    }
}
