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
