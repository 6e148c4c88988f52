import AutoConf
import HTTPClient
import Platform

// Targets that HTTP service discovery lists.
extension AgentOptions {
    static let discoveryConfigs = Option.text(
        "prometheus_http_sd.configs", allowed: "list of objects, as JSON or YAML",
        help: "URLs that list targets as Prometheus' HTTP service discovery, each with its `check_template`.",
        takesList: true)
    static let discoveryURL = Option.text("prometheus_http_sd.url", help: "One such URL; the older way to write it.")
    static let discoveryTemplate = Option.text(
        "prometheus_http_sd.check_template", allowed: "object, as JSON or YAML",
        help: "The check of its targets: `name`, `init_config`, `instances`.")
    static let pollInterval = Option.duration(
        "ad_config_poll_interval", in: .seconds(1)...Duration.hours(1), default: .seconds(10),
        help: "How often these URLs are asked.")

    static let discovering = OptionTable(discoveryConfigs, discoveryURL, discoveryTemplate, pollInterval)
}

extension HTTPDiscovery {
    /// What the options say.
    ///
    /// - Throws: `StartError` naming the option and the place in it.
    static func all(_ options: Options) throws(StartError) -> [HTTPDiscovery] {
        do throws(AutoConfError) {
            return try all(
                configs: options[AgentOptions.discoveryConfigs], url: options[AgentOptions.discoveryURL],
                template: options[AgentOptions.discoveryTemplate])
        } catch {
            throw .usage("--\(error)")
        }
    }
}

/// Fetches lists of targets over libcurl, over HTTP or HTTPS with the system's certificate authorities.
struct HTTPDiscoveryFetch: DiscoveryFetch {
    private let client: HTTPClient

    /// - Throws: `StartError` if libcurl cannot be used.
    init(clock: any Clock) throws(StartError) {
        do throws(HTTPClientError) {
            client = try HTTPClient(
                options: HTTPClientOptions(
                    userAgent: "cluster-agent/\(Command.version)", maximumConnectionsPerHost: 2, allowsPlainHTTP: true),
                clock: clock)
        } catch {
            throw StartError("HTTP service discovery: \(error)")
        }
    }

    /// Closes all connections.
    func close() async {
        await client.shutdown()
    }

    func fetch(
        _ url: String, headers: [(name: String, value: String)], limit: Int, deadline: Instant
    ) async throws(DiscoveryFailure) -> DiscoveryAnswer {
        let request = ClientRequest(
            url: url, headers: headers, maximumResponseBytes: limit, maximumRedirects: 10, acceptsCompression: true)
        do throws(HTTPClientError) {
            let response = try await client.send(request, deadline: deadline)
            return DiscoveryAnswer(status: response.status, entityTag: response["ETag"], body: response.body)
        } catch {
            throw DiscoveryFailure("\(error)")
        }
    }
}
