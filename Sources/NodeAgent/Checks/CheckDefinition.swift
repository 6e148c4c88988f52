import Platform

/// Whom a check believes: one HTTP client for each.
struct CheckTrust: Sendable, Hashable {
    /// `tls_verify`.
    var verifies = true
    /// `tls_ca_cert`: a file with the CA in PEM, read at each run; nil for the system's roots.
    var caFile: String?
}

/// `http_check`: a URL answers with an expected status.
struct HTTPCheck: Sendable, Hashable {
    var url: String
    var method: String
    var headers: [CheckHeader]
    var statuses: StatusPattern
    var contentMatch: PlainPattern?
    var followsRedirects: Bool
    var trust: CheckTrust
}

/// `tcp_check`: a port accepts a connection.
struct TCPCheck: Sendable, Hashable {
    var host: String
    var port: UInt16
}

/// `prometheus`: a URL answers with a well-formed exposition.
struct PrometheusCheck: Sendable, Hashable {
    var url: String
    var headers: [CheckHeader]
    var trust: CheckTrust
}

/// An instance, understood: what to do and how often.
package struct CheckDefinition: Sendable, Hashable {
    enum Work: Sendable, Hashable {
        case http(HTTPCheck)
        case tcp(TCPCheck)
        case prometheus(PrometheusCheck)
    }

    /// What to do.
    let work: Work
    /// How long one run may take in all.
    package let timeout: Duration

    /// `min_collection_interval` when an instance does not say.
    static let defaultInterval: Duration = .seconds(15)
    private static let defaultTimeout: Duration = .seconds(10)
    private static let longestTimeout: Duration = .seconds(600)
    private static let longestInterval: Duration = .seconds(86_400 * 365)

    /// The checks that this agent runs; `openmetrics` is the newer name of `prometheus`.
    static let checkNames = ["http_check", "openmetrics", "prometheus", "tcp_check"]

    /// Options of Datadog's `http_check` that would change its verdict, and that this agent does not follow.
    private static let unsupportedHTTP = ["data", "reverse_content_match"]
    /// The same of its HTTP and TLS layer, older spellings too.
    private static let unsupportedTransport = [
        "auth_token", "auth_type", "bearer_token_auth", "disable_ssl_validation", "extra_headers", "ntlm_domain",
        "password", "proxy", "ssl_ca_cert", "ssl_verify", "tls_cert", "tls_private_key", "username",
    ]

    /// Reads an instance.
    ///
    /// - Throws: `CheckFailure` of kind `config`: an unknown check, or an option that is missing, wrong or not supported.
    init(_ instance: AssignedInstance) throws(CheckFailure) {
        guard Self.checkNames.contains(instance.checkName) else {
            throw CheckFailure(
                .config,
                "no check \(instance.checkName); this agent runs \(Self.checkNames.joined(separator: ", "))")
        }
        let reader = try InstanceReader(instance.instance)
        timeout = try reader.seconds("timeout", default: Self.defaultTimeout, upTo: Self.longestTimeout)
        _ = try Self.interval(of: reader)
        switch instance.checkName {
        case "http_check": work = .http(try Self.http(reader))
        case "tcp_check":
            work = .tcp(TCPCheck(host: try reader.requiredText("host"), port: try reader.port("port")))
        default: work = .prometheus(try Self.prometheus(reader))
        }
    }

    /// How often an instance runs; one whose interval cannot be read runs (and fails) at the default.
    static func interval(of instance: AssignedInstance) -> Duration {
        guard let reader = try? InstanceReader(instance.instance), let interval = try? interval(of: reader) else {
            return defaultInterval
        }
        return interval
    }

    private static func interval(of reader: InstanceReader) throws(CheckFailure) -> Duration {
        try reader.seconds("min_collection_interval", default: defaultInterval, upTo: longestInterval)
    }

    private static func http(_ reader: InstanceReader) throws(CheckFailure) -> HTTPCheck {
        try reader.refuse(unsupportedHTTP)
        let statuses = try reader.text("http_response_status_code")
        guard let pattern = statuses.map(StatusPattern.init) ?? .standard else {
            throw reader.failure(
                "http_response_status_code",
                #"is \#(statuses ?? ""), which this agent does not read: write codes and classes, 200,204,3xx or (1|2|3)\d\d"#
            )
        }
        return HTTPCheck(
            url: try url(reader, "url"), method: (try reader.text("method") ?? "GET").uppercased(),
            headers: try reader.headers("headers"), statuses: pattern,
            contentMatch: try reader.text("content_match").map { (text) throws(CheckFailure) in
                try PlainPattern(text)
            },
            followsRedirects: try reader.flag("allow_redirects", default: true), trust: try trust(reader))
    }

    private static func prometheus(_ reader: InstanceReader) throws(CheckFailure) -> PrometheusCheck {
        let key = try reader.text("openmetrics_endpoint") == nil ? "prometheus_url" : "openmetrics_endpoint"
        return PrometheusCheck(
            url: try url(reader, key), headers: try reader.headers("headers"), trust: try trust(reader))
    }

    private static func url(_ reader: InstanceReader, _ key: String) throws(CheckFailure) -> String {
        let url = try reader.requiredText(key)
        guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
            throw reader.failure(key, "is \(url), which begins neither with http:// nor with https://")
        }
        return url
    }

    private static func trust(_ reader: InstanceReader) throws(CheckFailure) -> CheckTrust {
        try reader.refuse(unsupportedTransport)
        return CheckTrust(
            verifies: try reader.flag("tls_verify", default: true), caFile: try reader.text("tls_ca_cert"))
    }
}
