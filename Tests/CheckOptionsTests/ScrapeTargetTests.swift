import JSON
import Platform
import Testing

@testable import CheckOptions

/// What a Prometheus is told of an instance.
@Suite struct ScrapeTargetTests {
    private static func target(
        _ instance: String, _ initConfig: String = "", check: String = "openmetrics"
    ) throws(CheckOptionError) -> ScrapeTarget {
        try ScrapeTarget(check, instance: Array(instance.utf8), initConfig: Array(initConfig.utf8), checkID: "id")
    }

    /// An instance, its address, and its labels but for the path and the scheme where they are the usual ones.
    static let told: [(String, String, [ExactText: ExactText])] = [
        (#"{"openmetrics_endpoint":"http://a:9100/metrics"}"#, "a:9100", [:]),
        (#"{"prometheus_url":"http://a:9100/metrics"}"#, "a:9100", [:]),
        (#"{"openmetrics_endpoint":"https://a.b/metrics"}"#, "a.b:443", ["__scheme__": "https"]),
        (#"{"openmetrics_endpoint":"http://[::1]"}"#, "[::1]:80", ["__metrics_path__": "/", "instance": "[::1]:80/"]),
        (
            #"{"openmetrics_endpoint":"http://[fe80::1]:8080/x#y"}"#, "[fe80::1]:8080",
            ["__metrics_path__": "/x", "instance": "[fe80::1]:8080/x"]
        ),
        (
            #"{"openmetrics_endpoint":"http://a:1?b=c&d=e%26f+g"}"#, "a:1",
            ["__metrics_path__": "/", "__param_b": "c", "__param_d": "e&f g", "instance": "a:1/?HASH"]
        ),
        (
            #"{"openmetrics_endpoint":"http://a:1/metrics","min_collection_interval":60}"#, "a:1",
            ["__scrape_interval__": "60s", "__scrape_timeout__": "10s"]
        ),
        (
            #"{"openmetrics_endpoint":"http://a:1/metrics","min_collection_interval":5}"#, "a:1",
            ["__scrape_interval__": "5s", "__scrape_timeout__": "5s"]
        ),
        (
            #"{"openmetrics_endpoint":"http://a:1/metrics","timeout":2.5}"#, "a:1",
            ["__scrape_interval__": "15s", "__scrape_timeout__": "2500ms"]
        ),
        (
            #"{"openmetrics_endpoint":"http://a:1/metrics","tags":["env:prod","team","b-c.d:1","b_c.d:0","__address__:x","9:1","e:","job:j:k","instance:i"]}"#,
            "a:1", ["env": "prod", "b_c_d": "0,1", "exported_job": "j:k", "exported_instance": "i"]
        ),
        // What chooses and names metrics, what Prometheus does anyhow, and what asks for nothing.
        (
            #"{"openmetrics_endpoint":"http://a:1/metrics","metrics":[".*"],"namespace":"n","tls_verify":true,"use_latest_spec":true,"allow_redirects":true,"headers":{},"kerberos_auth":"disabled","unknown":1}"#,
            "a:1", [:]
        ),
    ]

    @Test(arguments: told) func `labels say how an instance is scraped`(
        instance: String, address: String, labels: [ExactText: ExactText]
    ) throws {
        let target = try Self.target(instance)
        var expected: [ExactText: ExactText] = [
            "__scheme__": "http", "__metrics_path__": "/metrics", "__meta_cluster_agent_check_id": "id",
            "instance": ExactText(address),
        ]
        expected.merge(labels) { $1 }
        var told = target.labels
        if let hash = told["instance"]?.text.split(separator: "?").dropFirst().first {
            told["instance"] = ExactText((told["instance"]?.text ?? "").replacing(hash, with: "HASH"))
            #expect(!hash.isEmpty && hash.allSatisfy(\.isHexDigit))
        }
        #expect(target.address == address)
        #expect(told == expected)
        let group = try JSONValue(parsing: target.encoded)
        #expect(group["targets"] == .array([.string(address)]))
        #expect(group["labels"]?.objectValue?.count == expected.count)
    }

    @Test func `two pages of one server have labels of their own, without their parameters' values`() throws {
        let urls = ["/metrics/1", "/metrics/2", "/metrics", "/metrics?token=a", "/metrics?token=b"]
        let instances = try urls.map {
            try Self.target(#"{"openmetrics_endpoint":"http://a:1\#($0)"}"#).labels["instance"]?.text ?? ""
        }
        #expect(Set(instances).count == urls.count)
        #expect(instances.allSatisfy { !$0.contains("token") })
    }

    @Test func `the limit of init_config counts`() throws {
        let target = try Self.target(#"{"openmetrics_endpoint":"http://a:1/metrics"}"#, #"{"timeout":3}"#)
        #expect(target.labels["__scrape_timeout__"] == "3s")
        #expect(target.labels["__scrape_interval__"] == "15s")
    }

    static let unsayable: [(String, String)] = [
        (#""min_collection_interval":0.5"#, "no Prometheus is asked to scrape more than once a second"),
        (#""headers":{"X-A":"b"}"#, "no label of a Prometheus can say header fields"),
        (#""username":"u","password":"p""#, "no label of a Prometheus can say header fields"),
        (#""username":"u","password":"p","auth_type":"digest""#, "no label of a Prometheus can say credentials"),
        (#""tls_verify":false"#, "no label of a Prometheus can say TLS options"),
        (#""tls_ca_cert":"/ca.pem""#, "no label of a Prometheus can say TLS options"),
        (#""proxy":{"http":"http://p:1"}"#, "no label of a Prometheus can say a proxy"),
        (#""allow_redirects":false"#, "no label of a Prometheus can say allow_redirects"),
        (#""connect_timeout":1"#, "no label of a Prometheus can say connect_timeout"),
        (#""read_timeout":1"#, "no label of a Prometheus can say read_timeout"),
        (#""raw_line_filters":["x"]"#, "no label of a Prometheus can say raw_line_filters"),
        (#""tags":["a:ENC[b]"]"#, "it has a secret, ENC[…], which only an agent resolves"),
        (#""kerberos_auth":"required""#, "kerberos_auth is not supported by this agent"),
        (
            #""auth_token":{"reader":{"type":"file","path":"/x"},"writer":{"type":"header","name":"A"}}"#,
            "auth_token and bearer_token_auth send a file of this agent, and are only followed in a config file"
        ),
    ]

    @Test(arguments: unsayable) func `what labels cannot say is refused with the option`(
        options: String, reason: String
    ) {
        let instance = #"{"openmetrics_endpoint":"http://a:1/metrics",\#(options)}"#
        #expect(throws: CheckOptionError.self) { try Self.target(instance) }
        do { _ = try Self.target(instance) } catch { #expect(error.description == reason) }
    }

    @Test(arguments: [
        "http://u:p@a:1/metrics", "http://a:1/metrics%20x", "http://a:1/m?a", "http://a:1/m?match[]=x",
        "http://a:1/m?a=", "http://a:1/m?a=b;c=d", "http://127.1/m", "http://2130706433/m", "http://0x7f.0.0.1/m",
        "http://0177.0.0.1/m", "http://%6cocalhost/m", "http://ⓛocalhost/m", "http://::1:9/m", "http://a:1/m?a=1&a=2",
        "http://a:1/m?a=%zz", "ftp://a/m", "http://a:0/m", "http://",
    ])
    func `a URL that labels cannot say is refused`(url: String) {
        #expect(throws: CheckOptionError.self) { try Self.target(#"{"openmetrics_endpoint":"\#(url)"}"#) }
    }

    @Test func `another check is refused`() {
        #expect(throws: CheckOptionError("no Prometheus runs http_check", .unsupported)) {
            try Self.target(#"{"url":"http://a"}"#, check: "http_check")
        }
    }
}
