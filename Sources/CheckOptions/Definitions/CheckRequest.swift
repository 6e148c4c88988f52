import JSON
package import Platform

/// What `http_check` and `prometheus` ask of a server.
package struct CheckRequest: Sendable, Hashable {
    /// The URL, `http` or `https`.
    @ExactText package internal(set) var url: String
    /// The method, in capitals.
    @ExactText package internal(set) var method: String = "GET"
    /// The header fields that the instance sets.
    package internal(set) var headers: [CheckHeader] = []
    /// Whether the usual fields are sent beside them.
    package internal(set) var sendsDefaultHeaders = true
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
    /// The name that is sent in TLS, and that the certificate must have, instead of the URL's host; nil for that.
    package internal(set) var serverName: ExactText?
    /// The proxies; nil for none.
    package internal(set) var proxies: CheckProxies?
    /// A header field with the content of a file; nil for none.
    package internal(set) var token: CheckToken?
    /// What answers a server that asks for HTTP digest authentication; nil for nothing.
    package internal(set) var digest: CheckCredentials?

    init(url: String) {
        self.url = url
    }
}

/// The proxies of a check, by the scheme of the URL.
package struct CheckProxies: Sendable, Hashable {
    /// The proxy for `http` URLs; nil for none.
    package internal(set) var http: String?
    /// The proxy for `https` URLs; nil for none.
    package internal(set) var https: String?
    /// The hosts that are reached without a proxy: names, domains, addresses, networks and `*`.
    package internal(set) var exceptions: [String] = []
}

/// A header field with the content of a file, which is read at each run.
package struct CheckToken: Sendable, Hashable {
    /// The file.
    @ExactText package internal(set) var path: String
    /// The field's name.
    @ExactText package internal(set) var header: String
    /// What stands before the content.
    @ExactText package internal(set) var before: String
    /// What stands after it.
    @ExactText package internal(set) var after: String
}

/// A user and a password.
package struct CheckCredentials: Sendable, Hashable {
    /// The user.
    @ExactText package internal(set) var username: String
    /// The password.
    @ExactText package internal(set) var password: String
}

extension InstanceReader {
    func request(url key: String, aliases: Aliases) throws(CheckOptionError) -> CheckRequest {
        let (url, userInfo) = try url(key)
        var request = CheckRequest(url: url)
        request.headers = try headers("headers")
        for extra in try headers("extra_headers") {
            request.headers.removeAll { $0.isNamed(extra.name) }
            request.headers.append(extra)
        }
        try addCredentials(to: &request)
        // As upstream: what stands in the URL is for basic authentication.
        if let userInfo, request.digest == nil, !request.headers.contains(where: { $0.isNamed("Authorization") }) {
            request.headers.append(CheckHeader(name: "Authorization", value: try basic(userInfo)))
        }
        request.followsRedirects = try flag("allow_redirects") ?? true
        request.connectTimeout = try seconds("connect_timeout", upTo: Self.longestTimeout)
        request.readTimeout = try seconds("read_timeout", upTo: Self.longestTimeout)
        request.trust = try trust(aliases)
        if try flag("tls_use_host_header") ?? false, url.hasPrefix("https://") {
            let host = request.headers.first { $0.isNamed("Host") && !$0.value.isEmpty }
            if let host { request.serverName = ExactText(try server("headers.Host", of: host.value).host) }
        }
        request.proxies = try proxies()
        request.token = try fileToken()
        request.timeout = try seconds("timeout", upTo: Self.longestTimeout, isShared: true)
        if request.timeout == nil { request.timeout = try seconds(aliases.timeout, upTo: Self.longestTimeout) }
        return request
    }

    /// A URL without the user and the password that it may have, and those.
    private func url(_ key: String) throws(CheckOptionError) -> (url: String, userInfo: String?) {
        let url = try requiredText(key)
        guard let scheme = ["http://", "https://"].first(where: { url.hasPrefix($0) }) else {
            throw failure(key, "starts with neither http:// nor https://")
        }
        guard !url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else {
            throw failure(key, "has a blank or a control character")
        }
        _ = try server(key, of: url)
        let rest = url.dropFirst(scheme.count)
        guard let end = rest.prefix(while: { !"/?#".contains($0) }).lastIndex(of: "@") else { return (url, nil) }
        let encoded = rest[..<end]
        let userInfo = (try? percentDecoded(encoded.utf8)) ?? String(encoded)
        return (scheme + rest[end...].dropFirst(), encoded.contains(":") ? userInfo : userInfo + ":")
    }

