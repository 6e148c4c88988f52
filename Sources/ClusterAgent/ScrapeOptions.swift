import AutoConf
import Platform

// Checks by the annotations that Prometheus is commonly configured to scrape by.
extension AgentOptions {
    static let scrapes = Option.flag(
        "prometheus_scrape.enabled", default: false,
        help: "Check Services that are annotated `prometheus.io/scrape: \"true\"` with `openmetrics`.")
    static let scrapesEndpoints = Option.flag(
        "prometheus_scrape.service_endpoints", default: false,
        help: "Check each of their endpoints, on the node of its Pod, instead of the Service.")
    static let scrapeVersion = Option.integer(
        "prometheus_scrape.version", in: 1...2, default: 1,
        help: "The form of these checks: 1 has `prometheus_url`, 2 `openmetrics_endpoint`.")
    static let scrapeChecks = Option.text(
        "prometheus_scrape.checks", allowed: "list of objects, as JSON or YAML",
        help: "Which annotations select Services, and the instances of their checks, instead of the default.",
        takesList: true)

    static let scraping = OptionTable(scrapes, scrapesEndpoints, scrapeVersion, scrapeChecks)
}

extension PrometheusScrape {
    /// What the options say; nil if it is turned off.
    ///
    /// - Throws: `StartError` naming the option and the place in it.
    init?(_ options: Options) throws(StartError) {
        do throws(AutoConfError) {
            self = try PrometheusScrape(
                version: Version(rawValue: options[AgentOptions.scrapeVersion]) ?? .one,
                checksEndpoints: options[AgentOptions.scrapesEndpoints], checks: options[AgentOptions.scrapeChecks])
        } catch {
            throw .usage("--\(AgentOptions.scrapeChecks.key): \(error)")
        }
        guard options[AgentOptions.scrapes] else { return nil }
    }
}
