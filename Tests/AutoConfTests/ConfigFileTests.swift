import AutoConf
import CheckModel
import JSON
import Platform
import TestKit
import Testing

/// What one file means, through a directory that holds it.
@Suite struct ConfigFileTests {
    private static func read(_ name: String, _ contents: String) async throws -> (fixture: Fixture, path: String) {
        let directory = try TemporaryDirectory()
        try directory.write(name, contents)
        let fixture = Fixture(AutoConfOptions(confdPath: directory.path), environment: ["X": "7", "URL": "u"])
        try await whileRunning(fixture) {}
        return (fixture, "file:\(directory.path)/\(name)")
    }

    @Test(arguments: ["http_check.json", "http_check.d/shop.json"])
    func `a file is one config with all its instances`(name: String) async throws {
        let contents =
            #"{"cluster_check":true,"init_config":{"a":1},"instances":[{"url":"%%env_URL%%"},{"n":"%%env_X%%"}],"jmx_metrics":[1],"logs":[{"l":1}],"ignore_autodiscovery_tags":true,"check_tag_cardinality":"low","ad_identifiers":[]}"#
        let (fixture, object) = try await Self.read(name, contents)
        #expect(fixture.problems.isEmpty)
        #expect(fixture.isSynced)
        let config = try #require(fixture.configs.first)
        #expect(fixture.keys == ["\(object)#http_check#0"])
        #expect(config.checkName == "http_check")
        #expect(texts(config.instances) == [#"{"url":"u"}"#, #"{"n":7}"#])
        #expect(config.initConfig == .object(["a": .number("1")]))
        #expect(config.metricConfig == .array([.number("1")]))
        #expect(config.logs == .object(["logs": .array([.object(["l": .number("1")])])]))
        #expect(config.provider == "file")
        #expect(config.source == object)
        #expect(config.serviceID == "")
        #expect(config.ignoreAutodiscoveryTags)
        #expect(config.checkTagCardinality == "low")
        #expect(config.clusterCheck)
    }

