import JSON
import Platform

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
    /// Whether the body is not even read: `stream`.
    package internal(set) var leavesBody = false
    /// How the certificate of an `https` URL is judged, on a connection of its own; nil if it is not.
    package internal(set) var expiry: TLSCheck?
}

/// When a server's certificate is about to expire.
package struct CertificateExpiry: Sendable, Hashable {
    /// With less than this left it is a warning.
    package internal(set) var warning: Duration
    /// With less than this left the check fails.
    package internal(set) var critical: Duration
}

extension InstanceReader {
    func httpCheck() throws(CheckOptionError) -> (CheckDefinition.Work, timeout: Duration) {
        var aliases = Aliases.httpCheck
        // As upstream: with the certificate of the response itself it is verified unless told otherwise.
        if try flag("use_cert_from_response") ?? false { aliases.verifies = true }
        var request = try request(url: "url", aliases: aliases)
        request.method = (try text("method") ?? "GET").uppercased()
        guard ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"].contains(request.method) else {
            throw failure("method", "is none of get, head, post, put, delete, patch and options")
        }
        try addBody(to: &request)
        request.sendsDefaultHeaders = try flag("include_default_headers") ?? true
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
        check.leavesBody = try flag("stream") ?? false
        check.expiry = try expiry(of: request)
        return (.http(check), try timeout(of: request))
    }

    /// As upstream: nothing is judged if the instance says that the certificate is not to be verified, unless it says
    /// that it is to be judged all the same. The connection does not go through a proxy.
    ///
    /// A certificate that is not trusted is only judged if the instance has an option of expiry: upstream's status is
    /// unknown then, and an option must not be without effect.
    private func expiry(of request: CheckRequest) throws(CheckOptionError) -> TLSCheck? {
        let retrieves = try flag("tls_retrieve_non_validated_cert") ?? false
        let isWanted = try flag("check_certificate_expiration") ?? true
        let isAskedFor = Self.expiryOptions.contains { value($0) != nil }
        let validates = try flag("tls_validate_hostname")
        let validatesByAlias = try flag("check_hostname")
        let expiry = CertificateExpiry(
            warning: try threshold("warning", days: 14), critical: try threshold("critical", days: 7))
        let isOff = try isVerificationOff()
        guard isWanted, request.url.hasPrefix("https://"), retrieves || !isOff,
            request.proxies?.https == nil
        else { return nil }
        let server = try server("url", of: request.url)
        var check = TLSCheck(target: .server(server), trust: request.trust, expiry: expiry)
        check.trust.verifies = !retrieves && !isAskedFor
        check.serverName = ExactText(try text("ssl_server_name") == nil ? server.host : host("ssl_server_name"))
        check.validatesName = check.trust.verifies && (validates ?? validatesByAlias ?? true)
        return check
    }

    private static let expiryOptions = [
        "check_certificate_expiration", "days_warning", "days_critical", "seconds_warning", "seconds_critical",
    ]

    /// Whether the instance itself says that the certificate is not to be verified.
    private func isVerificationOff() throws(CheckOptionError) -> Bool {
        let verify = try flag("tls_verify")
        let isOffByAlias = try flag("disable_ssl_validation") ?? false
        return verify == false || (verify == nil && isOffByAlias)
    }

    /// A warning if options of expiry have no effect beside others.
    func expiryWarnings(_ check: HTTPCheck) throws(CheckOptionError) -> [String] {
        guard check.expiry == nil, try flag("check_certificate_expiration") ?? true,
            let option = Self.expiryOptions.first(where: { value($0) != nil })
        else { return [] }
        guard check.request.url.hasPrefix("https://") else { return ["\(option) has no effect on an http URL"] }
        let reason =
            check.request.proxies?.https != nil
            ? "through a proxy no certificate is judged"
            : "where it is not verified, the certificate is only judged with tls_retrieve_non_validated_cert"
        return ["\(option) has no effect: \(reason)"]
    }

    /// `seconds_X`, else `days_X`, else a default; 0 counts as missing.
    func threshold(_ name: String, days: Int) throws(CheckOptionError) -> Duration {
        let limit = Duration.seconds(86_400 * 36_500)
        if let seconds = try seconds("seconds_\(name)", upTo: limit, allowsZero: true), seconds > .zero {
            return seconds
        }
        let given = try seconds("days_\(name)", upTo: .seconds(36_500), allowsZero: true) ?? .zero
        return given > .zero ? given * 86_400 : .seconds(86_400 * days)
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
