import Kubernetes
import Platform

extension Service {
    /// Adds the checks that it gets by its `prometheus.io/…` annotations, and their problems.
    ///
    /// - Parameters:
    ///   - bound: has the configs of its other annotations.
    ///   - lastGood: what stands in for what cannot be used.
    ///   - endpoints: the endpoints of all Services; nil if they are not watched.
    func bind(
        _ scrape: PrometheusScrape, into bound: inout BoundConfigs, lastGood: inout LastGoodTemplates,
        endpoints: EndpointIndex?, environment: Environment
    ) {
        guard scrape.selects(annotations) else {
            // A Service that says no more than that it is not scraped now may be scraped again.
            if !annotations.keys.contains(where: { $0.hasPrefix(ScrapeURL.prefix) }) { lastGood = LastGoodTemplates() }
            return
        }
        // A headless Service has no address of its own, and most that Prometheus scrapes are scraped by endpoint: as
        // upstream, it is passed over without a word.
        guard scrape.checksEndpoints || clusterIP != "None" else { return }
        var templates: [CheckTemplate] = []
        var hasErrors = false
        do throws(AutoConfError) { templates = try scrape.placedTemplates(annotations) } catch {
            hasErrors = true
            bound.report(ConfigProblem(objectName.serviceEntity, error.description))
        }
        guard let targets = targets(of: scrape, endpoints, environment) else {
            let reason = "endpoints are not watched, so its \(ScrapeURL.prefix) annotations are not used"
            return bound.report(ConfigProblem(objectName.serviceEntity, reason, .warning))
        }
        let isSliced = scrape.checksEndpoints && endpoints?.hasSlices(objectName) == true
        let provider = isSliced ? "prometheus-services-endpointslices" : "prometheus-services"
        templates.bind(
            to: targets.map { ($0, origin(of: $0, provider)) }, hasErrors: hasErrors, lastGood: &lastGood, into: &bound)
    }

    /// What is scraped; nil if that is not watched.
    private func targets(
        of scrape: PrometheusScrape, _ endpoints: EndpointIndex?, _ environment: Environment
    ) -> [CheckTarget]? {
        guard scrape.checksEndpoints else { return [CheckTarget(self, environment: environment)] }
        let resolution = ServiceAnnotations(annotations, .endpoints).resolution
        return endpoints?.addresses(of: objectName).map { address in
            CheckTarget(
                address, of: objectName, standardTags: standardTags, resolution, environment: environment)
        }
    }

    private func origin(of target: CheckTarget, _ provider: String) -> TemplateOrigin {
        TemplateOrigin(
            object: objectName.serviceEntity, place: "prometheus.io: ", provider: provider,
            source: "prometheus_services:\(target.entity)")
    }
}
