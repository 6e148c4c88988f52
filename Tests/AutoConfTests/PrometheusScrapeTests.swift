import CheckModel
import JSON
import Kubernetes
import Platform
import TestKit
import Testing

@testable import AutoConf

/// `openmetrics` checks by `prometheus.io/…` annotations.
@Suite struct PrometheusScrapeTests {
    private static func fixture(
        _ version: PrometheusScrape.Version = .two, endpoints: Bool = false, checks: String = "",
        watchesEndpoints: Bool = true, environment: [String: String] = [:]
    ) throws -> Fixture {
        var options = AutoConfOptions(watchesServices: true, watchesEndpoints: watchesEndpoints)
        options.prometheusScrape = try PrometheusScrape(version: version, checksEndpoints: endpoints, checks: checks)
        return Fixture(options, environment: environment)
    }

    private static func scraped(
        _ values: [String: String] = [:], clusterIP: String = "10.96.0.20", more: [String: String] = [:],
        ports: [Service.Port] = [.init(name: "metrics", port: 9102), .init(name: "http", port: 80)]
    ) -> Service {
        let scrape = values.merging(["scrape": "true"]) { given, _ in given }
        return service(
            annotations("prometheus.io/", scrape).merging(more) { $1 }, clusterIP: clusterIP, ports: ports)
    }

    private static func urls(_ fixture: Fixture, _ key: String = "openmetrics_endpoint") -> [String] {
        fixture.configs.flatMap(\.instances).compactMap { $0[key]?.stringValue }
    }

    static let versions: [(PrometheusScrape.Version, String)] = [
        (
            .one,
            #"{"metrics":["*"],"namespace":"","prometheus_url":"http://10.96.0.20:9102/metrics","tags":["env:prod","kube_namespace:shop","kube_service:web"]}"#
        ),
        (
            .two,
            #"{"metrics":[".*"],"namespace":"","openmetrics_endpoint":"http://10.96.0.20:9102/metrics","tags":["env:prod","kube_namespace:shop","kube_service:web"]}"#
        ),
    ]

    @Test(arguments: versions)
    func `an annotated Service is an openmetrics check, as upstream makes it`(
        version: PrometheusScrape.Version, instance: String
    ) throws {
        let fixture = try Self.fixture(version)
        var service = Self.scraped()
        service.metadata.labels = ["tags.datadoghq.com/env": "prod"]
        fixture.autoConf.handle(.replaced([service]))
        let config = try #require(fixture.configs.first)
        #expect(texts(config.instances) == [instance])
        #expect(config.checkName == "openmetrics" && config.initConfig == .object([:]) && config.clusterCheck)
        #expect(config.provider == "prometheus-services")
        #expect(config.source == "prometheus_services:kube_service://shop/web")
        #expect(config.serviceID == "kube_service://shop/web" && config.nodeName.isEmpty)
        #expect(fixture.configs.count == 1 && fixture.problems.isEmpty)
    }

    static let addresses: [(annotations: [String: String], clusterIP: String, url: String)] = [
        (["port": "8080"], "10.96.0.20", "http://10.96.0.20:8080/metrics"),
        (["port": "65535", "scheme": "https", "path": "/a/b"], "10.96.0.20", "https://10.96.0.20:65535/a/b"),
        (["port": "1", "scheme": "http"], "10.96.0.20", "http://10.96.0.20:1/metrics"),
        (["port": "", "path": "", "scheme": ""], "10.96.0.20", "http://10.96.0.20:9102/metrics"),
        (["path": "probe"], "10.96.0.20", "http://10.96.0.20:9102/probe"),
        (["path": "/"], "fd00::20", "http://[fd00::20]:9102/"),
        (["path": "/a%20b;c=1:2@x"], "fd00::20", "http://[fd00::20]:9102/a%20b;c=1:2@x"),
        (
            ["param_module": "http 2xx", "param_b": "", "param_a[]": "x&y=z%%port%%#é"], "10.96.0.20",
            "http://10.96.0.20:9102/metrics?a%5B%5D=x%26y%3Dz%25%25port%25%25%23%C3%A9&b=&module=http%202xx"
        ),
        (["path": "/probe?x=1", "param_target": "a"], "10.96.0.20", "http://10.96.0.20:9102/probe?x=1&target=a"),
        (["scrape_timeout": "10s", "paramx": "y"], "10.96.0.20", "http://10.96.0.20:9102/metrics"),
    ]

    @Test(arguments: addresses)
    func `annotations say where the page is`(annotations: [String: String], clusterIP: String, url: String) throws {
        let fixture = try Self.fixture()
        fixture.autoConf.handle(.replaced([Self.scraped(annotations, clusterIP: clusterIP)]))
        #expect(Self.urls(fixture) == [url] && fixture.problems.isEmpty, "\(fixture.problems)")
    }