    @Test func `a missing init_config is an empty object`() async throws {
        let (fixture, _) = try await Self.read("a.json", #"{"cluster_check":true,"instances":[{}]}"#)
        #expect(fixture.configs.map(\.initConfig) == [.object([:])])
    }

    /// People write `instances:` and a lone dash for a check without options.
    @Test(arguments: [
        ("a.yaml", "cluster_check: true\ninstances:\n- \n- b: 1\n"),
        ("a.json", #"{"cluster_check":true,"instances":[null,{"b":1}]}"#),
    ])
    func `an instance without options is an empty object`(name: String, contents: String) async throws {
        let (fixture, _) = try await Self.read(name, contents)
        #expect(texts(fixture.configs[0].instances) == ["{}", #"{"b":1}"#])
        #expect(fixture.problems.isEmpty)
    }

    @Test func `template variables that files do not have are left as they are`() async throws {
        let (fixture, _) = try await Self.read(
            "a.json", #"{"cluster_check":true,"instances":[{"query":"LIKE '%%sale%%' OR 100%%"}]}"#)
        #expect(fixture.configs[0].instances[0]["query"] == .string("LIKE '%%sale%%' OR 100%%"))
    }

    static let bad: [(name: String, contents: String, problem: String)] = [
        ("an empty file", "", "the file is empty"),
        ("not JSON", "{\n  \"instances\": [\n}", "line 3, column 1: '}' where a value is expected"),
        ("a list", "[]", "an array, not an object"),
        ("no instances", #"{"cluster_check":true}"#, "Configuration file contains no valid instances"),
        (
            "empty instances", #"{"cluster_check":true,"instances":[]}"#,
            "Configuration file contains no valid instances"
        ),
        (
            "an instance that is no object", #"{"cluster_check":true,"instances":["a"]}"#,
            "instances[0] is a string, not an object"
        ),
        ("a wrong flag", #"{"cluster_check":"true","instances":[{}]}"#, "cluster_check is a string, not a boolean"),
        (
            "a template", #"{"ad_identifiers":["redis"],"cluster_check":true,"instances":[{}]}"#,
            "ad_identifiers is not supported: annotate the Service, or name it in advanced_ad_identifiers"
        ),
        (
            "a template of one identifier", #"{"ad_identifiers":"redis","cluster_check":true,"instances":[{}]}"#,
            "ad_identifiers is a string, not a list"
        ),
        (
            "a template by image", #"{"docker_images":["redis"],"cluster_check":true,"instances":[{}]}"#,
            "docker_images is not supported: annotate the Service, or name it in advanced_ad_identifiers"
        ),
        (
            "a selector", #"{"cel_selector":{"kube_services":["true"]},"cluster_check":true,"instances":[{}]}"#,
            "cel_selector is not supported: name the Services in advanced_ad_identifiers"
        ),
        (
            "a discovery", #"{"discovery":{},"cluster_check":true,"instances":[{}]}"#,
            "discovery is not supported: name the Services in advanced_ad_identifiers"
        ),
        (
            "an advanced identifier of nothing", #"{"advanced_ad_identifiers":[{}],"instances":[{}]}"#,
            "advanced_ad_identifiers[0] names neither a kube_service nor kube_endpoints"
        ),
        (
            "an advanced identifier that is no object", #"{"advanced_ad_identifiers":["web"],"instances":[{}]}"#,
            "advanced_ad_identifiers[0]: a string, not an object"
        ),
        (
            "an advanced identifier without a namespace",
            #"{"advanced_ad_identifiers":[{"kube_service":{"name":"web"}}],"instances":[{}]}"#,
            "advanced_ad_identifiers[0].kube_service: namespace is missing"
        ),
        (
            "an advanced identifier without a name",
            #"{"advanced_ad_identifiers":[{"kube_endpoints":{"name":"","namespace":"shop"}}],"instances":[{}]}"#,
            "advanced_ad_identifiers[0].kube_endpoints: name is missing"
        ),
        (
            "two advanced identifiers of one object",
            #"{"advanced_ad_identifiers":[{"kube_endpoints":{"name":"a","namespace":"s"}},{"kube_endpoints":{"name":"a","namespace":"s","resolve":"ip"}}],"instances":[{}]}"#,
            "advanced_ad_identifiers names an object twice"
        ),
        (
            "advanced identifiers and no instances",
            #"{"advanced_ad_identifiers":[{"kube_service":{"name":"web","namespace":"s"}}]}"#,
            "Configuration file contains no valid instances"
        ),
        (
            "advanced identifiers where Services are not watched",
            #"{"advanced_ad_identifiers":[{"kube_service":{"name":"web","namespace":"s"}}],"instances":[{}]}"#,
            "kube_service s/web: Services are not watched"
        ),
        (
            "advanced identifiers where endpoints are not watched",
            #"{"advanced_ad_identifiers":[{"kube_endpoints":{"name":"web","namespace":"s"}}],"instances":[{}]}"#,
            "kube_endpoints s/web: endpoints are not watched"
        ),
        (
            "a variable of objects", #"{"cluster_check":true,"instances":[{"h":"%%host%%"}]}"#,
            "%%host%%: this config is bound to no Service; only %%env_X%% is resolved in it"
        ),
        (
            "a missing variable", #"{"cluster_check":true,"instances":[{"h":"%%env_NONE%%"}]}"#,
            "%%env_NONE%%: environment variable NONE is not set in the cluster-agent"
        ),
    ]

    @Test(arguments: bad)
    func `a bad file is reported and the source is synced`(_ row: (name: String, contents: String, problem: String))
        async throws
    {
        let (fixture, object) = try await Self.read("a.json", row.contents)
        #expect(fixture.configs.isEmpty, "\(row.name)")
        #expect(fixture.problems == ["\(object): \(row.problem)"], "\(row.name)")
        #expect(fixture.autoConf.problems.map(\.severity) == [.error])
        #expect(fixture.isSynced)
    }

    @Test(arguments: [
        (#""text""#, "instances[1] is a string, not an object"),
        (#"{"x":1,"x":2}"#, "instances[1]: line 1, column 46: duplicate key x"),
        (#"{"x":"\ud800"}"#, "instances[1]: line 1, column 45: a lone surrogate"),
        (
            #"{"x":"%%env_NONE%%"}"#,
            "instances[1]: %%env_NONE%%: environment variable NONE is not set in the cluster-agent"
        ),
    ])
    func `an instance that cannot be used does not affect the others`(instance: String, reason: String) async throws {
        let (fixture, object) = try await Self.read(
            "a.json", #"{"cluster_check":true,"instances":[{},\#(instance),{"y":1}]}"#)
        #expect(fixture.configs.map(\.instances) == [[.object([:]), .object(["y": .number("1")])]])
        #expect(fixture.problems == ["\(object): \(reason)"])
        #expect(fixture.autoConf.problems.map(\.severity) == [.error])
    }

    /// As many as a file may hold, which took half a minute; and the errors are not hidden behind warnings.
    @Test func `very many instances that cannot be used are counted`() async throws {
        let instances = String(repeating: #"{"a":tru},"#, count: 10_000)
        let unknown = (0..<100).map { "\"unknown_\($0)\":1," }.joined()
        let (fixture, object) = try await Self.read(
            "a.json", #"{"cluster_check":true,\#(unknown)"instances":[\#(instances){"b":1}]}"#)
        #expect(fixture.configs.map(\.instances.count) == [1])
        let problems = fixture.autoConf.problems
        #expect(problems.count == 51)
        #expect(problems.contains { $0.reason.hasPrefix("instances[0]: ") })
        #expect(problems.allSatisfy { $0.severity == .error })
        #expect(problems.contains { $0.description == "\(object): 10050 more problems" })
    }

    @Test(arguments: [
        #"{"instances":[{}]}"#, #"{"cluster_check":false,"instances":[{}]}"#,
        #"{"cluster_check":null,"instances":[{}]}"#,
    ])
    func `a file that is not a cluster check is reported and not dispatched`(contents: String) async throws {
        let (fixture, object) = try await Self.read("a.json", contents)
        #expect(fixture.configs.isEmpty)
        #expect(
            fixture.problems == ["\(object): not a cluster check, so it is not dispatched: cluster_check is not true"])
    }

    /// Such as `service`, which many files have for the logs. A key that is not followed where it matters is refused.
    @Test(arguments: ["instance", "service", "service_id", "cluster_checks"])
    func `an unknown key is a warning, and takes no check away`(key: String) async throws {
        let (fixture, object) = try await Self.read("a.json", #"{"cluster_check":true,"instances":[{}],"\#(key)":1}"#)
        #expect(fixture.configs.count == 1)
        #expect(fixture.problems == ["\(object): unknown key \(key)"])
        #expect(fixture.autoConf.problems.map(\.severity) == [.warning])
    }

    @Test func `empty lists and null say nothing`() async throws {
        let (fixture, _) = try await Self.read(
            "a.yaml",
            "ad_identifiers: []\ndocker_images:\ncel_selector: ~\ndiscovery:\ncluster_check: true\ninstances: [{}]\n")
        #expect(fixture.configs.count == 1 && fixture.problems.isEmpty, "\(fixture.problems)")
    }

    @Test(arguments: [
        "http_check.yaml", "http_check.yml", "http_check.d/conf.yaml", "http_check.d/auto_conf.yaml",
        "http_check.yaml.default", "http_check.d/conf.yml.default",
    ])
    func `a YAML file is read as agents read it`(name: String) async throws {
        let contents = """
            # What people have.
            cluster_check: yes
            init_config:
            instances:
              - name: shop
                url: &url http://shop/?a=b
                tags: [env:prod, 'team:web']
                min_collection_interval: 0x1E
              - name: twelve
                url: *url
                timeout: 1.0
                body: |
                  one
                  two
                on: 12:30
            """
        let (fixture, object) = try await Self.read(name, contents)
        #expect(fixture.problems.isEmpty)
        #expect(fixture.keys == ["\(object)#http_check#0"])
        #expect(
            texts(fixture.configs[0].instances) == [
                #"{"min_collection_interval":30,"name":"shop","tags":["env:prod","team:web"],"url":"http://shop/?a=b"}"#,
                #"{"body":"one\ntwo\n","name":"twelve","on":"12:30","timeout":1.0,"url":"http://shop/?a=b"}"#,
            ])
    }

    @Test(arguments: [
        ("cluster_check: true\ninstances:\n\t- url: http://x/\n", "line 3, column 2: "),
        ("cluster_check: true\ninstances:\n- url: %%host%%\n", "line 3, column 8: "),
        ("cluster_check: true\ninstances: [{}]\n---\ninstances: [{}]\n", "line 3"),
        ("cluster_check: true\ncluster_check: false\n", "line 2, column 1: "),
        ("# nothing\n", "the file has nothing but comments"),
        ("- a\n", "an array, not an object"),
        ("cluster_check: \"true\"\ninstances: [{}]\n", "cluster_check is a string, not a boolean"),
        ("instances: {url: http://x/}\n", "instances is an object, not a list"),
    ])
    func `a YAML file that cannot be used says where and why`(contents: String, problem: String) async throws {
        let (fixture, object) = try await Self.read("http_check.yaml", contents)
        #expect(fixture.configs.isEmpty && fixture.problems.count == 1)
        let reason = fixture.problems.first ?? ""
        #expect(reason.hasPrefix("\(object): ") && reason.contains(problem), "\(reason)")
    }

    @Test func `a list of metrics is no config`() async throws {
        let (fixture, object) = try await Self.read("kafka.d/metrics.yaml", "jmx_metrics: []\n")
        #expect(fixture.configs.isEmpty)
        #expect(
            fixture.problems == [
                "\(object): a list of metrics is not read from a file of its own: write it as jmx_metrics into the config"
            ])
    }

    @Test(arguments: [
        ".hidden.json", "..data/a.json", "README.md", "a.json.example", "a.d/b.txt", "a.yaml.example", "sub/a.json",
        ".json", ".yaml", "metrics.yaml",
    ])
    func `other files are ignored`(name: String) async throws {
        let (fixture, _) = try await Self.read(name, #"{"cluster_check":true,"instances":[{}]}"#)
        #expect(fixture.configs.isEmpty)
        #expect(fixture.problems.isEmpty)
        #expect(fixture.isSynced)
    }
}

/// Runs AutoConf while `body` runs, from the end of its first pass on.
func whileRunning(_ fixture: Fixture, _ body: () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await fixture.autoConf.run() }
        defer { group.cancelAll() }
        try await fixture.clock.waitForFirstSleep()
        try await body()
    }
}
