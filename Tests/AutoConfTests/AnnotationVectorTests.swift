import AutoConf
import CheckModel
import JSON
import Kubernetes
import Platform
import Testing

/// What annotations mean, the same for `service.…` and for `endpoints.…`: each row is tried with both.
@Suite struct AnnotationVectorTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        /// Annotations with the prefix of today.
        var current: [String: String] = [:]
        /// Annotations with the prefix `service-discovery.datadoghq.com/`.
        var former: [String: String] = [:]
        /// What they give: name, `init_config`, instances without tags, and what is set beside those.
        var configs: [String] = []
        /// What is wrong with them; `ID` stands for `service` or `endpoints`.
        var problems: [String] = []

        var testDescription: String { name }
    }

    private static let failed = "could not extract checks config: "

    private static func ignored(_ prefix: String, _ reason: String) -> String {
        let keys = ["check_names", "init_configs", "instances"].map { "\(prefix).datadoghq.com/ID.\($0)" }
        return "\(keys.joined(separator: ", ")): ignored, because \(reason)"
    }

    static let rows = [
        Row(
            name: "v2: one config per key with all its instances",
            current: ["checks": #"{"b":{"instances":[{"n":1},{"n":2}]},"a":{"instances":[{}]}}"#],
            configs: ["a {} [{}]", #"b {} [{"n":1},{"n":2}]"#]),
        Row(
            name: "v2: init_config defaults to an empty object, also where it is null",
            current: ["checks": #"{"a":{"instances":[{}],"init_config":null}}"#], configs: ["a {} [{}]"]),
        Row(
            name: "v2: init_config is taken",
            current: ["checks": #"{"a":{"instances":[{}],"init_config":{"z":1,"b":[2]}}}"#],
            configs: [#"a {"b":[2],"z":1} [{}]"#]),
        Row(
            name: "v2: name overrides the key",
            current: ["checks": #"{"first":{"name":"a","instances":[{}]}}"#], configs: ["a {} [{}]"]),
        Row(
            name: "v2: the same name twice is two configs",
            current: ["checks": #"{"x":{"name":"a","instances":[{"n":1}]},"y":{"name":"a","instances":[{"n":2}]}}"#],
            configs: [#"a {} [{"n":1}]"#, #"a {} [{"n":2}]"#]),
        Row(
            name: "v2: logs, ignore_autodiscovery_tags and check_tag_cardinality",
            current: [
                "checks":
                    #"{"a":{"instances":[{}],"logs":[{"source":"s"}],"ignore_autodiscovery_tags":true,"check_tag_cardinality":"orchestrator"}}"#
            ],
            configs: [#"a {} [{}] logs=[{"source":"s"}] ignores orchestrator"#]),
        Row(
            name: "v2: a check of logs alone", current: ["checks": #"{"a":{"logs":[{"source":"s"}]}}"#],
            configs: [#"a {} [] logs=[{"source":"s"}]"#]),
        Row(
            name: "v2: v1 keys for checks are ignored beside it",
            current: [
                "checks": #"{"a":{"instances":[{}]}}"#, "check_names": #"["b"]"#, "init_configs": "[{}]",
                "instances": "[{}]", "ignore_autodiscovery_tags": "true", "check_tag_cardinality": "high",
            ], configs: ["a {} [{}]"], problems: [ignored("ad", "checks is set")]),
        Row(
            name: "v2: the former prefix is ignored beside it",
            current: ["checks": #"{"a":{"instances":[{}]}}"#],
            former: ["check_names": #"["b"]"#, "init_configs": "[{}]", "instances": "[{}]"], configs: ["a {} [{}]"],
            problems: [
                ignored("service-discovery", "there are annotations with the prefix ad.datadoghq.com/")
            ]),
        Row(
            name: "v2: it has no former prefix", former: ["checks": #"{"a":{"instances":[{}]}}"#],
            problems: ["unknown annotation service-discovery.datadoghq.com/ID.checks"]),
        Row(
            name: "v2: values keep their text and keys are sorted",
            current: [
                "checks":
                    #"{"a":{"instances":[{"z":1.50,"y":12345678901234567890,"x":[true,null,{"é":"日\n"}],"a b":"%"}]}}"#
            ],
            configs: [#"a {} [{"a b":"%","x":[true,null,{"é":"日\n"}],"y":12345678901234567890,"z":1.50}]"#]),
        Row(
            name: "v2: an empty object is no check and nothing wrong", current: ["checks": "{}"], configs: []),
        Row(
            name: "v2: YAML in a line", current: ["checks": "a: {instances: [{}]}"], configs: ["a {} [{}]"]),
        Row(
            name: "v2: neither JSON nor YAML", current: ["checks": #"{"a": instances}"#],
            problems: [failed + "a: line 1, column 7: 'i' where a value is expected"]),
        Row(
            name: "v2: a string", current: ["checks": #""a""#],
            problems: [failed + "cannot parse check configuration: checks is a string, not an object"]),
        Row(
            name: "v2: one bad check leaves the others",
            current: ["checks": #"{"a":{"instances":[{}]},"b":{"instances":[7]}}"#],
            configs: ["a {} [{}]"], problems: [failed + "b: instances[0] is a number, not an object"]),
        Row(
            name: "v2: init_config that is no object",
            current: ["checks": #"{"a":{"instances":[{}],"init_config":[]}}"#],
            problems: [failed + "a: init_config is an array, not an object"]),

        Row(
            name: "v1: one config per instance",
            current: [
                "check_names": #"["a","b"]"#, "init_configs": #"[{"i":1},{}]"#,
                "instances": #"[{"n":1},[{"n":2},{"n":3}]]"#,
            ],
            configs: [#"a {"i":1} [{"n":1}]"#, #"b {} [{"n":2}]"#, #"b {} [{"n":3}]"#]),
        Row(
            name: "v1: an element of init_configs may be a list of one",
            current: ["check_names": #"["a"]"#, "init_configs": #"[[{"i":1}]]"#, "instances": "[{}]"],
            configs: [#"a {"i":1} [{}]"#]),
        Row(
            name: "v1: ignore_autodiscovery_tags and check_tag_cardinality",
            current: [
                "check_names": #"["a"]"#, "init_configs": "[{}]", "instances": "[{}]",
                "ignore_autodiscovery_tags": "true", "check_tag_cardinality": "low",
            ], configs: ["a {} [{}] ignores low"]),
        Row(
            name: "v1: ignore_autodiscovery_tags is false",
            current: [
                "check_names": #"["a"]"#, "init_configs": "[{}]", "instances": "[{}]",
                "ignore_autodiscovery_tags": "false",
            ], configs: ["a {} [{}]"]),
        Row(
            name: "v1: the former prefix",
            former: [
                "check_names": #"["a"]"#, "init_configs": "[{}]", "instances": #"[{"n":1}]"#,
                "ignore_autodiscovery_tags": "true", "logs": "[]",
            ],
            configs: [#"a {} [{"n":1}] ignores"#, "a - [] logs=[]"]),
        Row(
            name: "v1: the prefix of today goes before the former one",
            current: ["check_names": #"["a"]"#, "init_configs": "[{}]", "instances": "[{}]"],
            former: ["check_names": #"["b"]"#, "init_configs": "[{}]", "instances": "[{}]"], configs: ["a {} [{}]"],
            problems: [
                ignored("service-discovery", "there are annotations with the prefix ad.datadoghq.com/")
            ]),
        Row(
            name: "v1: logs are one config more, named as the first",
            current: [
                "check_names": #"["a","b"]"#, "init_configs": "[{},{}]", "instances": "[{},{}]",
                "logs": #"[{"source":"s"}]"#,
            ], configs: ["a {} [{}]", #"a - [] logs=[{"source":"s"}]"#, "b {} [{}]"]),
        Row(
            name: "logs beside v2", current: ["checks": #"{"a":{"instances":[{}]}}"#, "logs": #"[{"source":"s"}]"#],
            configs: ["a {} [{}]", #"a - [] logs=[{"source":"s"}]"#]),
        Row(name: "logs alone make no target", current: ["logs": "[{}]"]),
        Row(
            name: "v1: names that are no list", current: ["check_names": #"{"a":1}"#],
            problems: [failed + "in check_names: an object, not a list"]),
        Row(
            name: "v1: names that cannot be read", current: ["check_names": "[a"],
            problems: [failed + "in check_names: line 1, column 1: expected ']' before the end"]),
        Row(
            name: "v1: missing init_configs", current: ["check_names": #"["a"]"#, "instances": "[{}]"],
            problems: [failed + "missing init_configs key"]),
        Row(
            name: "v1: missing instances", current: ["check_names": #"["a"]"#, "init_configs": "[{}]"],
            problems: [failed + "missing instances key"]),
        Row(
            name: "v1: no JSON object",
            current: ["check_names": #"["a"]"#, "init_configs": "[{}]", "instances": #"["x"]"#],
            problems: [failed + "in instances: [0]: found a string, not an object"]),
        Row(
            name: "v1: no JSON object in a list of one instance",
            current: ["check_names": #"["a"]"#, "init_configs": "[[null]]", "instances": "[{}]"],
            problems: [failed + "in init_configs: [0]: found null, not an object"]),
        Row(
            name: "v1: two init_configs for one check",
            current: ["check_names": #"["a"]"#, "init_configs": "[[{},{}]]", "instances": "[{}]"],
            problems: [failed + "in init_configs: [0] is not exactly one object"]),
        Row(
            name: "v1: no init_config for a check",
            current: ["check_names": #"["a"]"#, "init_configs": "[[]]", "instances": "[{}]"],
            problems: [failed + "in init_configs: [0] is not exactly one object"]),
        Row(
            name: "v1: no instance for a check",
            current: ["check_names": #"["a"]"#, "init_configs": "[{}]", "instances": "[[]]"],
            problems: [failed + "in instances: [0] is empty"]),
        Row(
            name: "v1: lengths that differ",
            current: ["check_names": #"["a"]"#, "init_configs": "[{}]", "instances": "[{},{}]"],
            problems: [
                failed
                    + "template entries don't all have the same length: 1 check_names, 1 init_configs, 2 instances"
            ]),
        Row(
            name: "logs that are no list leave the checks",
            current: ["checks": #"{"a":{"instances":[{}]}}"#, "logs": #"{"source":"s"}"#],
            configs: ["a {} [{}]"],
            problems: ["could not extract logs config: invalid format: an object, not an array"]),
        Row(
            name: "an unknown annotation", current: ["checks": #"{"a":{"instances":[{}]}}"#, "instance": "[]"],
            configs: ["a {} [{}]"], problems: ["unknown annotation ad.datadoghq.com/ID.instance"]),
    ]

    @Test(arguments: rows, ["service", "endpoints"])
    func `an annotation gives the configs that the vector says`(_ row: Row, identifier: String) {
        let fixture = Fixture(AutoConfOptions(watchesServices: true, watchesEndpoints: true))
        fixture.autoConf.handle(.replaced([slice([endpoint("10.1.0.1")])]))
        let all = annotations("ad.datadoghq.com/\(identifier).", row.current)
            .merging(annotations("service-discovery.datadoghq.com/\(identifier).", row.former)) { $1 }
        // Beside them stand annotations of something else.
        let others = ["ad.datadoghq.com/web.checks": "{", "ad.datadoghq.com/tolerate-unready": "true"]
        fixture.autoConf.handle(.replaced([service(all.merging(others) { $1 })]))
        #expect(fixture.configs.map(Self.text) == row.configs)
        let place = identifier == "service" ? "" : "endpoints: "
        #expect(
            fixture.problems
                == row.problems.map {
                    let reason = $0.split(separator: "ID").joined(separator: identifier)
                    return "kube_service://shop/web: \(place)\(reason)"
                })
        #expect(fixture.isSynced)
    }

    private static func text(_ config: CheckConfig) -> String {
        let instances = config.instances.map { instance in
            var members = instance.objectValue ?? [:]
            members["tags"] = nil
            return JSONValue.object(members)
        }
        var parts = [config.checkName, config.initConfig.map { texts([$0])[0] } ?? "-", texts([.array(instances)])[0]]
        if let logs = config.logs { parts.append("logs=\(texts([logs])[0])") }
        if config.ignoreAutodiscoveryTags { parts.append("ignores") }
        if !config.checkTagCardinality.isEmpty { parts.append(config.checkTagCardinality) }
        return parts.joined(separator: " ")
    }
}
