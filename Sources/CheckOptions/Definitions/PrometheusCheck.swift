import JSON

/// `openmetrics` and `prometheus`: a URL answers with a well-formed exposition.
package struct PrometheusCheck: Sendable, Hashable {
    /// How a page is written.
    package enum Format: Sendable {
        /// The Prometheus text format 0.0.4, as the Prometheus server reads it.
        case prometheus
        /// OpenMetrics 1.0, strictly.
        case openMetrics
        /// The first, else the second.
        case either
    }

    /// What is asked.
    package internal(set) var request: CheckRequest
    /// How a page is read whose `Content-Type` does not say that it is OpenMetrics.
    package internal(set) var format: Format
    /// Whether OpenMetrics is asked for.
    package internal(set) var prefersOpenMetrics = false
    /// Lines in which one of these is found are not read.
    package internal(set) var lineFilters: [Pattern] = []
}

extension InstanceReader {
    func prometheusCheck(isOpenMetrics: Bool) throws(CheckOptionError) -> (CheckDefinition.Work, timeout: Duration) {
        let isLegacy = try text("openmetrics_endpoint") == nil
        var request = try request(
            url: isLegacy ? "prometheus_url" : "openmetrics_endpoint", aliases: isLegacy ? .legacyPrometheus : .none)
        if isLegacy { try addBearerToken(to: &request) }
        var check = PrometheusCheck(request: request, format: isOpenMetrics ? .either : .prometheus)
        if !isLegacy {
            if try flag("use_latest_spec") ?? false { (check.format, check.prefersOpenMetrics) = (.openMetrics, true) }
            check.lineFilters = try texts("raw_line_filters").map { text throws(CheckOptionError) in
                try pattern(text, of: "raw_line_filters")
            }
        }
        return (.prometheus(check), try timeout(of: request))
    }

    /// `bearer_token_auth`: the token of a file, that of the pod's ServiceAccount unless the instance names another.
    private func addBearerToken(to request: inout CheckRequest) throws(CheckOptionError) {
        let isForTLSAlone = value("bearer_token_auth") == .string("tls_only")
        guard try isForTLSAlone ? request.url.hasPrefix("https://") : flag("bearer_token_auth") ?? false else { return }
        let path = try text("bearer_token_path") ?? "/var/run/secrets/kubernetes.io/serviceaccount/token"
        request.token = CheckToken(path: path, header: "Authorization", before: "Bearer ", after: "")
    }
}
