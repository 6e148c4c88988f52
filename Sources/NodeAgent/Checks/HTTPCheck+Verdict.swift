import CheckModel
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
            method, url: url, headers: (isSet || !sendsDefaultHeaders ? [] : standard) + own,
            headersElsewhere: sendsDefaultHeaders ? standard : [], body: body,
            maximumRedirects: followsRedirects ? Self.redirectLimit : 0)
        request.connectTimeout = connectTimeout
        request.idleTimeout = readTimeout
        request.acceptsCompression = true
        request.sendsDefaultHeaders = sendsDefaultHeaders
        request.proxies = proxies.map {
            ProxyRules(http: $0.http, https: $0.https, exceptions: ProxyExceptions($0.exceptions))
        }
        request.serverName = serverName?.text
        request.digest = digest.map { ($0.username, $0.password) }
        return request
    }
}

extension HTTPCheck {
    var clientRequest: ClientRequest {
        var client = request.clientRequest(accept: "*/*")
        if contentMatch == nil { client.bodyUse = leavesBody ? .unread : .discarded }
        return client
    }

    /// Succeeds if the status is expected and the body contains what it should.
    func verdict(_ result: Result<ClientResponse, CheckFailure>) -> CheckOutcome {
        result.flatMap { response in
            let isExpected =
                statuses?.matchesStart(of: String(response.status)) ?? (100..<400).contains(response.status)
            guard isExpected else {
                return .failure(
                    CheckFailure(.status, "status \(response.status), expected \(statuses?.text ?? #"(1|2|3)\d\d"#)"))
            }
            guard let contentMatch else { return .success(CheckSuccess()) }
            guard let isFound = contentMatch.isFound(in: response.decodedText) else {
                let reason =
                    "content_match takes too long on a body of \(response.body.count) bytes: simplify the pattern"
                return .failure(CheckFailure(.content, reason))
            }
            guard isFound == isContentUnwanted else { return .success(CheckSuccess()) }
            let what =
                isFound
                ? "contains content_match, which reverse_content_match forbids" : "does not contain content_match"
            return .failure(CheckFailure(.content, "the body (\(response.body.count) bytes) \(what)"))
        }
    }

    /// The verdict once the request has succeeded. A certificate that cannot be had, or is not trusted, is not judged:
    /// upstream's status is unknown then.
    func verdict(ofExpiry outcome: CheckOutcome) -> CheckOutcome {
        switch outcome {
        case .failure(let failure) where failure.kind == .certificate: outcome
        case .failure: .success(CheckSuccess())
        case .success: outcome
        }
    }
}

extension PrometheusCheck {
    var clientRequest: ClientRequest {
        let latest = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.5"
        return request.clientRequest(
            accept: (prefersOpenMetrics ? latest : "text/plain;version=0.0.4") + ",*/*;q=0.1")
    }

    /// Succeeds if the status is 200 and the body is a valid exposition, in the format that its `Content-Type` says.
    func verdict(_ result: Result<ClientResponse, CheckFailure>) -> CheckOutcome {
        result.flatMap { response in
            guard response.status == 200 else {
                return .failure(CheckFailure(.status, "status \(response.status), expected 200"))
            }
            let format = response.isOpenMetrics ? .openMetrics : format
            do throws(ExpositionError) {
                let page = try filtered(response.body)
                return .success(CheckSuccess(samples: try Exposition(page, as: format).samples))
            } catch {
                let name = format == .openMetrics ? "an OpenMetrics page" : "a Prometheus exposition"
                return .failure(CheckFailure(.malformed, "not \(name): \(error)"))
            }
        }
    }

    /// The page without the lines in which a filter is found.
    private func filtered(_ page: [UInt8]) throws(ExpositionError) -> [UInt8] {
        guard !lineFilters.isEmpty else { return page }
        var kept: [UInt8] = []
        var steps = Pattern.defaultSteps
        let lines = page.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let text = String(decoding: line, as: UTF8.self)
            var isDropped = false
            for filter in lineFilters where !isDropped {
                guard let isFound = filter.isFound(in: text, within: &steps) else {
                    throw ExpositionError(
                        line: index + 1, reason: "the patterns of raw_line_filters take too long: simplify them")
                }
                isDropped = isFound
            }
            guard !isDropped else { continue }
            kept += line
            if index < lines.count - 1 { kept.append(UInt8(ascii: "\n")) }
        }
        return kept
    }
}

extension ClientResponse {
    /// Whether its `Content-Type` says that it is OpenMetrics.
    var isOpenMetrics: Bool {
        let type = head["Content-Type"]?.prefix { $0 != ";" && $0 != "," } ?? ""
        return type.filter { $0 != " " && $0 != "\t" }.lowercased() == "application/openmetrics-text"
    }
}
