import AutoConf
import CheckModel
import JSON
import Kubernetes
import Platform
import TestKit
import Testing

@Suite struct ServiceAnnotationTests {
    private static let tags = #""tags":["kube_namespace:shop","kube_service:web"]"#

    private static func read(_ annotations: [String: String]) -> Fixture {
        let fixture = Fixture(AutoConfOptions(watchesServices: true))
        fixture.autoConf.handle(.applied(service(annotations)))
        return fixture
    }

    @Test func `version 2 annotations give one config per check with all its instances`() throws {
        let fixture = Self.read([
            "checks":
                #"{"http_check":{"init_config":{"a":1},"instances":[{"url":"http://%%host%%/"},{"url":"x"}],"check_tag_cardinality":"low"},"tcp_check":{"instances":[{"port":1}],"ignore_autodiscovery_tags":true}}"#
        ])
        #expect(fixture.keys == ["kube_service://shop/web#http_check#0", "kube_service://shop/web#tcp_check#0"])
        let http = fixture.configs[0]
        #expect(
            texts(http.instances) == [#"{\#(Self.tags),"url":"http://10.96.0.20/"}"#, #"{\#(Self.tags),"url":"x"}"#])
        #expect(http.initConfig == .object(["a": .number("1")]))
        #expect(http.provider == "kubernetes-services")
        #expect(http.serviceID == "kube_service://shop/web")
        #expect(http.source == "kube_services:kube_service://shop/web")
        #expect(http.clusterCheck)
        #expect(http.checkTagCardinality == "low")
        let tcp = fixture.configs[1]
        #expect(texts(tcp.instances) == [#"{"port":1}"#])
        #expect(tcp.initConfig == .object([:]))
        #expect(tcp.ignoreAutodiscoveryTags)
        #expect(fixture.problems.isEmpty)
    }

    @Test func `a block of YAML is read as JSON is`() {
        let json =
            #"{"http_check":{"init_config":{"a":1},"instances":[{"url":"http://%%host%%/"},{"timeout":1.0}]}}"#
        let yaml = """
            http_check:
              init_config: {a: 1}
              instances:
                - url: http://%%host%%/
                - timeout: 1.0   # seconds
            """
        let (inJSON, inYAML) = (Self.read(["checks": json]), Self.read(["checks": yaml]))
        #expect(inYAML.configs == inJSON.configs && inYAML.configs.count == 1)
        #expect(inYAML.problems.isEmpty)
        let placed = Self.read(["checks": json, "placement": "weight: 3\nzone: a\n"])
        #expect(placed.configs.map { $0.rules?.weight } == [3] && placed.problems.isEmpty)
    }

    @Test func `YAML that cannot be read says where, and JSON is never taken for it`() {
        let tab = Self.read(["checks": "http_check:\n\tinstances: []\n"])
        #expect(tab.configs.isEmpty && tab.problems.count == 1)
        #expect(tab.problems[0].contains("cannot parse check configuration: line 2, column 2: "))
        let broken = Self.read(["checks": "{\n  \"http_check\": {\n}"])
        #expect(broken.problems.count == 1 && !broken.problems[0].contains("YAML"), "\(broken.problems)")
    }

    @Test(arguments: [
        "{http_check: {instances: [{url: http://x}]}}", "http_check: {instances: [{url: http://x}]}",
        " {\n  http_check: {instances: [{'url': \"http://x\"}]},\n}",
        #"{http_check: {"instances": [{"url":"http://x"}]}}"#,
    ])
    func `YAML of one line or in brackets is read as YAML`(checks: String) {
        let fixture = Self.read(["checks": checks])
        let expected = Self.read(["checks": #"{"http_check":{"instances":[{"url":"http://x"}]}}"#])
        #expect(fixture.configs == expected.configs && fixture.configs.count == 1)
        #expect(fixture.problems.isEmpty)
    }

    @Test func `lists of version 1 may be YAML`() {
        let fixture = Self.read([
            "check_names": "[http_check, tls]", "init_configs": "[{}, {a: 1}]",
            "instances": "- url: http://x\n- {server: x}",
        ])
        #expect(fixture.configs.map(\.checkName) == ["http_check", "tls"] && fixture.problems.isEmpty)
        #expect(fixture.configs.last?.initConfig == .object(["a": .number("1")]))
    }

    /// What stands first in the brackets decides.
    @Test(arguments: [
        (#"{"a": {"instances": [80 443]}}"#, "line 1, column 25: "),
        (#"{"a": {instances: []}}"#, "line 1, column 8: 'i' where a key in double quotes is expected"),
        ("{check_name: http_check, instances: [{url: http://x}]}", "check_name: a string, not an object"),
        ("{a: {instances: [{url: http://x]}}", "line 1, column "),
        ("[{url: http://x}]", "checks is an array, not an object"),
        ("{ab: {instances: [{p: %%port%%}]}}", "'%' begins no text without quotes; quote it: \"%%host%%\""),
    ])
    func `an annotation that cannot be used is told as what it looks like`(checks: String, problem: String) {
        let fixture = Self.read(["checks": checks])
        #expect(fixture.configs.isEmpty)
        #expect(fixture.problems.first?.contains(problem) == true, "\(fixture.problems)")
        #expect(fixture.problems.first?.contains("in double quotes") == checks.hasPrefix("{\"a\": {i"))
    }

    @Test func `a name overrides the key, which then tells the config apart`() {
        let fixture = Self.read([
            "checks":
                #"{"b":{"name":"a","instances":[{"n":2}]},"a":{"instances":[{"n":1}]},"c":{"name":"","instances":[{"n":3}]}}"#
        ])
        #expect(fixture.keys == ["a#0", "a#b#0", "c#0"].map { "kube_service://shop/web#\($0)" })
        #expect(fixture.configs.map { $0.instances[0]["n"] } == [.number("1"), .number("2"), .number("3")])
    }

    @Test func `version 1 annotations give one config per instance`() {
        let fixture = Self.read([
            "check_names": #"["http_check","tcp_check"]"#, "init_configs": #"[{"a":1},[{}]]"#,
            "instances": #"[[{"n":1},{"n":2}],{"n":3}]"#, "ignore_autodiscovery_tags": "true",
            "check_tag_cardinality": "high",
        ])
        #expect(fixture.configs.map(\.checkName) == ["http_check", "http_check", "tcp_check"])
        #expect(Set(fixture.configs.map(\.key.entry)).count == 3)
        #expect(fixture.configs.flatMap { texts($0.instances) }.sorted() == [#"{"n":1}"#, #"{"n":2}"#, #"{"n":3}"#])
        #expect(fixture.configs[0].initConfig == .object(["a": .number("1")]))
        #expect(fixture.configs.allSatisfy { $0.checkTagCardinality == "high" })
        #expect(fixture.problems.isEmpty)
    }

    @Test func `version 1 annotations are ignored beside version 2`() {
        let fixture = Self.read([
            "checks": #"{"a":{"instances":[{}]}}"#, "check_names": "broken", "instances": "broken",
        ])
        #expect(fixture.keys == ["kube_service://shop/web#a#0"])
        #expect(
            fixture.problems == [
                "kube_service://shop/web: ad.datadoghq.com/service.check_names, ad.datadoghq.com/service.instances: "
                    + "ignored, because checks is set"
            ])
        #expect(fixture.autoConf.problems.map(\.severity) == [.warning])
    }

    /// The keys by the only member of each instance.
    private static func keysByValue(_ fixture: Fixture) -> [String: ConfigKey] {
        Dictionary(
            fixture.configs.map { config in
                var instance = config.instances[0].objectValue ?? [:]
                instance["tags"] = nil
                return (texts([.object(instance)])[0], config.key)
            }, uniquingKeysWith: { $1 })
    }

    @Test func `version 1 keys stay when others come, go or change places`() {
        func read(_ instances: [String]) -> [String: ConfigKey] {
            let names = instances.map { _ in #""http_check""# }.joined(separator: ",")
            let initConfigs = instances.map { _ in "{}" }.joined(separator: ",")
            let fixture = Self.read([
                "check_names": "[\(names)]", "init_configs": "[\(initConfigs)]",
                "instances": "[\(instances.joined(separator: ","))]",
            ])
            #expect(fixture.problems.isEmpty && fixture.configs.count == instances.count)
            return Self.keysByValue(fixture)
        }
        let nine = (0..<9).map { #"{"url":"http://h/\#($0)"}"# }
        let all = read(nine)
        #expect(Set(all.values).count == 9)
        for gone in 0..<9 {
            var fewer = nine
            fewer.remove(at: gone)
            #expect(read(fewer) == all.filter { $0.key != nine[gone] })
        }
        #expect(read(nine.reversed()) == all)
        let named = read([#"{"name":"a","n":1}"#, #"{"name":"b","n":1}"#])
        let edited = read([#"{"name":"b","n":1}"#, #"{"name":"a","n":2}"#])
        #expect(edited[#"{"n":2,"name":"a"}"#] == named[#"{"n":1,"name":"a"}"#])
        // One name twice says nothing; equal ones have ranks.
        let twice = read([#"{"name":"a","n":1}"#, #"{"name":"a","n":2}"#])
        #expect(
            read([#"{"name":"a","n":2}"#, #"{"name":"a","n":3}"#])[#"{"n":2,"name":"a"}"#]
                == twice[#"{"n":2,"name":"a"}"#])
        let equal = Self.read([
            "check_names": #"["a","a"]"#, "init_configs": "[{},{}]", "instances": #"[{"n":1},{"n":1}]"#,
        ])
        #expect(equal.configs.map(\.key.index) == [0, 1])
    }

    @Test func `a bad entry leaves the others of its annotation`() {
        let fixture = Self.read([
            "check_names": #"["a",7,"c","d","e"]"#, "init_configs": "[{},{},[],{},{}]",
            "instances": #"[{"n":1},{"n":2},{"n":3},[{"n":4},5],{"n":6}]"#,
        ])
        #expect(fixture.configs.map(\.checkName) == ["a", "e"])
        #expect(
            fixture.problems
                == [
                    "in check_names: [1] is not the name of a check", "in init_configs: [2] is not exactly one object",
                    "in instances: [3]: found a number, not an object",
                ].map { "kube_service://shop/web: could not extract checks config: \($0)" })
        let two = Self.read(["checks": #"{"a":{"instances":[{}]},"b":{"instances":[7]},"c":3,"d":{"instances":[{}]}}"#])
        #expect(two.configs.map(\.checkName) == ["a", "d"])
        #expect(two.problems.count == 2)
    }

    @Test func `logs are one more config named as the first`() {
        let fixture = Self.read([
            "check_names": #"["a"]"#, "init_configs": "[{}]", "instances": "[{}]", "logs": #"[{"service":"s"}]"#,
        ])
        #expect(fixture.configs.map(\.checkName) == ["a", "a"])
        #expect(fixture.keys.last == "kube_service://shop/web#a#logs#0")
        #expect(fixture.configs[1].instances.isEmpty)
        #expect(fixture.configs[1].logs == .array([.object(["service": .string("s")])]))
    }

    static let bad: [(name: String, annotations: [String: String], problem: String)] = [
        (
            "not JSON", ["checks": "{"],
            "could not extract checks config: cannot parse check configuration: line 1, column 2: ends where a key in double quotes is expected"
        ),
        (
            "a list", ["checks": "[]"],
            "could not extract checks config: cannot parse check configuration: checks is an array, not an object"
        ),
        (
            "a check that is no object", ["checks": #"{"a":[]}"#],
            "could not extract checks config: a: an array, not an object"
        ),
        (
            "an instance that is no object", ["checks": #"{"a":{"instances":[1]}}"#],
            "could not extract checks config: a: instances[0] is a number, not an object"
        ),
        (
            "instances that are no list", ["checks": #"{"a":{"instances":{}}}"#],
            "could not extract checks config: a: instances is an object, not a list"
        ),
        (
            "no instances", ["checks": #"{"a":{"init_config":{}}}"#],
            "could not extract checks config: a has no instances and no logs"
        ),
        (
            "a flag that is a string", ["checks": #"{"a":{"instances":[{}],"ignore_autodiscovery_tags":"true"}}"#],
            "could not extract checks config: a: ignore_autodiscovery_tags is a string, not a boolean"
        ),
        (
            "a wrong cardinality", ["checks": #"{"a":{"instances":[{}],"check_tag_cardinality":"all"}}"#],
            "could not extract checks config: a: check_tag_cardinality is not low, orchestrator or high"
        ),
        (
            "names that are no list", ["check_names": "a"],
            "could not extract checks config: in check_names: a string, not a list"
        ),
        (
            "empty names", ["check_names": ""],
            "could not extract checks config: in check_names: the annotation is empty"
        ),
        (
            "a name that is no string", ["check_names": "[1]", "init_configs": "[{}]", "instances": "[{}]"],
            "could not extract checks config: in check_names: [0] is not the name of a check"
        ),
        (
            "no init_configs", ["check_names": #"["a"]"#, "instances": "[{}]"],
            "could not extract checks config: missing init_configs key"
        ),
        (
            "no instances key", ["check_names": #"["a"]"#, "init_configs": "[{}]"],
            "could not extract checks config: missing instances key"
        ),
        ("no names", ["instances": "[{}]"], "could not extract checks config: missing check_names key"),
        (
            "an instance of another type", ["check_names": #"["a"]"#, "init_configs": "[{}]", "instances": "[1]"],
            "could not extract checks config: in instances: [0]: found a number, not an object"
        ),
        (
            "empty instances", ["check_names": #"["a"]"#, "init_configs": "[{}]", "instances": ""],
            "could not extract checks config: in instances: the annotation is empty"
        ),
        (
            "lists of different lengths",
            ["check_names": #"["a","b"]"#, "init_configs": "[{}]", "instances": "[{},{}]"],
            "could not extract checks config: template entries don't all have the same length: 2 check_names, 1 init_configs, 2 instances"
        ),
        (
            "two init_configs for one check",
            ["check_names": #"["a"]"#, "init_configs": "[[{},{}]]", "instances": "[{}]"],
            "could not extract checks config: in init_configs: [0] is not exactly one object"
        ),
        (
            "logs that are no list", ["logs": "{}"],
            "could not extract logs config: invalid format: an object, not an array"
        ),
    ]

    /// What the JSON of one entry has is no reason to refuse another.
    @Test(arguments: [
        (
            #"{"a":{"instances":[{}]},"b":{"instances":[{"x":1,"x":2}]}}"#,
            ["b: instances[0]: line 1, column 50: duplicate key x"]
        ),
        (
            #"{"a":{"instances":[{}]},"b":{"instances":[{"x":"\ud800"}]}}"#,
            ["b: instances[0]: line 1, column 49: a lone surrogate"]
        ),
        (
            #"{"a":{"instances":[{}]},"b":{"instances":[{"x":yes}]}}"#,
            ["b: instances[0]: line 1, column 48: 'y' where a value is expected"]
        ),
        (
            #"{"a":{"instances":[{},1,{"x":01}]}}"#,
            [
                "a: instances[2]: line 1, column 30: a number with a leading zero",
                "a: instances[1] is a number, not an object",
            ].reversed()
        ),
        (
            #"{"a":{"instances":[{}]},"b":{"instances":[{}],"init_config":{"\q":1}}}"#,
            ["b: line 1, column 63: an unknown escape"]
        ),
        (
            #"{"a":{},"a":{"instances":[{}]}}"#,
            ["checks: line 1, column 9: duplicate key a; of equal keys the last one counts"]
        ),
        (#"{"a":{"instances":[{},{"x":"%%env_NO%%"}]}}"#, []),
    ])
    func `an entry or an instance that cannot be read does not affect the others`(checks: String, reasons: [String]) {
        let fixture = Self.read(["checks": checks])
        #expect(fixture.configs.map(\.checkName) == ["a"])
        #expect(fixture.configs.first?.instances.count == 1)
        let unresolved =
            "a[0] is not scheduled as a whole: instances[1]: %%env_NO%%: environment variable NO is not set in the cluster-agent"
        let expected = reasons.isEmpty ? [unresolved] : reasons.map { "could not extract checks config: \($0)" }
        #expect(fixture.problems == expected.map { "kube_service://shop/web: \($0)" })
    }

    @Test func `an element of a version 1 list that cannot be read does not affect the others`() {
        let fixture = Self.read([
            "check_names": #"["a","b",c]"#, "init_configs": "[{},{\"x\":1,\"x\":2},{}]", "instances": "[{},{},{}]",
            "ignore_autodiscovery_tags": "yes", "check_tag_cardinality": "all",
        ])
        #expect(fixture.configs.map(\.checkName) == ["a"])
        #expect(
            fixture.problems
                == [
                    "in ignore_autodiscovery_tags: neither true nor false; false is used",
                    "check_tag_cardinality is not low, orchestrator or high; it is not used",
                    "could not extract checks config: in init_configs: [1]: line 1, column 12: duplicate key x",
                    "could not extract checks config: in check_names: [2]: line 1, column 10: 'c' where a value is expected",
                ].map { "kube_service://shop/web: \($0)" })
    }

    @Test(arguments: [
        "postgres://dd:S3cr3t@db/app", "S3cr3t value", "S3cr3t\nerror: forged", "%%env_S3cr3t x%%", "ab%%S3cr3tXyz%%cd",
    ])
    func `what looks like no name is not repeated`(text: String) {
        let json = String(decoding: JSONValue.string(text).encoded(), as: UTF8.self)
        for annotations in [
            ["checks": "{\(json):{\"instances\":[{\"x\":\"%%env_NO%%\"}]}}"],
            ["checks": "{\"a\":{\(json):1,\"instances\":[{}]}}"],
            ["checks": "{\"a\":{\"instances\":[{\(json):1,\(json):2}]}}"],
            ["checks": "{\"a\":{\"instances\":[{\"x\":\"%%\(text)%%\"}]}}"],
            ["S3cr3t\u{7}": "x"], ["checks": text],
            ["check_names": "[\(json)]", "init_configs": "[1]", "instances": "[{}]"],
        ] {
            let fixture = Self.read(annotations)
            #expect(!fixture.problems.isEmpty)
            for problem in fixture.problems { #expect(!problem.contains("S3cr3t"), "\(problem)") }
        }
    }

    @Test(arguments: bad)
    func `a bad annotation gives no config and one reason`(
        _ row: (name: String, annotations: [String: String], problem: String)
    ) {
        let fixture = Self.read(row.annotations)
        #expect(fixture.configs.isEmpty, "\(row.name)")
        #expect(fixture.problems == ["kube_service://shop/web: \(row.problem)"], "\(row.name)")
        #expect(fixture.recorder.lines == ["error config problem object=kube_service://shop/web reason=\(row.problem)"])
    }

    static let odd: [(name: String, annotations: [String: String], problem: String)] = [
        ("an unknown annotation", ["check": "{}"], "unknown annotation ad.datadoghq.com/service.check"),
        ("an unknown key", ["checks": #"{"a":{"instances":[{}],"instance":1}}"#], "checks: a: unknown key instance"),
        (
            "tags that are no list", ["checks": #"{"a":{"instances":[{"tags":"x"}]}}"#],
            "a: tags of instance 0 is a string, not a list; it is replaced"
        ),
    ]

    @Test(arguments: odd)
    func `an unusual annotation is a warning`(_ row: (name: String, annotations: [String: String], problem: String)) {
        let fixture = Self.read(row.annotations)
        #expect(fixture.configs.count == (row.annotations["checks"] == nil ? 0 : 1))
        #expect(fixture.autoConf.problems.map(\.severity) == [.warning])
        #expect(fixture.problems == ["kube_service://shop/web: \(row.problem)"])
    }

    @Test func `a config that cannot be resolved leaves the others and their keys as they are`() {
        let fixture = Self.read([
            "check_names": #"["a","a","a"]"#, "init_configs": "[{},{},{}]",
            "instances": #"[{"n":1},{"n":"%%port_none%%"},{"n":3}]"#,
        ])
        #expect(Set(fixture.configs.map { $0.instances[0]["n"] }) == [.number("1"), .number("3")])
        #expect(
            fixture.problems
                == [
                    "kube_service://shop/web: a[1] is not scheduled: %%port_none%%: the Service's ports are http, metrics"
                ])
    }

    @Test func `standard labels become tags, and tags are sorted and unique`() {
        let fixture = Fixture(AutoConfOptions(watchesServices: true))
        let labels = ["tags.datadoghq.com/env": "prod", "tags.datadoghq.com/version": "1.2", "app": "web"]
        fixture.autoConf.handle(
            .applied(
                service(["checks": #"{"a":{"instances":[{"tags":["zone:a","env:prod",7]}]}}"#], labels: labels)))
        #expect(
            texts(fixture.configs[0].instances)
                == [#"{"tags":["7","env:prod","kube_namespace:shop","kube_service:web","version:1.2","zone:a"]}"#])
    }
}
