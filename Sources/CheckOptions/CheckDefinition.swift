import JSON
package import Platform

/// How a check verifies a server's certificate, and its own. Checks that are equal in this share an HTTP client.
package struct CheckTrust: Sendable, Hashable {
    /// Whether the chain and the name are verified.
    package var verifies = true
    /// A file with CA certificates in PEM, read at each run; nil for the system's.
    package var caFile: String?
    /// A file with the client certificate in PEM; nil for none.
    package var certificateFile: String?
    /// A file with its private key; nil if it is in the same file.
    package var keyFile: String?

    /// The default: the system's CAs.
    package init(
        verifies: Bool = true, caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil
    ) {
        self.verifies = verifies
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}

/// What `http_check` and `prometheus` ask of a server.
package struct CheckRequest: Sendable, Hashable {
    /// The URL, `http` or `https`.
    @ExactText package internal(set) var url: String
    /// The method, in capitals.
    @ExactText package internal(set) var method: String = "GET"
    /// The header fields that the instance sets.
    package internal(set) var headers: [CheckHeader] = []
    /// The body; nil for none.
    package internal(set) var body: [UInt8]?
    /// The time limit of the run; nil for the default.
    var timeout: Duration?
    /// Whether redirects are followed.
    package internal(set) var followsRedirects = true
    /// The time limit for the connection; nil for that of the run.
    package internal(set) var connectTimeout: Duration?
    /// The time limit for each wait for bytes; nil for that of the run.
    package internal(set) var readTimeout: Duration?
    /// Which servers are trusted.
    package internal(set) var trust = CheckTrust()

    init(url: String) {
        self.url = url
    }
}

/// `http_check`: a URL answers with an expected status.
package struct HTTPCheck: Sendable, Hashable {
    /// What is asked.
    package internal(set) var request: CheckRequest
    /// What the status must match from its first digit; nil for `(1|2|3)\d\d`.
    package internal(set) var statuses: Pattern?
    /// What the body must contain; nil for anything.
    package internal(set) var contentMatch: Pattern?
    /// Whether the body must not contain it.
    package internal(set) var isContentUnwanted = false
    /// How the certificate of an `https` URL is judged; nil if it is not.
    package internal(set) var expiry: CertificateExpiry?

    /// The same check, of a server whose certificate is verified.
    package var verifying: HTTPCheck {
        var check = self
        check.request.trust.verifies = true
        return check
    }

    /// The same check, with the certificate's expiry left unjudged.
    package var withoutExpiry: HTTPCheck {
        var check = self
        check.expiry = nil
        return check
    }
}

/// When a server's certificate is about to expire.
package struct CertificateExpiry: Sendable, Hashable {
    /// With less than this left it is a warning.
    package internal(set) var warning: Duration
    /// With less than this left the check fails.
    package internal(set) var critical: Duration
    /// Whether only a certificate under a trusted CA is judged.
    package internal(set) var needsTrust = true
}

/// `tcp_check`: a port accepts a connection.
package struct TCPCheck: Sendable, Hashable {
    /// A name or an address.
    @ExactText package internal(set) var host: String
    /// The port.
    package internal(set) var port: UInt16
}

/// `openmetrics` and `prometheus`: a URL answers with a well-formed exposition.
package struct PrometheusCheck: Sendable, Hashable {
    /// What is asked.
    package internal(set) var request: CheckRequest
}

/// What an instance asks to check, decoded from its options.
package struct CheckDefinition: Sendable, Hashable {
    /// The check.
    package enum Work: Sendable, Hashable {
        case http(HTTPCheck)
        case tcp(TCPCheck)
        case prometheus(PrometheusCheck)
    }

    /// The check.
    package let work: Work
    /// The time limit of one run: at most the interval from one start to the next.
    package let timeout: Duration
    /// What its author may not have meant: options that upstream does not know.
    package let warnings: [String]

    /// The `min_collection_interval` of an instance that sets none.
    package static let defaultInterval: Duration = .seconds(15)

    /// The checks that this agent runs; `openmetrics` is the newer name of `prometheus`.
    package static let checkNames = ["http_check", "openmetrics", "prometheus", "tcp_check"]

    /// Decodes an instance.
    ///
    /// - Parameters:
    ///   - check: the check's name.
    ///   - instance: the instance's text.
    ///   - initConfig: the text of the config's `init_config`; may be empty.
    /// - Throws: `CheckOptionError`: an unknown check, or an option that is missing, wrong or not supported.
    package init(_ check: String, instance: [UInt8], initConfig: [UInt8] = []) throws(CheckOptionError) {
        guard Self.checkNames.contains(check) else {
            throw CheckOptionError(
                "no check \(shownName(check)); this agent runs \(Self.checkNames.joined(separator: ", "))")
        }
        let members = try InstanceReader.members(of: instance, "the instance")
        let shared = initConfig.isEmpty ? [:] : try InstanceReader.members(of: initConfig, "init_config")
        guard let table = CheckTable.table(of: check, members) else { throw CheckOptionError("no table of options") }
        try table.refuse(members, in: .instance)
        try table.refuse(shared, in: .initConfig)
        let reader = InstanceReader(members, shared)
        switch check {
        case "http_check": (work, timeout) = try reader.httpCheck()
        case "tcp_check": (work, timeout) = try reader.tcpCheck()
        default: (work, timeout) = try reader.prometheusCheck()
        }
        warnings = table.unknownKeys(members, in: .instance) + table.unknownKeys(shared, in: .initConfig)
    }

    /// How often an instance runs. One whose interval is invalid runs, and fails, at the default interval.
    package static func interval(ofInstance text: [UInt8]) -> Duration {
        guard let members = try? InstanceReader.members(of: text, "the instance"),
            let interval = try? InstanceReader(members, [:]).interval()
        else { return defaultInterval }
        return interval
    }
}

extension InstanceReader {
    private static let defaultTimeout: Duration = .seconds(10)
    private static let longestTimeout: Duration = .seconds(600)
    private static let longestInterval: Duration = .seconds(86_400 * 365)

    func interval() throws(CheckOptionError) -> Duration {
        try seconds("min_collection_interval", upTo: Self.longestInterval) ?? CheckDefinition.defaultInterval
    }

    func tcpCheck() throws(CheckOptionError) -> (CheckDefinition.Work, timeout: Duration) {
        let timeout = try seconds("timeout", upTo: Self.longestTimeout) ?? Self.defaultTimeout
        return (.tcp(TCPCheck(host: try host("host"), port: try port("port"))), min(timeout, try interval()))
    }

    func httpCheck() throws(CheckOptionError) -> (CheckDefinition.Work, timeout: Duration) {
        var request = try request(url: "url", aliases: .httpCheck)
        request.method = (try text("method") ?? "GET").uppercased()
        guard ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"].contains(request.method) else {
            throw failure("method", "is none of get, head, post, put, delete, patch and options")
        }
        try addBody(to: &request)
        var check = HTTPCheck(request: request)
        if let statuses = try pattern("http_response_status_code") {
            // A list such as 200,204 or a class such as 2xx is no pattern, and would fail for ever.
            guard (100...599).contains(where: { statuses.matchesStart(of: String($0)) }) else {
                throw failure(
                    "http_response_status_code", "matches no status: it is a pattern, such as 2.. or (200|204)")
            }
            check.statuses = statuses
        }
        check.contentMatch = try pattern("content_match")
        check.isContentUnwanted = try flag("reverse_content_match") ?? false
        if request.url.hasPrefix("https://") { check.expiry = try expiry() }
        return (.http(check), try timeout(of: request))
    }

    /// As upstream: a certificate that is not trusted is not judged, unless the instance says so, nor is any if the
    /// instance says that it is not to be verified.
    private func expiry() throws(CheckOptionError) -> CertificateExpiry? {
        let retrieves = try flag("tls_retrieve_non_validated_cert") ?? false
        let verify = try flag("tls_verify")
        let isVerifyOff = try flag("disable_ssl_validation") ?? false
        let isWrittenOff = verify == false || (verify == nil && isVerifyOff)
        let isWanted = try flag("check_certificate_expiration") ?? true
        let warning = try threshold("warning", days: 14)
        let critical = try threshold("critical", days: 7)
        guard isWanted, retrieves || !isWrittenOff else { return nil }
        return CertificateExpiry(warning: warning, critical: critical, needsTrust: !retrieves)
    }

    /// `seconds_X`, else `days_X`, else a default; 0 counts as missing.
    private func threshold(_ name: String, days: Int) throws(CheckOptionError) -> Duration {
        let limit = Duration.seconds(86_400 * 36_500)
        if let seconds = try seconds("seconds_\(name)", upTo: limit, allowsZero: true), seconds > .zero {
            return seconds
        }
        let given = try seconds("days_\(name)", upTo: .seconds(36_500), allowsZero: true) ?? .zero
        return given > .zero ? given * 86_400 : .seconds(86_400 * days)
    }

    func prometheusCheck() throws(CheckOptionError) -> (CheckDefinition.Work, timeout: Duration) {
        let isLegacy = try text("openmetrics_endpoint") == nil
        let request = try request(
            url: isLegacy ? "prometheus_url" : "openmetrics_endpoint", aliases: isLegacy ? .legacyPrometheus : .none)
        return (.prometheus(PrometheusCheck(request: request)), try timeout(of: request))
    }

    /// The keys that a check knows besides those of all HTTP checks, and what `tls_verify` is unless it is set.
    struct Aliases {
        var timeout: String?
        var verify: String?
        /// Whether its value says not to verify.
        var isVerifyInverted = false
        var authority: String?
        var certificate: String?
        var key: String?
        var verifies = true

        static let none = Aliases()
        static let httpCheck = Aliases(
            verify: "disable_ssl_validation", isVerifyInverted: true, authority: "ca_certs", certificate: "client_cert",
            key: "client_key", verifies: false)
        static let legacyPrometheus = Aliases(
            timeout: "prometheus_timeout", verify: "ssl_verify", authority: "ssl_ca_cert", certificate: "ssl_cert",
            key: "ssl_private_key")
    }

    private func request(url key: String, aliases: Aliases) throws(CheckOptionError) -> CheckRequest {
        let url = try requiredText(key)
        guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
            throw failure(key, "starts with neither http:// nor https://")
        }
        var request = CheckRequest(url: url)
        request.headers = try headers("headers")
        for extra in try headers("extra_headers") {
            request.headers.removeAll { $0.isNamed(extra.name) }
            request.headers.append(extra)
        }
        if let credentials = try basicCredentials(),
            !request.headers.contains(where: { $0.isNamed("Authorization") })
        {
            request.headers.append(CheckHeader(name: "Authorization", value: credentials))
        }
        request.followsRedirects = try flag("allow_redirects") ?? true
        request.connectTimeout = try seconds("connect_timeout", upTo: Self.longestTimeout)
        request.readTimeout = try seconds("read_timeout", upTo: Self.longestTimeout)
        request.trust = try trust(aliases)
        request.timeout = try seconds("timeout", upTo: Self.longestTimeout, isShared: true)
        if request.timeout == nil { request.timeout = try seconds(aliases.timeout, upTo: Self.longestTimeout) }
        return request
    }

    /// The limit of a run: `timeout`, or what its parts come to if they are longer, but at most the interval.
    private func timeout(of request: CheckRequest) throws(CheckOptionError) -> Duration {
        let whole = request.timeout ?? Self.defaultTimeout
        let parts = (request.connectTimeout ?? .zero) + (request.readTimeout ?? .zero)
        return min(max(whole, parts), try interval())
    }

    private func trust(_ aliases: Aliases) throws(CheckOptionError) -> CheckTrust {
        var trust = CheckTrust(verifies: aliases.verifies)
        if let verifies = try flag("tls_verify") {
            trust.verifies = verifies
        } else if let verifies = try flag(aliases.verify) {
            trust.verifies = verifies != aliases.isVerifyInverted
        }
        // `ssl_ca_cert: false` is how old instances turn verification off.
        if let alias = aliases.authority, value(alias) == .bool(false) {
            trust.verifies = false
        } else if let file = try text("tls_ca_cert", or: aliases.authority, isShared: true) {
            trust.caFile = file
            trust.verifies = true
        }
        trust.certificateFile = try text("tls_cert", or: aliases.certificate)
        trust.keyFile = try text("tls_private_key", or: aliases.key)
        guard trust.certificateFile != nil || trust.keyFile == nil else {
            throw failure("tls_private_key", "needs tls_cert")
        }
        return trust
    }

    /// `Basic …`, only if both are set, as upstream has it.
    private func basicCredentials() throws(CheckOptionError) -> String? {
        guard let name = try text("username"), let password = try text("password") else { return nil }
        let text = "\(name):\(password)"
        let isLatin = try flag("use_legacy_auth_encoding") ?? true
        guard isLatin else { return Self.basic(Array(text.utf8)) }
        let bytes = text.unicodeScalars.compactMap { UInt8(exactly: $0.value) }
        guard bytes.count == text.unicodeScalars.count else {
            throw failure("password", "has characters beyond Latin-1: set use_legacy_auth_encoding to false")
        }
        return Self.basic(bytes)
    }

    private static func basic(_ credentials: [UInt8]) -> String {
        var field = Array("Basic ".utf8)
        Base64.encode(credentials, into: &field)
        return String(decoding: field, as: UTF8.self)
    }

    /// `data`: an object is sent as JSON, a text as it is.
    private func addBody(to request: inout CheckRequest) throws(CheckOptionError) {
        guard ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"].contains(request.method) else { return }
        switch value("data") {
        case .object(let members)?: request.body = JSONValue.object(members).encoded()
        case .string(let text)?: request.body = Array(text.utf8)
        case nil: request.body = Array("{}".utf8)
        case let other?: throw failure("data", "is \(other.kind), not an object or a text")
        }
        if !request.headers.contains(where: { $0.isNamed("Content-Type") }) {
            request.headers.append(CheckHeader(name: "Content-Type", value: "application/x-www-form-urlencoded"))
        }
    }
}
