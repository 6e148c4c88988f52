import JSON
import Platform
import Testing

@testable import CheckOptions

@Suite struct CheckDefinitionTests {
    private func definition(
        _ check: String, _ instance: String, initConfig: String = ""
    ) throws(CheckOptionError) -> CheckDefinition {
        try CheckDefinition(check, instance: Array(instance.utf8), initConfig: Array(initConfig.utf8))
    }

    private func http(_ instance: String, initConfig: String = "") throws -> HTTPCheck {
        guard case .http(let http) = try definition("http_check", instance, initConfig: initConfig).work else {
            throw CheckOptionError("not an http_check")
        }
        return http
    }

    @Test func `an http_check needs only a URL`() throws {
        let check = try definition("http_check", #"{"url":"http://10.96.0.20:80/health","name":"web","tags":["a:b"]}"#)
        var request = CheckRequest(url: "http://10.96.0.20:80/health")
        // As upstream has it, which verifies only if it is told to.
        request.trust.verifies = false
        #expect(check.work == .http(HTTPCheck(request: request)))
        #expect(check.timeout == .seconds(10))
        #expect(check.warnings == [])
    }

    @Test func `the options of an http_check are read`() throws {
        let instance = #"""
            {"url":"https://shop/","method":"put","timeout":"1.5","headers":{"B":"2","A":1},"extra_headers":{"b":"3"},
             "tls_verify":"True","tls_cert":"/c.pem","tls_private_key":"/k.pem","allow_redirects":"no","data":{"x":[1.0]},
             "http_response_status_code":"2..|404","content_match":"v1\\.2","reverse_content_match":true,
             "username":"u","password":"pé","connect_timeout":2,"read_timeout":3,"contentmatch":"x"}
            """#
        let check = try definition("http_check", instance)
        let http = try http(instance)
        #expect(http.request.method == "PUT")
        let expected = [
            ("A", "1"), ("b", "3"), ("Authorization", "Basic dTpw6Q=="),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ].map { CheckHeader(name: $0.0, value: $0.1) }
        #expect(http.request.headers == expected)
        #expect(http.request.body == Array(#"{"x":[1.0]}"#.utf8))
        #expect(http.request.trust == CheckTrust(certificateFile: "/c.pem", keyFile: "/k.pem"))
        #expect(!http.request.followsRedirects)
        #expect(http.statuses?.matchesStart(of: "404") == true && http.statuses?.matchesStart(of: "500") == false)
        #expect(http.contentMatch?.text == "v1\\.2" && http.isContentUnwanted)
        #expect(http.request.connectTimeout == .seconds(2) && http.request.readTimeout == .seconds(3))
        #expect(check.timeout == .seconds(5))
        #expect(check.warnings == ["unknown option contentmatch, do you mean content_match?"])
    }

    @Test func `init_config is read, and the instance counts before it`() throws {
        #expect(
            try definition("http_check", #"{"url":"http://a/"}"#, initConfig: #"{"timeout":3}"#).timeout == .seconds(3))
        let both = try definition(
            "http_check", #"{"url":"http://a/","timeout":4}"#, initConfig: #"{"timeout":3,"tiemout":1}"#)
        #expect(both.timeout == .seconds(4))
        #expect(both.warnings == ["init_config: unknown option tiemout, do you mean timeout?"])
        #expect(
            try http(#"{"url":"http://a/"}"#, initConfig: #"{"ca_certs":"/ca"}"#).request.trust
                == CheckTrust(caFile: "/ca"))
        let fetching = #"{"fetch_intermediate_certs":true}"#
        #expect(
            throws: CheckOptionError(
                "init_config: fetch_intermediate_certs is not supported by this agent", .unsupported)
        ) {
            try definition("tls", #"{"server":"a"}"#, initConfig: fetching)
        }
    }

    @Test(arguments: [
        (#""tls_verify":"False""#, CheckTrust(verifies: false)), (#""tls_verify":"YES""#, CheckTrust()),
        (#""disable_ssl_validation":false"#, CheckTrust()),
        (#""disable_ssl_validation":"true""#, CheckTrust(verifies: false)),
        (#""tls_verify":false,"disable_ssl_validation":false"#, CheckTrust(verifies: false)),
        (#""tls_verify":false,"tls_ca_cert":"/ca""#, CheckTrust(caFile: "/ca")),
        (#""client_cert":"/c","client_key":"/k""#, CheckTrust(verifies: false, certificateFile: "/c", keyFile: "/k")),
    ])
    func `whom a check trusts is said as upstream says it`(options: String, trust: CheckTrust) throws {
        #expect(try http(#"{"url":"https://a/",\#(options)}"#).request.trust == trust)
    }

    @Test(arguments: [
        #""reverse_content_match":false"#, #""disable_ssl_validation":false"#, #""data":{}"#, #""proxy":{}"#,
        #""auth_type":"basic""#,
        #""proxy":{"http":null,"no_proxy":[]}"#, #""kerberos_auth":"disabled""#, #""aws_host":"""#,
        #""tls_ciphers":"ALL""#,
        #""tls_use_host_header":"False""#, #""ntlm_domain":null"#,
        #""stream":false"#,
        #""username":"u""#, #""skip_proxy":true"#,
    ])
    func `an option that asks for nothing is no reason to refuse`(option: String) throws {
        #expect(try http(#"{"url":"https://a/",\#(option)}"#) == http(#"{"url":"https://a/"}"#).withOption(option))
    }

