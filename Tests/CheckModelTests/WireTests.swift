import JSON
import Testing

@testable import CheckModel

@Suite struct WireTests {
    /// The worked example of the protocol: YAML bytes, as upstream sends them.
    static let example = WireConfig(
        checkName: "http_check",
        instances: [
            Array(
                """
                empty_default_hostname: true
                name: web
                tags:
                - cluster_name:prod
                - kube_cluster_name:prod
                - kube_namespace:shop
                - kube_service:web
                timeout: 1
                url: http://10.96.0.20:80/health

                """.utf8)
        ],
        initConfig: Array("{}".utf8), provider: "kubernetes-services", serviceID: "kube_service://shop/web",
        source: "kube_services:kube_service://shop/web")

    /// The same with its last two tags swapped: as one that sends tags in the order of a hash map may send it the next
    /// time.
    static let swapped: WireConfig = {
        var config = example
        let text = String(decoding: config.instances[0], as: UTF8.self)
        let (first, second) = ("- kube_namespace:shop\n", "- kube_service:web\n")
        config.instances = [Array(text.replacing(first + second, with: second + first).utf8)]
        return config
    }()

    static let exampleText =
        #"{"check_name":"http_check","instances":["ZW1wdHlfZGVmYXVsdF9ob3N0bmFtZTogdHJ1ZQpuYW1lOiB3ZWIKdGFnczoKLSBjbHVzdGVyX25hbWU6cHJvZAotIGt1YmVfY2x1c3Rlcl9uYW1lOnByb2QKLSBrdWJlX25hbWVzcGFjZTpzaG9wCi0ga3ViZV9zZXJ2aWNlOndlYgp0aW1lb3V0OiAxCnVybDogaHR0cDovLzEwLjk2LjAuMjA6ODAvaGVhbHRoCg=="],"init_config":"e30=","metric_config":null,"logs":null,"ad_identifiers":null,"advanced_ad_identifiers":null,"provider":"kubernetes-services","service_id":"kube_service://shop/web","cluster_check":false,"node_name":"","source":"kube_services:kube_service://shop/web","ignore_autodiscovery_tags":false,"check_tag_cardinality":"","metrics_excluded":false,"logs_excluded":false}"#

    @Test func `the worked example is encoded byte for byte`() {
        #expect(String(decoding: Self.example.encoded(), as: UTF8.self) == Self.exampleText)
        #expect(String(Self.example.fastDigest, radix: 16) == "14029c95e295d499")
        let id = CheckID.of(
            checkName: "http_check", instanceName: "web", instance: Self.example.instances[0],
            initConfig: Array("{}".utf8), fastDigest: Self.example.fastDigest)
        #expect(id == "http_check:web:98d27a1a16e8cb1b")
    }

    @Test func `the worked example is read back`() throws {
        let body = Array("{\"last_change\":1767225600000000000,\"configs\":[\(Self.exampleText)]}".utf8)
        let answer = try ConfigsAnswer(parsing: body)
        #expect(answer.lastChange == 1_767_225_600_000_000_000)
        #expect(answer.configs == [Self.example])
    }