    /// The limit of a run: `timeout`, or what its parts come to if they are longer, but at most the interval.
    func timeout(of request: CheckRequest) throws(CheckOptionError) -> Duration {
        let whole = request.timeout ?? Self.defaultTimeout
        let parts = (request.connectTimeout ?? .zero) + (request.readTimeout ?? .zero)
        return min(max(whole, parts), try interval())
    }

    /// Adds what `username` and `password` ask for, if both are set, as upstream has it.
    private func addCredentials(to request: inout CheckRequest) throws(CheckOptionError) {
        guard let name = try text("username"), let password = try text("password"),
            !request.headers.contains(where: { $0.isNamed("Authorization") })
        else { return }
        guard try text("auth_type")?.lowercased() != "digest" else {
            request.digest = CheckCredentials(username: name, password: password)
            return
        }
        request.headers.append(CheckHeader(name: "Authorization", value: try basic("\(name):\(password)")))
    }

    private func basic(_ text: String) throws(CheckOptionError) -> String {
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

    /// `proxy`, of the instance or of `init_config`, unless proxies are to be skipped.
    private func proxies() throws(CheckOptionError) -> CheckProxies? {
        let skips = try flag("skip_proxy", isShared: true)
        let skipsByAlias = try flag("no_proxy")
        guard !(skips ?? skipsByAlias ?? false) else { return nil }
        var proxies = CheckProxies()
        let members = try object("proxy", isShared: true).sorted { $0.key < $1.key }
        for (key, value) in members where value != .null {
            switch (key.text, value) {
            case ("no_proxy", .array(let elements)) where elements.allSatisfy({ $0.stringValue != nil }):
                proxies.exceptions = elements.compactMap { $0.stringValue?.filter { $0 != " " } }
            case ("no_proxy", .string(let list)):
                proxies.exceptions = list.split { $0 == "," || $0 == ";" }.map { String($0.filter { $0 != " " }) }
            case ("http", .string(let url)): proxies.http = try proxy(url)
            case ("https", .string(let url)): proxies.https = try proxy(url)
            default:
                throw CheckOptionError(
                    "proxy has another member than http, https and no_proxy, or no text", .unsupported)
            }
        }
        return proxies.http == nil && proxies.https == nil ? nil : proxies
    }

    /// A proxy's URL; without a scheme it is `http`, and an empty one is none.
    private func proxy(_ url: String) throws(CheckOptionError) -> String? {
        guard !url.isEmpty else { return nil }
        let whole = url.contains("://") ? url : "http://\(url)"
        let isKnown = ["http", "https", "socks5", "socks5h"].contains { whole.lowercased().hasPrefix("\($0)://") }
        guard isKnown, whole.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw failure(
                "proxy", "is not http://HOST:PORT, https://HOST:PORT, socks5://HOST:PORT or socks5h://HOST:PORT")
        }
        return whole
    }

    /// `auth_token` with a reader of type `file` and a writer of type `header`.
    private func fileToken() throws(CheckOptionError) -> CheckToken? {
        let token = try object("auth_token")
        guard !token.isEmpty else { return nil }
        func member(_ part: ExactText, _ key: ExactText) throws(CheckOptionError) -> String? {
            guard let members = token[part]?.objectValue else {
                throw failure("auth_token", "needs a reader and a writer, both objects")
            }
            return members[key]?.stringValue
        }
        guard try member("reader", "type") == "file", try member("writer", "type") == "header",
            try member("reader", "pattern") == nil
        else {
            throw CheckOptionError(
                "auth_token is only supported with a reader of type file, without a pattern, and a writer of type header",
                .unsupported)
        }
        guard let path = try member("reader", "path"), let name = try member("writer", "name") else {
            throw failure("auth_token", "needs the reader's path and the writer's name")
        }
        let placeholder = try member("writer", "placeholder") ?? "<TOKEN>"
        let value = try member("writer", "value") ?? placeholder
        guard !placeholder.isEmpty, let place = value.firstRange(of: placeholder) else {
            throw failure("auth_token", "has a writer whose value lacks the placeholder")
        }
        return CheckToken(
            path: path, header: name, before: String(value[..<place.lowerBound]),
            after: String(value[place.upperBound...]))
    }
}
