import CCurl
import Platform

extension EasyHandle {
    /// Sets the options that belong to one request.
    ///
    /// - Throws: `invalidRequest` or `invalidURL`, before anything is sent.
    mutating func setUpRequest(_ hop: Hop, url: RequestURL, options: HTTPClientOptions) throws(HTTPClientError) {
        let request = hop.request
        try setUpMethod(request)
        var lines = try headerLines(request)
        if hop.isAtOrigin, let token = try bearerToken(request, url, options) {
            lines.append("Authorization: Bearer \(token)")
        }
        var target = request.connectTo.map { "\(bracketed($0.host)):\($0.port)" }
        var text = url.text
        var host = url.host
        if hop.isAtOrigin, let serverName = request.serverName ?? options.trust.serverName, url.scheme == "https" {
            // libcurl takes the TLS server name only from the URL: put that name into the URL and connect to the
            // original host.
            text = try url.replacingHost(serverName)
            host = serverName
            target = target ?? "\(url.host):\(url.port)"
            if !request.hasField("Host") { lines.append("Host: \(url.authority)") }
        }
        try set(CURLOPT_URL, text)
        if let target { try set(connectTo: "\(host):\(url.port):\(target)") }
        try set(headers: lines)
        // As Python's requests: servers redirect until they get back the cookie that they set.
        if request.maximumRedirects > 0, !request.hasField("Cookie") { try keepCookies(hop.cookies) }
        if hop.answersChallenge, let digest = request.digest {
            try check(unsafe ccurl_set_digest_alone(raw), CURLOPT_HTTPAUTH)
            try set(CURLOPT_USERNAME, digest.username)
            try set(CURLOPT_PASSWORD, digest.password)
        }
        // An empty string would accept every encoding that libcurl can decode.
        if request.acceptsCompression { try set(CURLOPT_ACCEPT_ENCODING, "gzip, deflate") }
    }

    /// Sets the timeouts of libcurl. The transfer loop also watches the deadline, on its own clock.
    func setUpTimeouts(total: Duration, connect: Duration) throws(HTTPClientError) {
        // A deadline beyond the range of libcurl (24 days) is left to the loop.
        if total < .seconds(86_400) { try set(CURLOPT_TIMEOUT_MS, milliseconds(total)) }
        try set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(connect))
    }

    private func setUpMethod(_ request: ClientRequest) throws(HTTPClientError) {
        guard isToken(request.method) else { throw .invalidRequest("the method is not a token (RFC 9110 §5.6.2)") }
        switch (request.method, request.body) {
        case ("GET", nil): try set(CURLOPT_HTTPGET, true)
        case ("HEAD", nil): try set(CURLOPT_NOBODY, true)
        case ("HEAD", _): throw .invalidRequest("a HEAD request has no body")
        case ("POST", let body):
            try set(CURLOPT_POST, true)
            try set(body: body ?? [])
        case (let method, let body):
            if let body { try set(body: body) }
            try set(CURLOPT_CUSTOMREQUEST, method)
        }
    }

    private func headerLines(_ request: ClientRequest) throws(HTTPClientError) -> [String] {
        // A name with a colon and no value removes a field that libcurl would add.
        var lines = ["Expect:"]
        if !request.hasField("Content-Type") { lines.append("Content-Type:") }
        if !request.sendsDefaultHeaders {
            for name in ["User-Agent", "Accept"] where !request.hasField(name) { lines.append("\(name):") }
        }
        for (name, value) in request.headers {
            guard isToken(name) else {
                throw .invalidRequest(
                    "the name of a header field is not a token (RFC 9110 §5.6.2)")
            }
            guard isFieldValue(value) else {
                throw .invalidRequest("the value of the header field \(shownName(name)) holds a control character")
            }
            for ours in ["Content-Length", "Transfer-Encoding", "Expect"] where areEqualFieldNames(name, ours) {
                throw .invalidRequest("the client sets the header field \(ours) itself")
            }
            let isEmpty = value.utf8.allSatisfy { $0 == 0x20 || $0 == 0x09 }
            lines.append(isEmpty ? "\(name);" : "\(name): \(value)")
        }
        return lines
    }

    private func bearerToken(
        _ request: ClientRequest, _ url: RequestURL, _ options: HTTPClientOptions
    ) throws(HTTPClientError) -> String? {
        guard url.scheme == "https", !request.hasField("Authorization"), let token = options.bearerToken?(),
            !token.isEmpty
        else { return nil }
        guard token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .invalidRequest(
                "the bearer token holds a space, a line break or another character that is not ASCII text")
        }
        return token
    }

    private func bracketed(_ host: String) -> String {
        host.utf8.contains(UInt8(ascii: ":")) && !host.hasPrefix("[") ? "[\(host)]" : host
    }

    /// Milliseconds, rounded up, at least 1 (0 means "no limit" to libcurl) and at most a day.
    private func milliseconds(_ duration: Duration) -> Int {
        let nanoseconds = min(max(duration.nanoseconds, 1), 86_400_000_000_000)
        return Int((nanoseconds + 999_999) / 1_000_000)
    }
}

extension ClientRequest {
    /// Whether the request has a header field called `name`.
    func hasField(_ name: String) -> Bool {
        headers.contains { areEqualFieldNames($0.name, name) }
    }
}