    @Test func `an empty config has every key on the wire`() {
        #expect(
            String(decoding: WireConfig(checkName: "a", initConfig: [], clusterCheck: true).encoded(), as: UTF8.self)
                == #"{"check_name":"a","instances":null,"init_config":"","metric_config":null,"logs":null,"ad_identifiers":null,"advanced_ad_identifiers":null,"provider":"","service_id":"","cluster_check":true,"node_name":"","source":"","ignore_autodiscovery_tags":false,"check_tag_cardinality":"","metrics_excluded":false,"logs_excluded":false}"#
        )
    }

    @Test func `the configs answer of a node joins the encoded configs`() throws {
        let configs = try ["a", "b"].map { name in
            try ConfigPatch().encode(
                CheckConfig(
                    key: ConfigKey(source: name, check: name, index: 0), checkName: name, initConfig: .object([:])))
        }
        for count in 0...2 {
            let pieces = ConfigsAnswer.pieces(lastChange: 7, configs: Array(configs.prefix(count)))
            let answer = try ConfigsAnswer(parsing: Array(pieces.joined()))
            #expect(answer.lastChange == 7)
            #expect(answer.configs.map(\.checkName) == Array(["a", "b"].prefix(count)))
        }
        #expect(
            String(decoding: ConfigsAnswer.pieces(lastChange: 0, configs: []).joined(), as: UTF8.self)
                == #"{"last_change":0,"configs":[]}"#)
    }

    static let malformed: [(body: String, error: String)] = [
        ("", "configs answer: line 1, column 1: ends where a value is expected"),
        ("[]", "configs answer: last_change is missing or not an integer"),
        (#"{"configs":[]}"#, "configs answer: last_change is missing or not an integer"),
        (#"{"last_change":1}"#, "configs answer: configs is missing or not a list"),
        (#"{"last_change":1,"configs":null}"#, "configs answer: configs is missing or not a list"),
        (#"{"last_change":1,"configs":[null]}"#, "configs answer: configs[0] is null, not an object"),
        (#"{"last_change":1,"configs":[{}]}"#, "configs answer: configs[0].check_name is missing or empty"),
        (
            #"{"last_change":1,"configs":[{"check_name":"a"},{"check_name":"b","instances":["e30"]}]}"#,
            "configs answer: configs[1].instances is not base64"
        ),
        (
            #"{"last_change":1,"configs":[{"check_name":"a","instances":{}}]}"#,
            "configs answer: configs[0].instances is an object, not a list"
        ),
        (
            #"{"last_change":1,"configs":[{"check_name":"a","cluster_check":"no"}]}"#,
            "configs answer: configs[0].cluster_check is a string, not a boolean"
        ),
    ]

    @Test(arguments: malformed)
    func `an answer without a list of configs is an error and never empty`(_ row: (body: String, error: String)) {
        let error = #expect(throws: CheckModelError.self) { try ConfigsAnswer(parsing: Array(row.body.utf8)) }
        #expect(error?.description == row.error)
    }

    @Test func `unknown and missing keys are handled as Go handles them`() throws {
        let body =
            #"{"last_change":1,"configs":[{"check_name":"a","instances":null,"cel_selector":{"x":1},"logs":null}],"more":1}"#
        #expect(try ConfigsAnswer(parsing: Array(body.utf8)).configs == [WireConfig(checkName: "a")])
    }

    @Test func `the state lists nodes, their configs and the dangling ones`() throws {
        let config = try ConfigPatch().encode(
            CheckConfig(
                key: ConfigKey(source: "s", check: "a", index: 0), checkName: "a", instances: [.object([:])]))
        let answer = StateAnswer(
            warmup: true,
            nodes: [
                .init(name: "n\"1", configs: [config]),
                .init(
                    name: "n2", configs: [], pod: "agents/a\"b", address: "10.0.0.2", nodeType: 2,
                    conditions: ["draining", "cordoned"]),
            ], dangling: [.init(config: config, reason: "no \"node\"")])
        let json = try JSONValue(parsing: answer.encoded())
        #expect(json["not_running"] == .string(""))
        #expect(json["warmup"] == .bool(true))
        let nodes = try #require(json["nodes"]?.arrayValue)
        #expect(nodes.map { $0["name"] } == [.string("n\"1"), .string("n2")])
        let first = try #require(nodes[0]["configs"]?.arrayValue?.first)
        #expect(first["instance_ids"] == .array(config.instanceIDs.map { .string($0) }))
        #expect(first["config"] == (try JSONValue(parsing: config.wire)))
        #expect(nodes[1]["configs"] == .array([]))
        let shown = ["pod", "address", "node_type", "conditions"]
        #expect(shown.map { nodes[0][$0] } == [.null, .null, .number("0"), .array([])])
        #expect(
            shown.map { nodes[1][$0] } == [
                .string("agents/a\"b"), .string("10.0.0.2"), .number("2"),
                .array([.string("draining"), .string("cordoned")]),
            ])
        #expect(json["dangling_reasons"] == .array([.string("no \"node\"")]))
        #expect(json["dangling"] == .array([try JSONValue(parsing: config.wire)]))
    }

    @Test func `the state of a follower says why it is empty`() {
        #expect(
            String(decoding: StateAnswer(notRunning: "currently follower").encoded(), as: UTF8.self)
                == #"{"not_running":"currently follower","warmup":false,"nodes":null,"dangling":null}"#)
    }
}
