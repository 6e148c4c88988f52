import CCurl
import Platform

/// A URL parsed and accepted by libcurl.
struct RequestURL: Equatable {
    /// The whole URL.
    @ExactText private(set) var text: String
    /// `http` or `https`.
    @ExactText private(set) var scheme: String
    /// The host as in the URL, IPv6 in brackets.
    @ExactText private(set) var host: String
    /// The port; the default of the scheme if the URL has none.
    let port: Int

    /// The host and port, for messages and `Host`.
    var authority: String {
        port == (scheme == "https" ? 443 : 80) ? host : "\(host):\(port)"
    }

    /// Parses `text`.
    ///
    /// - Throws: `invalidURL` with the reason. It does not repeat the URL, which may contain a secret.
    init(_ text: String, allowsPlainHTTP: Bool) throws(HTTPClientError) {
        guard !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else {
            throw .invalidURL("it contains a space or a control character")
        }
        // libcurl would use the first path segment as the host.
        let rest = text.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false).dropFirst().first
        guard rest?.hasPrefix("/") != true else { throw .invalidURL("it has no host") }
        guard let parts = URLParts() else { throw .invalidURL("out of memory") }
        if let reason = parts.parse(text) { throw .invalidURL(reason) }
        guard parts.part(CURLUPART_USER) == nil, parts.part(CURLUPART_PASSWORD) == nil else {
            throw .invalidURL("a URL with user and password is not accepted: use an Authorization header")
        }
        guard let scheme = parts.part(CURLUPART_SCHEME), let host = parts.part(CURLUPART_HOST), !host.isEmpty,
            let port = parts.part(CURLUPART_PORT).flatMap({ Int($0) }), let whole = parts.part(CURLUPART_URL)
        else { throw .invalidURL("it has no host") }
        // No name is longer (RFC 1035 §2.3.4), and errors show it.
        guard host.utf8.count <= 255 else { throw .invalidURL("its host is longer than 255 bytes") }
        guard scheme == "https" || (scheme == "http" && allowsPlainHTTP) else {
            let allowed = allowsPlainHTTP ? "http and https are" : "only https is"
            throw .invalidURL("the scheme is not allowed here, \(allowed)")
        }
        self.text = whole
        self.scheme = scheme
        self.host = host
        self.port = port
    }

    /// Whether this URL has the scheme, host and port of `other`. Hosts are compared as libcurl normalises them, in
    /// lower case.
    func isOfOrigin(of other: RequestURL) -> Bool {
        scheme == other.scheme && host.lowercased() == other.host.lowercased() && port == other.port
    }

    /// The URL that a `Location` field in an answer from this URL names, without its fragment.
    ///
    /// - Throws: `invalidURL` if it is malformed.
    func resolving(_ location: String) throws(HTTPClientError) -> String {
        guard let parts = URLParts(), parts.parse(text) == nil else { throw .invalidURL("out of memory") }
        if let reason = parts.resolve(location) { throw .invalidURL(reason) }
        guard let whole = parts.part(CURLUPART_URL) else { throw .invalidURL("it has no host") }
        return whole
    }

    /// The URL with another host.
    ///
    /// - Throws: `invalidURL` if `host` is not a valid host.
    func replacingHost(_ host: String) throws(HTTPClientError) -> String {
        guard let parts = URLParts(), parts.parse(text) == nil, parts.setHost(host),
            let whole = parts.part(CURLUPART_URL)
        else { throw .invalidURL("the TLS server name for \(authority) is not the name of a host") }
        return whole
    }
}

extension ProxyPolicy {
    /// Whether libcurl finds a host in a proxy's URL.
    package static func isURL(_ text: String) -> Bool {
        guard let parts = URLParts(), parts.parse(text) == nil, let host = parts.part(CURLUPART_HOST) else {
            return false
        }
        return !host.isEmpty
    }
}

/// The URL parser of libcurl.
@safe
private struct URLParts: ~Copyable {
    private let raw: OpaquePointer

    init?() {
        guard let raw = unsafe curl_url() else { return nil }
        unsafe self.raw = raw
    }

    deinit {
        unsafe curl_url_cleanup(raw)
    }

    /// Parses `text`; returns nil on success, else the reason.
    func parse(_ text: String) -> String? {
        failure(unsafe curl_url_set(raw, CURLUPART_URL, text, UInt32(CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME)))
    }

    /// Resolves a reference against what was parsed, as libcurl does with `Location`: spaces and other characters that
    /// a URL may not have are encoded. Returns nil on success, else the reason.
    func resolve(_ reference: String) -> String? {
        let flags = UInt32(CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE | CURLU_ALLOW_SPACE)
        return failure(unsafe curl_url_set(raw, CURLUPART_URL, reference, flags))
            ?? failure(unsafe curl_url_set(raw, CURLUPART_FRAGMENT, nil, 0))
    }

    private func failure(_ code: CURLUcode) -> String? {
        guard code != CURLUE_OK else { return nil }
        guard let reason = unsafe curl_url_strerror(code) else { return "it is malformed" }
        return unsafe String(cString: reason)
    }

    func setHost(_ host: String) -> Bool {
        unsafe curl_url_set(raw, CURLUPART_HOST, host, 0) == CURLUE_OK
    }

    func part(_ part: CURLUPart) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        let flags = part == CURLUPART_PORT ? UInt32(CURLU_DEFAULT_PORT) : 0
        guard unsafe curl_url_get(raw, part, &text, flags) == CURLUE_OK, let found = unsafe text else { return nil }
        defer { unsafe curl_free(found) }
        return unsafe String(cString: found)
    }
}