    static let wrong: [(name: String, values: [String], reason: String)] = [
        (
            "port",
            [
                "0", "65536", "-1", "+80", "80 ", "http", "%%port%%", "8080/x", "٨٠", "99999999999999999999",
                "80\u{301}",
            ],
            "prometheus.io/port is not a number from 1 to 65535"
        ),
        (
            "scheme", ["HTTP", "ftp", "https://evil", "http:", "%%env_SECRET%%", "http\n"],
            "prometheus.io/scheme is neither http nor https"
        ),
        (
            "path",
            [
                "/a b", "/a#b", "/a\nb", "/%%env_SECRET%%", "/%", "/%4", "/%zz", "/é", "/a\"b", "/a\\b", "/[x]",
                "/\u{0}",
            ],
            "prometheus.io/path has a character that a path has only percent-encoded, at byte "
        ),
        ("param_", ["x"], "prometheus.io/param_ names no parameter"),
    ]

    @Test(arguments: wrong)
    func `an annotation that cannot be used is one problem, and nothing else is hurt`(
        name: String, values: [String], reason: String
    ) throws {
        for value in values {
            let fixture = try Self.fixture(environment: ["SECRET": "s3cr3t"])
            let other = #"{"http_check":{"instances":[{"url":"http://%%host%%"}]}}"#
            fixture.autoConf.handle(
                .replaced([
                    Self.scraped([name: value], more: ["ad.datadoghq.com/service.checks": other]),
                    service(["prometheus.io/scrape": "true"], name: "well"),
                ]))
            let found = fixture.autoConf.problems
            #expect(found.count == 1 && found[0].severity == .error, "\(value.debugDescription): \(fixture.problems)")
            #expect(found.first?.object == "kube_service://shop/web")
            #expect(found.first?.reason.hasPrefix(reason) == true, "\(fixture.problems)")
            #expect(
                fixture.keys == [
                    "kube_service://shop/web#http_check#0", "kube_service://shop/well#openmetrics#openmetrics#0",
                ])
            #expect(fixture.changes.take().map { $0.object?.name } == ["web"], "Events are about that Service")
        }
    }

    @Test func `where a character is wrong is told`() throws {
        let fixture = try Self.fixture()
        fixture.autoConf.handle(.replaced([Self.scraped(["path": "/ab c"])]))
        #expect(fixture.autoConf.problems.map(\.reason).first?.hasSuffix("at byte 4") == true, "\(fixture.problems)")
    }

    static let selections: [(annotations: [String: String], isChecked: Bool)] = [
        (["prometheus.io/scrape": "true"], true), (["prometheus.io/scrape": "True"], false),
        (["prometheus.io/scrape": "false"], false), (["prometheus.io/scrape": ""], false),
        (["prometheus.io/port": "80"], false), ([:], false),
    ]

    @Test(arguments: selections)
    func `only a Service that wants it is checked`(annotations: [String: String], isChecked: Bool) throws {
        let fixture = try Self.fixture()
        fixture.autoConf.handle(.replaced([service(annotations)]))
        #expect(fixture.configs.count == (isChecked ? 1 : 0) && fixture.problems.isEmpty)
    }

    @Test func `without the option nothing comes of the annotations`() {
        let fixture = Fixture(AutoConfOptions(watchesServices: true, watchesEndpoints: true))
        fixture.autoConf.handle(.replaced([Self.scraped(["port": "x"])]))
        #expect(fixture.configs.isEmpty && fixture.problems.isEmpty)
    }

    @Test func `a headless Service is passed over, and one without an address is told`() throws {
        let fixture = try Self.fixture()
        fixture.autoConf.handle(.replaced([Self.scraped(["port": "x"], clusterIP: "None")]))
        #expect(fixture.configs.isEmpty && fixture.problems.isEmpty)
        fixture.autoConf.handle(.applied(Self.scraped(clusterIP: "")))
        #expect(
            fixture.autoConf.problems.map(\.reason) == [
                "prometheus.io: openmetrics[0] is not scheduled: %%host%%: the Service has no cluster IP"
            ])
        fixture.autoConf.handle(.applied(Self.scraped(ports: [])))
        #expect(
            fixture.autoConf.problems.map(\.reason) == [
                "prometheus.io: openmetrics[0] is not scheduled: %%port%%: the Service has no ports"
            ])
    }

    static let edits: [[String: String]] = [
        ["scheme": "https"], ["port": "81"], ["path": "/m"], ["param_x": "1"],
    ]

    @Test(arguments: edits)
    func `an edit of one annotation is an edit of the same config`(edit: [String: String]) throws {
        for endpoints in [false, true] {
            let fixture = try Self.fixture(endpoints: endpoints)
            fixture.autoConf.handle(.replaced([Self.scraped()]))
            fixture.autoConf.handle(.replaced([slice([endpoint("10.1.0.1")])]))
            let before = try #require(fixture.configs.first)
            fixture.autoConf.handle(.applied(Self.scraped(edit)))
            let after = try #require(fixture.configs.first)
            #expect(fixture.configs.count == 1 && before.key == after.key && before.digest != after.digest)
        }
    }

    @Test func `a Service may have checks by both kinds of annotations, even of the same name`() throws {
        let fixture = try Self.fixture()
        let own =
            #"{"openmetrics":{"instances":[{"openmetrics_endpoint":"http://%%host%%:1/"}]},"x":{"name":"openmetrics","instances":[{"openmetrics_endpoint":"http://%%host%%:2/"}]}}"#
        fixture.autoConf.handle(.replaced([Self.scraped(more: ["ad.datadoghq.com/service.checks": own])]))
        #expect(
            fixture.keys == [
                "kube_service://shop/web#openmetrics#0", "kube_service://shop/web#openmetrics#openmetrics#0",
                "kube_service://shop/web#openmetrics#x#0",
            ])
        #expect(
            Self.urls(fixture) == ["http://10.96.0.20:1/", "http://10.96.0.20:9102/metrics", "http://10.96.0.20:2/"])
        #expect(Set(texts: fixture.configs.map(\.provider)) == ["kubernetes-services", "prometheus-services"])
        // Each goes by itself.
        fixture.autoConf.handle(.applied(service(["checks": own])))
        #expect(fixture.configs.map(\.provider) == ["kubernetes-services", "kubernetes-services"])
        fixture.autoConf.handle(.applied(Self.scraped()))
        #expect(fixture.configs.map(\.provider) == ["prometheus-services"])
        fixture.autoConf.handle(.deleted(Self.scraped()))
        #expect(fixture.configs.isEmpty)
    }

    @Test func `where checks run is said as for the others`() throws {
        let fixture = try Self.fixture()
        fixture.autoConf.handle(
            .replaced([Self.scraped(more: ["ad.datadoghq.com/service.placement": #"{"handover":"exclusive"}"#])]))
        #expect(fixture.configs.map(\.handOver) == [.exclusive] && fixture.problems.isEmpty)
    }
}

// Endpoints instead of Services.
extension PrometheusScrapeTests {
    @Test func `each ready endpoint is checked on the node of its Pod`() throws {
        let fixture = try Self.fixture(endpoints: true)
        fixture.autoConf.handle(.replaced([Self.scraped(["path": "/m"], clusterIP: "None")]))
        #expect(fixture.configs.isEmpty)
        fixture.autoConf.handle(
            .replaced([
                slice([
                    endpoint("10.1.0.1"), endpoint("fd00::2", pod: "p2", node: "node-2"),
                    endpoint("10.1.0.9", pod: nil),
                    endpoint("10.1.0.3", isReady: false),
                ])
            ]))
        #expect(Self.urls(fixture) == ["http://10.1.0.1:9102/m", "http://10.1.0.9:9102/m", "http://[fd00::2]:9102/m"])
        #expect(fixture.configs.map(\.nodeName) == ["node-1", "", "node-2"])
        let config = try #require(fixture.configs.first)
        #expect(config.serviceID == "kube_endpoint_uid://shop/web/10.1.0.1")
        #expect(config.source == "prometheus_services:kube_endpoint_uid://shop/web/10.1.0.1")
        #expect(config.adIdentifiers == ["kube_endpoint_uid://shop/web/10.1.0.1", "kubernetes_pod://p1"])
        #expect(config.provider == "prometheus-services-endpointslices" && fixture.problems.isEmpty)
        let tags = config.instances[0]["tags"].flatMap(Tags.texts)
        #expect(tags == ["kube_endpoint_ip:10.1.0.1", "kube_namespace:shop", "kube_service:web"])
        // Endpoints come and go without their Service.
        fixture.autoConf.handle(.applied(slice([endpoint("10.1.0.7")])))
        #expect(Self.urls(fixture) == ["http://10.1.0.7:9102/m"])
        fixture.autoConf.handle(.applied(service()))
        #expect(fixture.configs.isEmpty && fixture.problems.isEmpty)
    }

    @Test func `endpoints may be checked by any agent`() throws {
        let fixture = try Self.fixture(endpoints: true)
        fixture.autoConf.handle(.replaced([Self.scraped(more: ["ad.datadoghq.com/endpoints.resolve": "ip"])]))
        fixture.autoConf.handle(.replaced([slice([endpoint("10.1.0.1")], name: "web")]))
        #expect(fixture.configs.map(\.nodeName) == [""] && fixture.configs.map(\.provider) == ["prometheus-services"])
        #expect(fixture.problems.isEmpty)
    }

    @Test func `without a watch of endpoints that is told`() throws {
        let fixture = try Self.fixture(endpoints: true, watchesEndpoints: false)
        fixture.autoConf.handle(.replaced([Self.scraped()]))
        #expect(
            fixture.problems == [
                "kube_service://shop/web: endpoints are not watched, so its prometheus.io/ annotations are not used"
            ])
    }
}

// `prometheus_scrape.checks`.
extension PrometheusScrapeTests {
    @Test func `rules say which Services are checked and how`() throws {
        let checks = """
            - autodiscovery:
                kubernetes_annotations:
                  include: {example.com/metrics: yes, example.com/tier: "1"}
                  exclude: {example.com/skip: "true"}
              configurations:
              - {namespace: shop, timeout: 20, metrics: [{a: b}]}
              - {prometheus_url: "http://%%host%%:%%port_http%%/old", empty_default_hostname: true}
            - {}
            """
        let scrape = try PrometheusScrape(version: .two, checks: checks)
        #expect(
            scrape.annotationPrefixes == [
                "prometheus.io/", "example.com/metrics", "example.com/skip", "example.com/tier",
            ])
        let fixture = try Self.fixture(checks: checks)
        fixture.autoConf.handle(
            .replaced([
                service(["example.com/metrics": "true"], name: "a"), service(["example.com/tier": "1"], name: "b"),
                service(["example.com/tier": "1", "example.com/skip": "true"], name: "c"),
                service(["prometheus.io/scrape": "true", "example.com/tier": "1"], name: "d"),
                service(["example.com/tier": "2"], name: "e"),
            ]))
        #expect(
            fixture.keys == [
                "kube_service://shop/a#openmetrics#openmetrics#0", "kube_service://shop/b#openmetrics#openmetrics#0",
                "kube_service://shop/d#openmetrics#openmetrics#0", "kube_service://shop/d#openmetrics#openmetrics#1",
            ])
        let tags = #""tags":["kube_namespace:shop","kube_service:a"]"#
        #expect(
            texts(fixture.configs[0].instances) == [
                #"{"metrics":[{"a":"b"}],"namespace":"shop","openmetrics_endpoint":"http://10.96.0.20:9102/metrics",\#(tags),"timeout":20}"#,
                #"{"empty_default_hostname":true,"metrics":[".*"],"namespace":"","prometheus_url":"http://10.96.0.20:80/old",\#(tags)}"#,
            ])
        #expect(fixture.problems.isEmpty)
    }

    @Test func `annotations that no instance needs are not looked at`() throws {
        let fixture = try Self.fixture(checks: #"[{"configurations":[{"openmetrics_endpoint":"http://%%host%%:1/"}]}]"#)
        fixture.autoConf.handle(.replaced([Self.scraped(["port": "x"])]))
        #expect(Self.urls(fixture) == ["http://10.96.0.20:1/"] && fixture.problems.isEmpty)
    }

    @Test(arguments: ["", " \n", "[]"])
    func `no rules are the default`(checks: String) throws {
        #expect(try PrometheusScrape(checks: checks) == PrometheusScrape())
        #expect(try PrometheusScrape(checks: checks).annotationPrefixes == ["prometheus.io/"])
    }

    static let refused: [(checks: String, reason: String)] = [
        ("{", "line 1"), ("{}", "an object, not a list"), ("[1]", "[0]: a number, not an object"),
        (
            #"[{"autodiscovery":{"kubernetes_container_names":["x"]}}]"#,
            "[0].autodiscovery.kubernetes_container_names chooses containers of Pods, which are not checked by annotations here"
        ),
        (#"[{},{"instances":[]}]"#, "[1]: unknown key instances"),
        (#"[{"autodiscovery":{"labels":{}}}]"#, "[0].autodiscovery: unknown key labels"),
        (
            #"[{"autodiscovery":{"kubernetes_annotations":{"includes":{}}}}]"#,
            "[0].autodiscovery.kubernetes_annotations: unknown key includes"
        ),
        (
            #"[{"autodiscovery":{"kubernetes_annotations":{"include":{}}}}]"#,
            "[0].autodiscovery.kubernetes_annotations.include is empty: it selects nothing"
        ),
        (
            #"[{"autodiscovery":{"kubernetes_annotations":{"exclude":{"a":["s3cr3t"]}}}}]"#,
            "[0].autodiscovery.kubernetes_annotations.exclude.a is an array, not a string"
        ),
        (#"[{"configurations":{}}]"#, "[0]: configurations is an object, not a list"),
        (#"[{"configurations":[{},"s3cr3t"]}]"#, "[0].configurations[1] is a string, not an object"),
    ]

    @Test(arguments: refused)
    func `a rule that cannot be followed as a whole is refused`(checks: String, reason: String) {
        let error = #expect(throws: AutoConfError.self) { try PrometheusScrape(checks: checks) }
        #expect(error?.description.hasPrefix(reason) == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("s3cr3t") == false)
    }
}
