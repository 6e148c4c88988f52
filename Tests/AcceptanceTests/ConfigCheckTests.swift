import Glibc
import JSON
import Platform
import TestKit
import TestSupport
import Testing
import YAML

/// `configcheck` as a process, without a cluster.
@Suite(.timeLimit(.minutes(2))) struct ConfigCheckTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private static let service = """
        apiVersion: v1
        kind: Service
        metadata:
          name: web
          namespace: shop
          annotations:
            ad.datadoghq.com/service.checks: |
              http_check:
                instances:
                - {name: web, url: "http://%%host%%:%%port%%/"}
            ad.datadoghq.com/endpoints.checks: |
              openmetrics:
                instances:
                - {openmetrics_endpoint: "http://%%host%%:%%port%%/metrics", namespace: shop, metrics: [.*]}
        spec:
          selector: {app: web}
          ports: [{name: http, port: 80, targetPort: 8080}]
        """
    private static let slice = """
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata:
          name: web-x2x4z
          namespace: shop
          labels: {kubernetes.io/service-name: web}
        addressType: IPv4
        endpoints:
        - addresses: [127.96.1.7]
          nodeName: node-1
          targetRef: {kind: Pod, name: web-1, namespace: shop, uid: 0b9d0d8e-2ff5-4a0e-a8b1-3f6f5f4b2c11}
        ports: [{name: http, port: 8080}]
        """

    private func run(_ arguments: String..., input: String = "") async throws -> (end: ChildProcess.End, output: String)
    {
        try await directory.runClusterAgent(["configcheck"] + arguments, input: input)
    }

    @Test func `manifests, slices and configs of a stream are read, and what is skipped is told`() async throws {
        let stream = """
            # Source: shop/templates/web.yaml
            ---
            \(Self.service)
            ---
            ---
            \(Self.slice)
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: web-1}
            ---
            apiVersion: serving.knative.dev/v1
            kind: Service
            metadata: {name: other}
            ---
            apiVersion: cluster-agent.dev/v1alpha1
            kind: ClusterCheck
            metadata: {name: partner, namespace: shop}
            spec: {check: tls, paused: no, instances: [{server: partner.example}], paussed: true}
            ---
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicyList
            items: [{metadata: {name: a}}, {metadata: {name: b}}]
            ---
            cluster_check: true
            instances: [{host: db.example, port: 5432}]
            """
        let read = try await run("-", "--check", "tcp_check", input: stream)
        #expect(read.end == .exited(0), "\(read.output)")
        let expected = [
            "Configuration source: kube_services:kube_service://shop/web\n", #""url":"http://192.0.2.1:80/""#,
            #""openmetrics_endpoint":"http://127.96.1.7:8080/metrics""#, "=== tcp_check check ===",
            "note: Service shop/web: 192.0.2.1 stands for the cluster IP that it will get\n",
            "Configuration source: cluster_check://shop/partner\n",
            "warning: cluster_check://shop/partner: spec: unknown key paussed\n",
            "read: 1 config file, 1 ClusterCheck, 1 EndpointSlice, 1 Service (1 annotated)\n",
            "skipped: 2 NetworkPolicies: not a source\n"
                + "skipped: 1 Pod: not a source\nskipped: 1 Service of serving.knative.dev/v1: not a source\n",
            "4 configs, 0 errors, 1 warnings\n",
        ]
        for text in expected { #expect(read.output.contains(text), "\(text) in \(read.output)") }
    }

    @Test func `what the cluster-agent would refuse or pass over is never called good`() async throws {
        let config = "cluster_check: true\ninstances:\n  - name: a\n    url: http://x\n"
        try directory.write("mix/http_check.yaml", config + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\n")
        let mixed = try await run("\(directory.path)/mix")
        #expect(
            mixed.end == .exited(1) && mixed.output.contains("a config must be alone in its file"), "\(mixed.output)")
        // A key `kind` makes no manifest.
        let kind = try directory.write("kind/http_check.yaml", config + "kind: x\n")
        let odd = try await run(kind)
        #expect(
            odd.output.contains("=== http_check check ===") && odd.output.contains("unknown key kind"), "\(odd.output)")
        for (text, expected) in [
            ("{kind: List, items: {a: b}}", "items is an object, not a list"),
            ("{kind: List, apiVersion: v1}", "items is missing"),
            (
                "{apiVersion: v1, kind: Service, metadata: {name: w, annotations: {ad.datadoghq.com/nginx.checks: '{}'}}}",
                "note: Service default/w: annotated, but no annotation of it is about the Service"
            ),
            (
                "{apiVersion: cluster-agent.dev/v1beta1, kind: ClusterCheck, metadata: {name: w}}",
                "skipped: 1 ClusterCheck of cluster-agent.dev/v1beta1: not a source"
            ),
        ] {
            let read = try await run("-", input: text)
            #expect(read.output.contains(expected), "\(read.output)")
        }
        // To find the place of each error takes as long as to read up to there.
        let wrong = try await run("-", input: String(repeating: "--- a: b\n", count: 20_000))
        #expect(
            wrong.output.contains("51 more errors\n") && wrong.output.contains("101 errors"),
            "\(wrong.output.suffix(200))")
    }

    @Test func `a JSON stream of one document, and lists of any kind, are read alike`() async throws {
        let slice = try JSONValue(parsing: String(decoding: try Self.json(Self.slice), as: UTF8.self))
        let service = try JSONValue(parsing: String(decoding: try Self.json(Self.service), as: UTF8.self))
        for kind in ["List", "EndpointSliceList"] {
            let inner = JSONValue.object([
                "kind": .string(kind), "apiVersion": .string(kind == "List" ? "v1" : "discovery.k8s.io/v1"),
                "items": .array([slice]),
            ])
            let list = JSONValue.object(["kind": .string("List"), "items": .array([service, inner])])
            let read = try await run("-", input: String(decoding: list.encoded(), as: UTF8.self))
            #expect(read.end == .exited(0) && read.output.contains("2 configs, 0 errors, 0 warnings"), "\(read.output)")
        }
        let empty = try await run("-", input: #"{"kind":"List","apiVersion":"v1","items":[]}"#)
        #expect(empty.end == .exited(0) && empty.output == "read: nothing\n0 configs, 0 errors, 0 warnings\n")
    }

    private static func json(_ yaml: String) throws -> [UInt8] {
        try JSONValue(yaml: yaml).encoded()
    }

    @Test func `without its endpoints a Service says which checks are not shown`() async throws {
        let read = try await run("-", input: Self.service)
        #expect(read.end == .exited(0) && read.output.contains("1 configs, 0 errors, 0 warnings"), "\(read.output)")
        let note = "note: Service shop/web: no endpoint of it that is ready is in the input"
        #expect(read.output.contains(note), "\(read.output)")
    }

    @Test func `a config without a name is checked, and told how to name it`() async throws {
        let config = "cluster_check: true\ninstances:\n- url: http://shop/\n"
        let read = try await run("-", input: config)
        #expect(read.end == .exited(0), "\(read.output)")
        let warning =
            "warning: file:standard input/unnamed.yaml: a config without a name: its file's name says which check"
        #expect(
            read.output.contains(warning) && read.output.contains("1 configs, 0 errors, 1 warnings"), "\(read.output)")
        let named = try await run("--check=http_check", "-", input: config + "  contentmatch: x\n")
        #expect(named.output.contains("warning: file:standard input/http_check.yaml: http_check: "), "\(named.output)")
    }

    @Test(arguments: [
        ("", "standard input: nothing is in it"), ("# nothing\n---\n", "standard input: nothing is in it"),
        ("- a\n", "standard input: an array, neither a manifest nor the config of a check"),
        ("metadata: {name: a}\n", "standard input: a manifest without a kind"),
        ("a: 1\n---\nb: [c\n---\nkind: Pod\n", "standard input:3:4: "),
        ("kind: Service\nmetadata: {name: 3}\n", "standard input: metadata.name is a number, not a string"),
        ("x: {y: 1}\n---\nkind: Service\nspec: {}\n", "standard input:2: metadata is missing"),
        ("kind: List\nitems: [{metadata: {name: a}}]\n", "standard input: items[0].kind is missing"),
        ("kind: ServiceList\nitems: [a]\n", "standard input: items[0] is a string, not an object"),
        (
            "kind: Service\nmetadata: {name: a, annotations: {ad.datadoghq.com/service.checks: [1]}}\n",
            "standard input: metadata.annotations.ad.datadoghq.com/service.checks is an array, not a string"
        ),
        (#"{"kind": "Service""#, "standard input:1:19: ends where"),
    ])
    func `what cannot be used is an error with its place`(input: String, expected: String) async throws {
        let read = try await run("-", input: input)
        #expect(read.end == .exited(1))
        #expect(read.output.contains("error: \(expected)"), "\(read.output)")
    }

    /// A file names a Service of the input; and no file is silently nothing.
    @Test func `a folder is read as confd_path is, with the manifests in it`() async throws {
        let files = [
            "http_check.d/shop.yaml": "cluster_check: true\ninstances: [{name: shop, url: http://shop/}]\n",
            "http_check.yaml.default": "cluster_check: true\ninstances: [{name: d, url: http://default/}]\n",
            "redisdb.yml":
                "advanced_ad_identifiers:\n- kube_service: {name: web, namespace: shop}\ninstances: [{host: \"%%host%%\"}]\n",
            "kafka.yaml":
                "advanced_ad_identifiers:\n- kube_endpoints: {name: queue, namespace: shop}\ninstances: [{host: \"%%host%%\"}]\n",
            "web.yaml": Self.service, "web.d/slice.yaml": Self.slice, "README.md": "text", "templates/x.yaml": "a: b",
            "broken.yaml": "cluster_check: true\ninstances: {\n", "metrics.yaml": "jmx_metrics: []\n",
        ]
        for (name, text) in files { try directory.write("conf/\(name)", text) }
        let read = try await run("conf/")
        #expect(read.end == .exited(1), "\(read.output)")
        let expected = [
            "Configuration source: file:conf/http_check.d/shop.yaml\n", "Configuration source: file:conf/redisdb.yml\n",
            #"{"host":"192.0.2.1","tags":["kube_namespace:shop","kube_service:web"]}"#,
            "http://127.96.1.7:8080/metrics", "error: file:conf/broken.yaml: line 2, column 12: ",
            "note: conf/http_check.yaml.default: no config comes from it: its check has another file\n",
            "note: conf/kafka.yaml: no config comes from it: the endpoints that it names are not in the input\n",
            "read: 5 config files, 1 EndpointSlice, 1 Service (1 annotated)\n",
            "skipped: conf/README.md: its name ends with neither .yaml, .yml nor .json\n",
            "skipped: conf/metrics.yaml: ignored for its name: in CHECK.d it lists the metrics of a JMX check; the config of a check called metrics is metrics.yml\n",
            "skipped: conf/templates: a directory that is not called CHECK.d; name it to have it read\n",
            "4 configs, 1 errors, 0 warnings\n",
        ]
        for text in expected { #expect(read.output.contains(text), "\(text) in \(read.output)") }
        #expect(!read.output.contains("http://default/"))
    }

    /// Beside configs it is ignored whatever it has, and a manifest may be called so.
    @Test func `a file called metrics_yaml is passed over for its name, and its manifests are read`() async throws {
        let config = "cluster_check: true\ninstances: [{url: http://a/}]\n"
        let path = try directory.write("metrics.yaml", config)
        let ignored = "metrics.yaml: ignored for its name: in CHECK.d it lists the metrics of a JMX check; "
        for operand in [path, "metrics.yaml"] {
            let read = try await run(operand)
            #expect(read.end == .exited(0), "\(read.output)")
            #expect(read.output.contains("skipped: ") && read.output.contains(ignored), "\(read.output)")
            #expect(read.output.contains("read: nothing\n") && !read.output.contains("note: "), "\(read.output)")
        }
        try directory.write("metrics.yml", config)
        let named = try await run("metrics.yml")
        #expect(named.output.contains("=== metrics check ===\n"), "\(named.output)")
        try directory.write("kafka.d/metrics.yaml", "jmx_metrics: []\n")
        let listed = try await run("kafka.d/metrics.yaml")
        #expect(listed.output.contains("write it as jmx_metrics into the config\n"), "\(listed.output)")
        try directory.write("manifests/metrics.yaml", Self.service)
        let manifests = try await run("manifests")
        #expect(manifests.output.contains("read: 1 Service (1 annotated)\n"), "\(manifests.output)")
        #expect(!manifests.output.contains("ignored for its name"), "\(manifests.output)")
    }

    /// To convert a number takes the square of its length.
    @Test func `a number of very many digits is refused with its place, whatever its base`() async throws {
        for (prefix, digit) in [("0x", "f"), ("0", "7"), ("0b", "1"), ("", "9")] {
            let number = prefix + String(repeating: digit, count: 65_000)
            let read = try await run("-", input: "cluster_check: true\ninstances:\n- {url: http://a/, a: \(number)}\n")
            let reason = "standard input:3:23: a number longer than 1000 bytes; quote it if it is text\n"
            #expect(read.end == .exited(1) && read.output.contains("error: \(reason)"), "\(read.output.prefix(300))")
        }
    }

    @Test func `a pipe is no file to check`() async throws {
        let made = unsafe mkfifo("\(directory.path)/http_check.yaml", 0o600)
        try #require(made == 0)
        let read = try await run("http_check.yaml")
        let reason = "error: http_check.yaml: not a regular file; standard input is -\n"
        #expect(read.end == .exited(1) && read.output.contains(reason), "\(read.output)")
    }

    @Test func `files of manifests and of configs are told apart by what is in them, wherever they are`() async throws {
        try directory.write("http_check.d/shop.yaml", "cluster_check: true\ninstances: [{name: a, url: http://a/}]\n")
        try directory.write("service.yaml", Self.service)
        try directory.write("slice.txt", Self.slice)
        let read = try await run("http_check.d/shop.yaml", "service.yaml", "slice.txt", "none.yaml")
        #expect(read.end == .exited(1))
        #expect(read.output.contains("error: none.yaml: No such file or directory\n"), "\(read.output)")
        #expect(read.output.contains("3 configs, 1 errors, 0 warnings\n"), "\(read.output)")
        let other = try directory.write("conf.yaml.example", "cluster_check: true\ninstances: [{}]\n")
        let refused = try await run("conf.yaml.example")
        #expect(refused.end == .exited(1) && other.hasSuffix("conf.yaml.example"))
        let line = "error: conf.yaml.example: not read: the name of a config file ends with .yaml, .yml or .json\n"
        #expect(refused.output.contains(line), "\(refused.output)")
    }

    @Test func `a broken manifest does not take the others of its file`() async throws {
        try directory.write(
            "all.yaml", "\(Self.service)\n---\napiVersion: v1\nkind: Service\n  metadata: {}\n---\n\(Self.slice)\n")
        let read = try await run("all.yaml", "--json")
        #expect(read.end == .exited(1))
        let json = try JSONValue(parsing: read.output)
        #expect(json["configs"]?.arrayValue?.count == 2)
        #expect(json["problems"]?.arrayValue?.count == 1, "\(read.output)")
        #expect(json["read"] == .array([.string("1 EndpointSlice"), .string("1 Service (1 annotated)")]))
        #expect(json["notes"]?.arrayValue?.count == 1)
    }

    @Test func `a Service that is in the input twice is told`() async throws {
        let read = try await run("-", input: "\(Self.service)\n---\n\(Self.service)\n")
        let note = "note: Service shop/web: more than once in the input; the last one counts\n"
        #expect(read.end == .exited(0) && read.output.contains(note), "\(read.output)")
    }

    @Test func `a mistaken command line exits with status 2`() async throws {
        #expect(try await run().end == .exited(2))
        #expect(try await run("-", "--check=a/b", input: "a: b").end == .exited(2))
    }

    /// The README has the files of a folder, each with its path in the first line, and what the command prints of it.
    @Test func `the README's transcript is what the command prints`() async throws {
        let readme = String(decoding: try readFile("\(TestEnvironment.root)/README.md", atMost: 1 << 20), as: UTF8.self)
        let blocks = readme.split(separator: "```").map { $0.drop { $0 != "\n" }.dropFirst() }
        let files = blocks.filter { $0.hasPrefix("# shop/") }
        #expect(files.count == 2)
        for file in files {
            try directory.write(String(file.prefix { $0 != "\n" }.dropFirst(2)), String(file))
        }
        let prompt = "$ cluster-agent configcheck shop\n"
        let transcript = try #require(blocks.first { $0.hasPrefix(prompt) })
        let read = try await run("shop")
        #expect(read.end == .exited(0))
        #expect(read.output == transcript.dropFirst(prompt.count))
    }

    @Test func `configcheck checks files without a cluster`() async throws {
        try directory.write(
            "conf.d/postgres.json",
            #"{"cluster_check": true, "init_config": {}, "instances": [{"host": "127.0.0.1", "password": "s3cr3t"}]}"#)
        let good = try await run("\(directory.path)/conf.d")
        #expect(good.end == .exited(0), "\(good.output)")
        #expect(good.output.contains("1 configs, 0 errors, 0 warnings"))
        #expect(!good.output.contains("s3cr3t"))
        let bad = try directory.write("conf.d/http_check.json", #"{"cluster_check": true, "instances": 3}"#)
        let both = try await run("\(directory.path)/conf.d")
        #expect(both.end == .exited(1))
        #expect(both.output.contains("error: file:\(bad): instances"), "\(both.output)")
        let one = try await run("\(directory.path)/conf.d/postgres.json")
        #expect(one.end == .exited(0), "\(one.output)")
        let half = try await run("\(directory.path)/conf.d/postgres.json", "\(directory.path)/none.json")
        #expect(half.end == .exited(1))
        #expect(half.output.contains("error: \(directory.path)/none.json: No such file or directory"), "\(half.output)")
        #expect(half.output.contains("1 configs, 1 errors, 0 warnings"), "\(half.output)")
    }

    @Test func `an item of a list that is no Service does not affect the others, and no name begins a line`()
        async throws
    {
        let item = { (name: String, checks: String) in
            #"{"kind":"Service","metadata":{"name":"\#(name)","namespace":"shop","annotations":{"ad.datadoghq.com/service.checks":"\#(checks)"}},"spec":{"clusterIP":"127.96.0.9"}}"#
        }
        let list = [
            item("web", #"{\"a\\nerror: forged\\u001b[2J\":{\"instances\":[{}]}}"#),
            #"{"kind":"Service","metadata":{"name":3}}"#,
            item(#"x\nerror: forged"#, #"{\"b\":{}}"#),
        ]
        let read = try await run(
            "-", input: #"{"kind":"List","items":[\#(list.joined(separator: ","))]}"#)
        #expect(read.end == .exited(1))
        #expect(
            read.output.contains("error: standard input: items[1].metadata.name is a number, not a string\n"),
            "\(read.output)")
        #expect(read.output.contains("1 configs, 2 errors, 0 warnings"), "\(read.output)")
        #expect(read.output.contains(#"=== a\u{a}error: forged\u{1b}[2J check ==="#), "\(read.output)")
        #expect(!read.output.contains("\nerror: forged") && !read.output.contains("Kubernetes API"), "\(read.output)")
    }

    @Test func `configcheck says what the reference node-agent will say of a check's options`() async throws {
        let file = try directory.write(
            "conf.d/http_check.json",
            #"{"cluster_check":true,"instances":[{"url":"http://a/","contentmatch":"x"},{"url":"http://a/","ntlm_domain":"d"}]}"#
        )
        let read = try await run(file)
        #expect(read.end == .exited(0), "\(read.output)")
        let place = "warning: file:\(file): http_check: instances"
        let lines = [
            "\(place)[0]: unknown option contentmatch, do you mean content_match?",
            "\(place)[1]: the reference node-agent does not run it: ntlm_domain is not supported by this agent",
        ]
        for line in lines { #expect(read.output.contains(line), "\(read.output)") }
    }

    @Test func `the options of the cluster-agent decide what comes of Prometheus' annotations`() async throws {
        let manifest = """
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: shop, annotations: {prometheus.io/scrape: "true", prometheus.io/port: "81"}}
            spec: {clusterIP: 127.96.0.9, ports: [{port: 80}]}
            """
        let off = try await run("-", input: manifest)
        #expect(
            off.end == .exited(0) && off.output.contains("read: 1 Service (0 annotated)\n0 configs"), "\(off.output)")
        let on = try await run("-", "--prometheus_scrape.enabled", "--prometheus_scrape.version=2", input: manifest)
        #expect(on.end == .exited(0))
        for line in [
            "=== openmetrics check ===", "Configuration provider: prometheus-services",
            "Configuration source: prometheus_services:kube_service://shop/web",
            #""openmetrics_endpoint":"http://127.96.0.9:81/metrics""#, "read: 1 Service (1 annotated)",
            "1 configs, 0 errors, 0 warnings",
        ] { #expect(on.output.contains(line), "\(on.output)") }
        let endpoints = try await run(
            "-", "--prometheus_scrape.enabled", "--prometheus_scrape.service_endpoints", input: manifest)
        #expect(
            endpoints.output.contains("note: Service shop/web: no endpoint of it that is ready"), "\(endpoints.output)")
        for (option, reason) in [
            ("--prometheus_scrape.version=3", "number from 1 to 2"),
            (
                #"--prometheus_scrape.checks=[{"autodiscovery":{"kubernetes_container_names":["s3cr3t"]}}]"#,
                "--prometheus_scrape.checks: [0].autodiscovery.kubernetes_container_names chooses containers of Pods"
            ),
        ] {
            let refused = try await run("-", option, input: manifest)
            #expect(refused.end == .exited(2) && refused.output.contains(reason), "\(refused.output)")
            #expect(!refused.output.contains("s3cr3t"))
        }
    }

    @Test func `configcheck checks the annotations of a Service on standard input`() async throws {
        let service = { (checks: String) in
            #"{"kind": "Service", "metadata": {"name": "web", "namespace": "shop", "annotations": {"ad.datadoghq.com/service.checks": "\#(checks)"}},"#
                + #" "spec": {"clusterIP": "127.96.0.9", "ports": [{"port": 80}]}}"#
        }
        let good = try await run(
            "-", "--json",
            input: service(#"{\"http_check\": {\"instances\": [{\"url\": \"http://%%host%%:%%port%%\"}]}}"#))
        #expect(good.end == .exited(0), "\(good.output)")
        let configs = try JSONValue(parsing: Array(good.output.utf8))["configs"]?.arrayValue ?? []
        #expect(configs.first?["check_name"]?.stringValue == "http_check")
        let bad = try await run("-", input: service(#"{\"http_check\": 3}"#))
        #expect(bad.end == .exited(1))
        #expect(bad.output.contains("kube_service://shop/web"), "\(bad.output)")
        let nonsense = try await run("-", input: "nonsense")
        #expect(nonsense.end == .exited(1))
        #expect(nonsense.output.contains("standard input: "), "\(nonsense.output)")
    }
}
