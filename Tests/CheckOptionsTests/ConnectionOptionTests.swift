import JSON
import Platform
import Testing

@testable import CheckOptions

/// How a check reaches its server, and what it shows it: proxies, credentials, names.
@Suite struct ConnectionOptionTests {
    private func request(_ options: String, initConfig: String = "") throws -> CheckRequest {
        let definition = try CheckDefinition(
            "http_check", instance: Array("{\"url\":\"https://a/\",\(options)}".utf8),
            initConfig: Array(initConfig.utf8))
        guard case .http(let http) = definition.work else { throw CheckOptionError("not an http_check") }
        return http.request
    }

    @Test func `proxies are those of the instance, else of init_config`() throws {
        let proxies = CheckProxies(http: "http://p:1", https: "socks5h://q:2", exceptions: ["a.b", "10.0.0.0/8"])
        let text = #""proxy":{"http":"p:1","https":"socks5h://q:2","no_proxy":["a.b","10.0.0.0/8"]}"#
        #expect(try request(text).proxies == proxies)
        #expect(try request(#""name":"x""#, initConfig: "{\(text)}").proxies == proxies)
        #expect(try request(#""proxy":{"http":"r:3"}"#, initConfig: "{\(text)}").proxies?.http == "http://r:3")
        #expect(
            try request(#""proxy":{"http":"p","no_proxy":"a.b, c.d;e.f"}"#).proxies?.exceptions == [
                "a.b", "c.d", "e.f",
            ])
        for skip in [#""skip_proxy":true"#, #""no_proxy":"yes""#] {
            #expect(try request("\(text),\(skip)").proxies == nil)
        }
        #expect(try request(text, initConfig: #"{"skip_proxy":true}"#).proxies == nil)
        #expect(try request("\(text),\"skip_proxy\":false", initConfig: #"{"skip_proxy":true}"#).proxies != nil)
    }

    @Test func `digest authentication needs both parts, as basic does`() throws {
        let both = try request(#""auth_type":"Digest","username":"u","password":"p""#)
        #expect(both.digest == CheckCredentials(username: "u", password: "p"))
        #expect(both.headers == [])
        #expect(try request(#""auth_type":"digest","username":"u""#).digest == nil)
    }

    @Test func `a token is read from a file and written to a header`() throws {
        let reader = #""reader":{"type":"file","path":"/t"}"#
        let plain = try request(#""auth_token":{\#(reader),"writer":{"type":"header","name":"X"}}"#)
        #expect(plain.token == CheckToken(path: "/t", header: "X", before: "", after: ""))
        let writer = #""writer":{"type":"header","name":"A","value":"Bearer %T% x","placeholder":"%T%"}"#
        #expect(
            try request(#""auth_token":{\#(reader),\#(writer)}"#).token
                == CheckToken(path: "/t", header: "A", before: "Bearer ", after: " x"))
        #expect(throws: CheckOptionError("auth_token has a writer whose value lacks the placeholder")) {
            try request(#""auth_token":{\#(reader),"writer":{"type":"header","name":"A","value":"x"}}"#)
        }
    }

    @Test(arguments: [
        (#","bearer_token_auth":true"#, "http", "/var/run/secrets/kubernetes.io/serviceaccount/token"),
        (#","bearer_token_auth":"tls_only","bearer_token_path":"/t""#, "https", "/t"),
        (#","bearer_token_auth":"tls_only""#, "http", nil), (#","bearer_token_auth":false"#, "https", nil),
    ]) func `the bearer token of an older instance is that of a file`(
        _ options: String, _ scheme: String, _ path: String?
    ) throws {
        let definition = try CheckDefinition(
            "prometheus", instance: Array("{\"prometheus_url\":\"\(scheme)://a/\"\(options)}".utf8))
        guard case .prometheus(let check) = definition.work else { return }
        let expected = path.map { CheckToken(path: $0, header: "Authorization", before: "Bearer ", after: "") }
        #expect(check.request.token == expected)
    }

    @Test(arguments: [
        (
            "http_check",
            #"{"url":"http://a/","auth_token":{"reader":{"type":"file","path":"/t"},"writer":{"type":"header","name":"X"}}}"#
        ),
        ("prometheus", #"{"prometheus_url":"http://a/","bearer_token_auth":true}"#),
    ]) func `only the author of a config file has a file of the agent sent`(_ check: String, _ instance: String) throws
    {
        let reason =
            "auth_token and bearer_token_auth send a file of this agent, and are only followed in a config file"
        for provider in ["kubernetes-services", "kubernetes-endpoints", "", "File"] {
            #expect(throws: CheckOptionError(reason, .unsupported)) {
                try CheckDefinition(check, instance: Array(instance.utf8), provider: provider)
            }
        }
        #expect(throws: Never.self) { try CheckDefinition(check, instance: Array(instance.utf8), provider: "file") }
    }

    @Test func `the Host header names the server in TLS if the instance says so`() throws {
        let host = #""headers":{"Host":"b.example"}"#
        #expect(try request(host).serverName == nil)
        #expect(try request(#"\#(host),"tls_use_host_header":true"#).serverName == "b.example")
        #expect(try request(#""tls_use_host_header":true"#).serverName == nil)
        #expect(try request(#""headers":{"Host":"b:8443"},"tls_use_host_header":true"#).serverName == "b")
        #expect(try request(#""headers":{"Host":""},"tls_use_host_header":true"#).serverName == nil)
    }

    @Test func `ciphers, a key's password and the certificate of the response are followed`() throws {
        var trust = CheckTrust(verifies: false, certificateFile: "/c")
        trust.keyPassword = "p"
        trust.ciphers = "AES128-SHA:AES256-SHA"
        let options = #""tls_cert":"/c","tls_private_key_password":"p","tls_ciphers":["AES128-SHA","AES256-SHA"]"#
        #expect(try request(options).trust == trust)
        #expect(try request(#""tls_ciphers":["all","AES128-SHA"]"#).trust.ciphers == nil)
        let newer = try request(#""tls_ciphers":["TLS_AES_256_GCM_SHA384","TLS_AES_128_GCM_SHA256"]"#).trust
        #expect(newer.suites == "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256" && newer.ciphers == nil)
        #expect(try request(#""use_cert_from_response":true"#).trust.verifies)
        #expect(try !request(#""use_cert_from_response":true,"tls_verify":false"#).trust.verifies)
    }

    @Test(arguments: [
        (#""server":"a""#, "a", 443), (#""server":"a","port":8443"#, "a", 8443), (#""server":"a:1""#, "a", 1),
        (#""server":"https://u:p@a.b:2/x?y""#, "a.b", 2), (#""server":"a:1","port":"3""#, "a", 3),
        (#""server":"::1""#, "::1", 443), (#""server":"[::1]:4""#, "::1", 4),
        (#""server":"https://[::1]""#, "::1", 443),
        (#""server":"10.0.0.1:5""#, "10.0.0.1", 5),
    ]) func `a tls check reads its server from a host or a URL`(_ options: String, _ host: String, _ port: UInt16)
        throws
    {
        let check = try tls(options)
        #expect(check.target == .server(TCPCheck(host: host, port: port)))
        #expect(check.serverName == ExactText(host) && check.trust == CheckTrust() && check.validatesName)
        #expect(check.versions == [.tls12, .tls13] && check.startTLS == nil)
    }

    @Test func `the options of a tls check are read`() throws {
        let check = try tls(
            #"""
            "server":"a","server_hostname":"b","validate_hostname":false,"validate_cert":false,
            "allowed_versions":["1.0","v1.1","tlsv1.2","SSLv3"],"start_tls":"Postgres","days_warning":3.5,"seconds_critical":60,
            "cert":"/c","private_key":"/k","timeout":3
            """#)
        #expect(check.serverName == "b" && !check.validatesName)
        #expect(check.trust == CheckTrust(verifies: false, certificateFile: "/c", keyFile: "/k"))
        #expect(check.versions == [.ssl3, .tls1, .tls11, .tls12] && check.startTLS == .postgres)
        #expect(check.expiry == CertificateExpiry(warning: .seconds(302_400), critical: .seconds(60)))
        #expect(try tls(#""server":"a.b.""#).serverName == "a.b")
        let file = try tls(#""local_cert_path":"/c.pem""#)
        #expect(file.target == .file("/c.pem") && file.serverName == nil)
        #expect(try tls(#""server":"a""#, initConfig: #"{"allowed_versions":["1.3"]}"#).versions == [.tls13])
    }

    private func tls(_ options: String, initConfig: String = "") throws -> TLSCheck {
        let definition = try CheckDefinition(
            "tls", instance: Array("{\(options)}".utf8), initConfig: Array(initConfig.utf8))
        guard case .tls(let check) = definition.work else { throw CheckOptionError("not a tls check") }
        return check
    }
}
