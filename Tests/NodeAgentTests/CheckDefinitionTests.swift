import Platform
import Testing

@testable import NodeAgent

@Suite struct CheckDefinitionTests {
    private func definition(_ check: String, _ instance: String) throws(CheckFailure) -> CheckDefinition {
        try CheckDefinition(AssignedInstance(id: "x", checkName: check, instance: Array(instance.utf8)))
    }

    @Test func `an http_check needs only a URL`() throws {
        let check = try definition("http_check", #"{"url":"http://10.96.0.20:80/health","name":"web","tags":["a:b"]}"#)
        let expected = HTTPCheck(
            url: "http://10.96.0.20:80/health", method: "GET", headers: [], statuses: .standard, contentMatch: nil,
            followsRedirects: true, trust: CheckTrust())
        #expect(check.work == .http(expected))
        #expect(check.timeout == .seconds(10))
    }

    @Test func `the options of an http_check are read`() throws {
        let check = try definition(
            "http_check",
            #"""
            {"url":"https://shop/","method":"head","timeout":"1.5","headers":{"B":"2","A":1},"tls_verify":"false",
             "tls_ca_cert":"/ca.pem","allow_redirects":false,"http_response_status_code":"200,3xx","content_match":"v1\\.2"}
            """#)
        guard case .http(let http) = check.work else {
            Issue.record("not an http_check")
            return
        }
        #expect(http.method == "HEAD")
        #expect(http.headers == [CheckHeader(name: "A", value: "1"), CheckHeader(name: "B", value: "2")])
        #expect(http.trust == CheckTrust(verifies: false, caFile: "/ca.pem"))
        #expect(!http.followsRedirects)
        #expect(http.contentMatch?.bytes == Array("v1.2".utf8))
        #expect(check.timeout == .milliseconds(1500))
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
        let expected = PrometheusCheck(url: "http://10.0.0.1/metrics", headers: [], trust: CheckTrust())
        #expect(check.work == .prometheus(expected))
    }

    @Test func `secrets in an instance are left as they are`() throws {
        let check = try definition("http_check", #"{"url":"http://a/","headers":{"X-Key":"ENC[k8s_secret@a/b/c]"}}"#)
        guard case .http(let http) = check.work else { return }
        #expect(http.headers == [CheckHeader(name: "X-Key", value: "ENC[k8s_secret@a/b/c]")])
    }

    @Test(arguments: [
        ("redisdb", "{}", "no check redisdb; this agent runs http_check, openmetrics, prometheus, tcp_check"),
        ("http_check", "url: http://a/\n", "this agent does not read YAML"),
        ("http_check", "", "the instance is not JSON"), ("http_check", "[]", "the instance is an array, not an object"),
        ("http_check", "{}", "url is missing or empty"), ("http_check", #"{"url":""}"#, "url is missing or empty"),
        ("http_check", #"{"url":"ftp://a/"}"#, "url starts with neither"),
        ("http_check", #"{"url":["a"]}"#, "url is an array"),
        ("http_check", #"{"url":"http://a/","timeout":0}"#, "timeout is not a number"),
        ("http_check", #"{"url":"http://a/","timeout":601}"#, "timeout is not a number"),
        ("http_check", #"{"url":"http://a/","timeout":"soon"}"#, "timeout is not a number"),
        ("http_check", #"{"url":"http://a/","timeout":"nan"}"#, "timeout is not a number"),
        ("http_check", #"{"url":"http://a/","min_collection_interval":-1}"#, "min_collection_interval is not a number"),
        ("tcp_check", #"{"host":"dd:S3cr3t@db","port":1}"#, "host is neither the name nor the address of a host"),
        ("http_check", #"{"url":"http://a/","tls_verify":"maybe"}"#, "tls_verify is neither true nor false"),
        ("http_check", #"{"url":"http://a/","headers":["A: b"]}"#, "headers is an array"),
        ("http_check", #"{"url":"http://a/","headers":{"A":{}}}"#, "headers.A is an object"),
        (
            "http_check", #"{"url":"http://a/","http_response_status_code":"2.."}"#,
            "http_response_status_code is not supported"
        ),
        ("http_check", #"{"url":"http://a/","content_match":"a.b"}"#, "content_match contains ."),
        ("http_check", #"{"url":"http://a/","content_match":"\\d"}"#, "content_match contains \\d"),
        ("http_check", #"{"url":"http://a/","reverse_content_match":true}"#, "reverse_content_match is not supported"),
        ("http_check", #"{"url":"http://a/","password":"x"}"#, "password is not supported"),
        ("tcp_check", #"{"host":"a"}"#, "port is missing"), ("tcp_check", #"{"port":1}"#, "host is missing"),
        ("tcp_check", #"{"host":"a","port":0}"#, "port is not a port"),
        ("tcp_check", #"{"host":"a","port":65536}"#, "port is not a port"),
        ("prometheus", "{}", "prometheus_url is missing"),
    ]) func `an error in an instance names the option and the reason`(
        _ check: String, _ instance: String, _ message: String
    ) {
        let failure = #expect(throws: CheckFailure.self) { try self.definition(check, instance) }
        #expect(failure?.kind == .config)
        #expect(failure?.message.contains(message) == true, "\(failure?.message ?? "")")
    }

    @Test(arguments: [
        (#"{"url":"http://a/"}"#, Duration.seconds(15)), (#"{"min_collection_interval":60}"#, .seconds(60)),
        (#"{"min_collection_interval":"0.5"}"#, .milliseconds(500)), (#"{"min_collection_interval":0}"#, .seconds(15)),
        ("not json", .seconds(15)),
    ]) func `the interval is fifteen seconds unless the instance sets it`(_ instance: String, _ interval: Duration) {
        let assigned = AssignedInstance(id: "x", checkName: "http_check", instance: Array(instance.utf8))
        #expect(CheckDefinition.interval(of: assigned) == interval)
    }

    @Test(arguments: [
        (#"(1|2|3)\d\d"#, [100, 200, 301, 399], [400, 500, 99]), ("200", [200], [201, 100]),
        ("2xx", [200, 299], [300, 199]), ("200, 204,5XX", [200, 204, 503], [201, 400]),
        (#"2\d\d"#, [250], [350]), (#"(4|5)xx"#, [404, 500], [200]),
    ]) func `status patterns match exactly what they say`(_ text: String, _ accepted: [Int], _ refused: [Int]) throws {
        let pattern = try #require(StatusPattern(text))
        #expect(accepted.allSatisfy(pattern.accepts))
        #expect(!refused.contains(where: pattern.accepts))
    }

    @Test(arguments: [
        "", "20", "2000", "2x", "xxx", "0xx", "(1|2", "(12)xx", "(1||2)xx", "200,", "200-299", "²00", "+20",
    ])
    func `other status patterns are refused`(_ text: String) {
        #expect(StatusPattern(text) == nil)
    }

    @Test(arguments: [
        ("ok", "all ok here", true), ("ok", "o k", false), ("a\\.b", "xa.b", true), ("", "", true),
        ("long", "lon", false),
        ("\\(x\\)", "f(x)", true), ("end", "the end", true),
    ]) func `plain patterns match anywhere`(_ pattern: String, _ body: String, _ found: Bool) throws {
        #expect(try PlainPattern(pattern).isFound(in: Array(body.utf8)) == found)
    }
}
