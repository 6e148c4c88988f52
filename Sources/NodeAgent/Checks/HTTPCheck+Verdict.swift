import CheckOptions
import HTTPClient
import Platform

extension CheckRequest {
    /// How many redirects a check follows, as Python's `requests`.
    private static let redirectLimit = 30

    /// - Parameter accept: the `Accept` field unless the instance sets one.
    func clientRequest(accept: String) -> ClientRequest {
        let own = headers.map { (name: $0.name, value: $0.value) }
        let standard = [(name: "Accept", value: accept)]
        let isSet = headers.contains { $0.isNamed("Accept") }
        var request = ClientRequest(
            method, url: url, headers: (isSet ? [] : standard) + own, headersElsewhere: standard, body: body,
            maximumRedirects: followsRedirects ? Self.redirectLimit : 0)
        request.connectTimeout = connectTimeout
        request.idleTimeout = readTimeout
        request.acceptsCompression = true
        return request
    }
}

extension HTTPCheck {
    var clientRequest: ClientRequest {
        var client = request.clientRequest(accept: "*/*")
        client.ignoresBody = contentMatch == nil
        client.reportsCertificate = expiry != nil
        return client
    }

    /// Succeeds if the status is expected, the body contains what it should, and the certificate is valid for long
    /// enough from `time`.
    func verdict(_ result: Result<ClientResponse, CheckFailure>, at time: WallTime) -> CheckOutcome {
        result.flatMap { response in
            let isExpected =
                statuses?.matchesStart(of: String(response.status)) ?? (100..<400).contains(response.status)
            guard isExpected else {
                return .failure(
                    CheckFailure(.status, "status \(response.status), expected \(statuses?.text ?? #"(1|2|3)\d\d"#)"))
            }
            guard let contentMatch else { return judged(response.certificateEnd, at: time) }
            guard let isFound = contentMatch.isFound(in: response.decodedText) else {
                let reason =
                    "content_match takes too long on a body of \(response.body.count) bytes: simplify the pattern"
                return .failure(CheckFailure(.content, reason))
            }
            guard isFound == isContentUnwanted else { return judged(response.certificateEnd, at: time) }
            let what =
                isFound
                ? "contains content_match, which reverse_content_match forbids" : "does not contain content_match"
            return .failure(CheckFailure(.content, "the body (\(response.body.count) bytes) \(what)"))
        }
    }
}

extension HTTPCheck {
    private func judged(_ certificateEnd: Int64?, at time: WallTime) -> CheckOutcome {
        guard let expiry, let certificateEnd else { return .success(CheckSuccess()) }
        let left = certificateEnd - time.nanoseconds / 1_000_000_000
        guard Duration.seconds(left) < expiry.critical else { return .success(CheckSuccess(secondsToExpiry: left)) }
        let days = abs(left) / 86_400
        let reason =
            left < 0
            ? "the certificate expired \(days) days ago"
            : "the certificate expires in \(days) days, less than days_critical or seconds_critical"
        return .failure(CheckFailure(.certificate, reason, secondsToExpiry: left))
    }
}

extension PrometheusCheck {
    var clientRequest: ClientRequest {
        request.clientRequest(accept: "text/plain;version=0.0.4,*/*;q=0.1")
    }

    /// Succeeds if the status is 200 and the body is a valid exposition.
    func verdict(_ result: Result<ClientResponse, CheckFailure>) -> CheckOutcome {
        result.flatMap { response in
            guard response.status == 200 else {
                return .failure(CheckFailure(.status, "status \(response.status), expected 200"))
            }
            do throws(ExpositionError) {
                return .success(CheckSuccess(samples: try Exposition(response.body).samples))
            } catch {
                return .failure(CheckFailure(.malformed, "not a Prometheus exposition: \(error)"))
            }
        }
    }
}

extension ClientResponse {
    /// The body as text: by the charset of its `Content-Type`; without one as UTF-8, or as Latin-1 if it is none. An
    /// unknown charset is taken for UTF-8.
    var decodedText: String {
        let type = head["Content-Type"]?.lowercased() ?? ""
        let charset = type.split(separator: ";").dropFirst().compactMap { parameter in
            let parts = parameter.split(separator: "=", maxSplits: 1).map { $0.filter { !" \t\"'".contains($0) } }
            return parts.count == 2 && parts[0] == "charset" ? parts[1] : nil
        }.first
        let isLatin = charset.map { ["iso-8859-1", "latin1", "latin-1", "windows-1252"].contains($0) }
        if isLatin != true, let text = String(validating: body, as: UTF8.self) { return text }
        guard isLatin ?? true else { return String(decoding: body, as: UTF8.self) }
        return String(String.UnicodeScalarView(body.map { Unicode.Scalar($0) }))
    }
}
