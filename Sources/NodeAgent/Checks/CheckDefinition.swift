import Platform

/// How a check verifies a server's certificate. Checks with the same trust setting share an HTTP client.
struct CheckTrust: Sendable, Hashable {
    /// `tls_verify`.
    var verifies = true
    /// `tls_ca_cert`: a file with CA certificates in PEM, read at each run; nil for the system's.
    var caFile: String?
}

/// `http_check`: a URL answers with an expected status.
struct HTTPCheck: Sendable, Hashable {
    @ExactText var url: String
    @ExactText var method: String
    var headers: [CheckHeader]
    var statuses: StatusPattern
    var contentMatch: PlainPattern?
    var followsRedirects: Bool
    var trust: CheckTrust
}

/// `tcp_check`: a port accepts a connection.
struct TCPCheck: Sendable, Hashable {
    @ExactText var host: String
    var port: UInt16
}

/// `prometheus`: a URL answers with a well-formed exposition.
struct PrometheusCheck: Sendable, Hashable {
    @ExactText var url: String
    var headers: [CheckHeader]
    var trust: CheckTrust
}

/// What an instance asks to check, decoded from its options.
struct CheckDefinition: Sendable, Hashable {
    enum Work: Sendable, Hashable {
        case http(HTTPCheck)
        case tcp(TCPCheck)
        case prometheus(PrometheusCheck)
    }

    let work: Work
    /// The time limit of one run: at most the interval from one start to the next.
    let timeout: Duration

    /// The `min_collection_interval` of an instance that sets none.
    static let defaultInterval: Duration = .seconds(15)
    private static let defaultTimeout: Duration = .seconds(10)
    private static let longestTimeout: Duration = .seconds(600)
    private static let longestInterval: Duration = .seconds(86_400 * 365)

    /// The checks that this agent runs; `openmetrics` is the newer name of `prometheus`.
    static let checkNames = ["http_check", "openmetrics", "prometheus", "tcp_check"]

    /// Options of Datadog's `http_check` that would change the result, and that this agent does not support.
    private static let unsupportedHTTP = ["data", "reverse_content_match"]
    /// The same for Datadog's HTTP and TLS layer, with older spellings.
    private static let unsupportedTransport = [
        "auth_token", "auth_type", "bearer_token_auth", "disable_ssl_validation", "extra_headers", "ntlm_domain",
        "password", "proxy", "ssl_ca_cert", "ssl_verify", "tls_cert", "tls_private_key", "username",
    ]

    /// Decodes an instance.
    ///
    /// - Throws: `CheckFailure` of kind `config`: an unknown check, or an option that is missing, wrong or not
    ///   supported.
    init(_ instance: AssignedInstance) throws(CheckFailure) {
        guard Self.checkNames.contains(instance.checkName) else {
            throw CheckFailure(
                .config,
                "no check \(shownName(instance.checkName)); this agent runs \(Self.checkNames.joined(separator: ", "))")
        }
        let reader = try InstanceReader(instance.instance)
        let limit = try reader.seconds("timeout", default: Self.defaultTimeout, upTo: Self.longestTimeout)
        timeout = min(limit, try Self.interval(of: reader))
        switch instance.checkName {
        case "http_check": work = .http(try Self.http(reader))
        case "tcp_check":
            work = .tcp(TCPCheck(host: try reader.host("host"), port: try reader.port("port")))
        default: work = .prometheus(try Self.prometheus(reader))
        }
    }

    /// How often an instance runs. One whose interval is invalid runs, and fails, at the default interval.
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
                #"is not supported: use codes and classes, such as 200,204,3xx or (1|2|3)\d\d"#
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
            throw reader.failure(key, "starts with neither http:// nor https://")
        }
        return url
    }

    private static func trust(_ reader: InstanceReader) throws(CheckFailure) -> CheckTrust {
        try reader.refuse(unsupportedTransport)
        return CheckTrust(
            verifies: try reader.flag("tls_verify", default: true), caFile: try reader.text("tls_ca_cert"))
    }
}
