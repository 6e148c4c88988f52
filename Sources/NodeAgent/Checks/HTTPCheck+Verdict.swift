import HTTPClient

/// How many redirects a check follows.
private let redirectLimit = 5

extension HTTPCheck {
    var request: ClientRequest {
        ClientRequest(
            method, url: url, headers: headers.map { ($0.name, $0.value) },
            maximumRedirects: followsRedirects ? redirectLimit : 0)
    }

    /// Succeeds if the status is expected and the body contains what it should.
    func verdict(_ result: Result<ClientResponse, CheckFailure>) -> CheckOutcome {
        result.flatMap { response in
            guard statuses.accepts(response.status) else {
                return .failure(CheckFailure(.status, "status \(response.status), expected \(statuses.text)"))
            }
            if let contentMatch, !contentMatch.isFound(in: response.body) {
                return .failure(
                    CheckFailure(.content, "the body (\(response.body.count) bytes) does not contain content_match"))
            }
            return .success(CheckSuccess())
        }
    }
}

extension PrometheusCheck {
    var request: ClientRequest {
        let accept = (name: "Accept", value: "text/plain;version=0.0.4")
        return ClientRequest(
            url: url, headers: [accept] + headers.map { ($0.name, $0.value) }, headersElsewhere: [accept],
            maximumRedirects: redirectLimit)
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