    @Test(arguments: [
        ("auth_type", #""ntlm""#), ("ntlm_domain", #""d""#),
        ("aws_region", #""r""#), ("kerberos_auth", #""required""#),
        ("tls_intermediate_ca_certs", #"["x"]"#),
    ])
    func `an option that would change the verdict is refused by name`(key: String, value: String) {
        #expect(throws: CheckOptionError("\(key) is not supported by this agent", .unsupported)) {
            try definition("http_check", #"{"url":"https://a/","\#(key)":\#(value)}"#)
        }
    }

    @Test(arguments: [
        ("", 14 * 86_400, 7 * 86_400, true),
        (#","days_warning":30,"days_critical":"10""#, 30 * 86_400, 10 * 86_400, true),
        (#","days_critical":0,"seconds_warning":60"#, 60, 7 * 86_400, true),
        (#","seconds_critical":5,"days_critical":9"#, 14 * 86_400, 5, true),
        (#","tls_retrieve_non_validated_cert":true,"tls_verify":false"#, 14 * 86_400, 7 * 86_400, false),
    ])
    func `a certificate's expiry is judged by days or seconds`(
        options: String, warning: Int, critical: Int, needsTrust: Bool
    ) throws {
        let expiry = try http(#"{"url":"https://a:8443/x"\#(options)}"#).expiry
        #expect(expiry?.expiry == CertificateExpiry(warning: .seconds(warning), critical: .seconds(critical)))
        // A certificate that is not trusted is judged if the instance has an option of expiry.
        let isTrustNeeded = needsTrust && options.isEmpty
        #expect(expiry?.trust.verifies == isTrustNeeded && expiry?.validatesName == isTrustNeeded)
        #expect(expiry?.target == .server(TCPCheck(host: "a", port: 8443)) && expiry?.serverName == "a")
        #expect(try http(#"{"url":"http://a/"\#(options)}"#).expiry == nil)
    }

    @Test(arguments: [
        #""check_certificate_expiration":false"#, #""tls_verify":false"#, #""disable_ssl_validation":true"#,
        #""proxy":{"https":"p:1"}"#,
    ])
    func `a certificate that is not to be looked at is not judged`(option: String) throws {
        #expect(try http(#"{"url":"https://a/",\#(option)}"#).expiry == nil)
    }

    @Test(arguments: [
        (
            #""url":"https://a/","tls_verify":false,"days_critical":3"#,
            "days_critical has no effect: where it is not verified, the certificate is only judged with "
                + "tls_retrieve_non_validated_cert"
        ),
        (
            #""url":"https://a/","proxy":{"https":"p"},"seconds_warning":3"#,
            "seconds_warning has no effect: through a proxy no certificate is judged"
        ),
        (#""url":"http://a/","days_warning":3"#, "days_warning has no effect on an http URL"),
        (#""url":"https://a/","days_warning":3"#, nil), (#""url":"https://a/","tls_verify":false"#, nil),
        (#""url":"http://a/","days_warning":3,"check_certificate_expiration":false"#, nil),
    ]) func `an option of expiry that has no effect is a warning`(_ options: String, _ warning: String?) throws {
        #expect(try definition("http_check", "{\(options)}").warnings == (warning.map { [$0] } ?? []))
    }

    @Test(arguments: [
        ("post", "", "{}", true), ("post", #","data":"a=b""#, "a=b", true),
        ("delete", #","data":{"b":1,"a":"é"}"#, #"{"a":"é","b":1}"#, true),
        ("patch", #","data":"x","headers":{"content-type":"text/plain"}"#, "x", false),
    ])
    func `a body is sent as upstream sends it`(method: String, options: String, body: String, isForm: Bool) throws {
        let request = try http(#"{"url":"http://a/","method":"\#(method)"\#(options)}"#).request
        #expect(request.body == Array(body.utf8))
        #expect(request.headers.contains { $0.value == "application/x-www-form-urlencoded" } == isForm)
    }

    @Test func `a GET has no body`() throws {
        #expect(try http(#"{"url":"http://a/","data":{"x":1}}"#).request.body == nil)
    }

    @Test func `a tcp_check accepts its port as number or text`() throws {
        for port in ["6379", "\"6379\""] {
            let check = try definition("tcp_check", #"{"host":"redis","port":\#(port)}"#)
            #expect(check.work == .tcp(TCPCheck(host: "redis", port: 6379)))
        }
    }

    @Test(arguments: [
        ("prometheus", "prometheus_url"), ("prometheus", "openmetrics_endpoint"),
        ("openmetrics", "openmetrics_endpoint"),
    ]) func `a Prometheus check accepts either key of its URL`(_ name: String, _ key: String) throws {
        let check = try definition(name, #"{"\#(key)":"http://10.0.0.1/metrics"}"#)
        let page = PrometheusCheck(
            request: CheckRequest(url: "http://10.0.0.1/metrics"), format: name == "openmetrics" ? .either : .prometheus
        )
        #expect(check.work == .prometheus(page))
    }

    @Test func `secrets in an instance are left as they are`() throws {
        let check = try definition("http_check", #"{"url":"http://a/","headers":{"X-Key":"ENC[k8s_secret@a/b/c]"}}"#)
        guard case .http(let http) = check.work else { return }
        #expect(http.request.headers == [CheckHeader(name: "X-Key", value: "ENC[k8s_secret@a/b/c]")])
    }

    @Test(arguments: [
        ("redisdb", "{}", "no check redisdb; this agent runs http_check, openmetrics, prometheus, tcp_check, tls"),
        (
            "http_check", "url: http://a/\n",
            "the instance is not the JSON that this project's cluster-agent sends (line 1, "
        ),
        ("http_check", "", "the instance is not the JSON"),
        ("http_check", "[]", "the instance is an array, not an object"),
        ("http_check", "{}", "url is missing or empty"), ("http_check", #"{"url":""}"#, "url is missing or empty"),
        ("http_check", #"{"url":"ftp://a/"}"#, "url starts with neither"),
        ("http_check", #"{"url":["a"]}"#, "url is an array"),
        ("http_check", #"{"url":"http://a/","timeout":0}"#, "timeout is not a number"),
        ("http_check", #"{"url":"http://a/","timeout":86401}"#, "timeout is not a number"),
        ("http_check", #"{"url":"http://a b/"}"#, "url has a blank or a control character"),
        ("http_check", #"{"url":"http:///x"}"#, "url has no host's name or address"),
        ("http_check", #"{"url":"http://[::1/"}"#, "url has no host's name or address"),
        ("http_check", #"{"url":"http://S3cr3t:x@/"}"#, "url has no host's name or address"),
        ("http_check", #"{"url":"http://a/","headers":{"A":"b\nc"}}"#, "headers.A has a line break"),
        ("http_check", #"{"url":"http://a/","headers":{"A b":"c"}}"#, "is not the name of a header field"),
        ("http_check", #"{"url":"http://a/","headers":{"Content-length":"1"}}"#, "is set by the client itself"),
        (
            "http_check", #"{"url":"http://a/","proxy":{"http":"p","no_proxy":["a",1]}}"#,
            "proxy has another member than"
        ),
        ("tls", #"{"server":"https://"}"#, "server has no host's name or address"),
        ("http_check", #"{"url":"http://a/","timeout":"soon"}"#, "timeout is not a number"),
        ("http_check", #"{"url":"http://a/","timeout":"nan"}"#, "timeout is not a number"),
        ("http_check", #"{"url":"http://a/","min_collection_interval":-1}"#, "min_collection_interval is not a number"),
        ("tcp_check", #"{"host":"dd:S3cr3t@db","port":1}"#, "host is neither the name nor the address of a host"),
        ("http_check", #"{"url":"http://a/","tls_verify":"maybe"}"#, "tls_verify is neither true nor false"),
        ("http_check", #"{"url":"http://a/","headers":["A: b"]}"#, "headers is an array"),
        ("http_check", #"{"url":"http://a/","headers":{"A":{}}}"#, "headers.A is an object"),
        (
            "http_check", #"{"url":"http://a/","http_response_status_code":"200,204"}"#,
            "http_response_status_code matches no status: it is a pattern, such as 2.. or (200|204)"
        ),
        (
            "http_check", #"{"url":"http://a/","http_response_status_code":"2xx"}"#,
            "http_response_status_code matches no status"
        ),
        (
            "http_check", #"{"url":"http://a/","content_match":"a(?=b)"}"#,
            "content_match is no pattern: character 2: look-ahead"
        ),
        (
            "http_check", #"{"url":"http://a/","content_match":"S3cr3t("}"#,
            "content_match is no pattern: character 7: a ( without a )"
        ),
        ("http_check", #"{"url":"https://a/","days_critical":-1}"#, "days_critical is not a number of days over 0"),
        ("http_check", #"{"url":"http://a/","method":"trace"}"#, "method is none of get"),
        ("http_check", #"{"url":"http://a/","tls_private_key":"/k"}"#, "tls_private_key needs tls_cert"),
        ("http_check", #"{"url":"http://a/","method":"post","data":[1]}"#, "data is an array, not an object or a text"),
        ("http_check", #"{"url":"http://a/","username":"u","password":"日"}"#, "password has characters beyond Latin-1"),
        ("tcp_check", #"{"host":"a"}"#, "port is missing"), ("tcp_check", #"{"port":1}"#, "host is missing"),
        ("tcp_check", #"{"host":"a","port":0}"#, "port is not a port"),
        ("tcp_check", #"{"host":"a","port":65536}"#, "port is not a port"),
        ("tcp_check", #"{"host":"a","port":"+80"}"#, "port is not a port"),
        ("prometheus", "{}", "prometheus_url is missing"),
        ("tls", "{}", "server is missing"), ("tls", #"{"server":"a:0"}"#, "server has a port that is not from 1 to"),
        ("tls", #"{"server":"S3cr3t@!"}"#, "server has no host's name or address"),
        ("tls", #"{"server":"a","port":"x"}"#, "port is not a port"),
        ("tls", #"{"server":"a","start_tls":"smtp"}"#, "start_tls is neither postgres nor mysql"),
        ("tls", #"{"server":"a","allowed_versions":["SSLv2"]}"#, "allowed_versions has an element"),
        ("tls", #"{"server":"a","allowed_versions":"TLSv1.2"}"#, "allowed_versions is a string, not a list"),
        ("http_check", #"{"url":"http://a/","proxy":{"http":"S3cr3t://p"}}"#, "proxy is not http://HOST:PORT"),
        ("http_check", #"{"url":"http://a/","proxy":{"http://b":"p:1"}}"#, "proxy has another member than"),
        ("http_check", #"{"url":"http://a/","proxy":"p:1"}"#, "proxy is a string, not an object"),
        (
            "http_check", #"{"url":"http://a/","auth_token":{"reader":{"type":"oauth"},"writer":{}}}"#,
            "auth_token is only"
        ),
        ("http_check", #"{"url":"http://a/","auth_token":{"reader":1}}"#, "auth_token needs a reader and a writer"),
        (
            "openmetrics", #"{"openmetrics_endpoint":"http://a/","raw_line_filters":["a("]}"#,
            "raw_line_filters is no pattern: character 2: a ( without a )"
        ),
    ]) func `an error in an instance names the option and the reason`(
        _ check: String, _ instance: String, _ message: String
    ) {
        let error = #expect(throws: CheckOptionError.self) { try self.definition(check, instance) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("S3cr3t") == false)
    }

    @Test(arguments: [
        (#"{"url":"http://a/"}"#, Duration.seconds(15)), (#"{"min_collection_interval":60}"#, .seconds(60)),
        (#"{"min_collection_interval":"0.5"}"#, .milliseconds(500)), (#"{"min_collection_interval":0}"#, .seconds(15)),
        ("not json", .seconds(15)),
    ]) func `the interval is fifteen seconds unless the instance sets it`(_ instance: String, _ interval: Duration) {
        #expect(CheckDefinition.interval(ofInstance: Array(instance.utf8)) == interval)
    }

    @Test func `the older spelling of a Prometheus check's options is read`() throws {
        let instance =
            #"{"prometheus_url":"https://a/","prometheus_timeout":3,"ssl_verify":"no","ssl_cert":"/c","ssl_private_key":"/k"}"#
        let check = try definition("prometheus", instance)
        guard case .prometheus(let page) = check.work else { return }
        #expect(page.request.trust == CheckTrust(verifies: false, certificateFile: "/c", keyFile: "/k"))
        #expect(check.timeout == .seconds(3))
        let off = try definition("prometheus", #"{"prometheus_url":"https://a/","ssl_ca_cert":false}"#)
        guard case .prometheus(let unverified) = off.work else { return }
        #expect(unverified.request.trust == CheckTrust(verifies: false))
    }
}

extension HTTPCheck {
    /// What `username` alone, which is followed, makes of it: nothing.
    fileprivate func withOption(_ option: String) -> HTTPCheck {
        var check = self
        if option.contains("disable_ssl_validation") { check.request.trust.verifies = true }
        return check
    }
}
