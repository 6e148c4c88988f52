import AutoConf
import CheckModel
import JSON
import Kubernetes
import Platform
import Testing

/// ClusterChecks as a source of configs.
@Suite struct ClusterCheckTests {
    private static let source = "cluster_check://shop/db"
    private static let good = #"{"check": "postgres", "instances": [{"host": "db.example", "port": 5432}]}"#

    private func fixture(_ change: (inout AutoConfOptions) -> Void = { _ in }) -> Fixture {
        var options = AutoConfOptions(watchesClusterChecks: true)
        change(&options)
        return Fixture(options, environment: ["USER_NAME": "reader", "DD_TOKEN": "x"])
    }

    private func check(
        _ spec: String, name: String = "db", uid: String = "u1", status: ClusterCheckStatus = ClusterCheckStatus()
    ) throws -> ClusterCheck {
        ClusterCheck(
            metadata: ObjectMetadata(name: name, namespace: "shop", uid: uid),
            spec: try JSONValue(parsing: Array(spec.utf8)), status: status)
    }

    @Test func `a spec is one config, as it is written`() throws {
        let fixture = fixture()
        fixture.autoConf.handle(
            .replaced([
                try check(
                    """
                    {"check": "postgres", "initConfig": {"a": 1}, "instances": [
                        {"host": "db.example", "user": "%%env_USER_NAME%%", "big": 12345678901234567890, "x": 1.0},
                        {"host": "other.example"}],
                     "placement": {"handover": "exclusive", "zone": ["a", "b"], "weight": 2.5, "pin": "n1",
                        "node_selector": {"disk": "ssd"}}}
                    """)
            ]))
        let config = try #require(fixture.configs.first)
        #expect(fixture.isSynced && fixture.configs.count == 1 && fixture.problems.isEmpty)
        #expect(fixture.keys == ["\(Self.source)#postgres#0"])
        #expect(
            texts(config.instances) == [
                #"{"big":12345678901234567890,"host":"db.example","user":"reader","x":1.0}"#,
                #"{"host":"other.example"}"#,
            ])
        #expect(config.initConfig == .object(["a": .number("1")]) && config.handOver == .exclusive)
        #expect(config.source == Self.source && config.provider == "kubernetes-clusterchecks")
        let rules = PlacementRules(weight: 2.5, nodeSelector: ["disk": "ssd"], zones: ["a", "b"], pin: "n1")
        #expect(config.rules == rules)
    }

    @Test(arguments: [
        ("null", "spec: null, not an object"), ("7", "spec: a number, not an object"),
        (#"{"instances": [{}]}"#, "spec: check is missing"),
        (#"{"check": "", "instances": [{}]}"#, "spec: check is missing"),
        (#"{"check": ["a"], "instances": [{}]}"#, "spec: check is an array, not a string"),
        (#"{"check": "a"}"#, "spec: instances is missing or empty"),
        (#"{"check": "a", "instances": []}"#, "spec: instances is missing or empty"),
        (#"{"check": "a", "instances": {}}"#, "spec: instances is an object, not a list"),
        (#"{"check": "a", "instances": ["secret"]}"#, "spec: instances[0] is a string, not an object"),
        (#"{"check": "a", "instances": [{}], "initConfig": 1}"#, "spec: initConfig is a number, not an object"),
        (#"{"check": "a", "instances": [{}], "paused": "yes"}"#, "spec: paused is a string, not a boolean"),
        (
            #"{"check": "a", "instances": [{"h": "%%host%%"}]}"#,
            "%%host%%: this config is bound to no Service; only %%env_X%% is resolved in it"
        ),
        (
            #"{"check": "a", "instances": [{"h": "%%env_DD_TOKEN%%"}]}"#,
            "%%env_DD_TOKEN%%: environment variable DD_TOKEN is not allowed (ad_allowed_env_vars)"
        ),
    ])
    func `a spec that cannot be used is told, and what ran goes on`(spec: String, reason: String) throws {
        let fixture = fixture()
        fixture.autoConf.handle(.replaced([try check(Self.good), try check(Self.good, name: "other")]))
        let before = fixture.configs
        fixture.autoConf.handle(.applied(try check(spec)))
        #expect(fixture.configs == before && before.count == 2)
        #expect(fixture.problems == ["\(Self.source): \(reason)"])
        let acceptance = try #require(fixture.autoConf.acceptance(ofClusterCheck: Self.source))
        #expect(acceptance == ClusterCheckAcceptance(errors: [reason], keepsLast: true))
        // One that never was good has nothing to keep.
        fixture.autoConf.handle(.applied(try check(spec, name: "new")))
        #expect(fixture.configs == before)
        #expect(
            fixture.autoConf.acceptance(ofClusterCheck: "cluster_check://shop/new")
                == ClusterCheckAcceptance(errors: [reason], hasConfig: false))
        fixture.autoConf.handle(.applied(try check(Self.good)))
        fixture.autoConf.handle(.deleted(try check(spec, name: "new")))
        #expect(fixture.problems.isEmpty && fixture.configs == before)
    }

    @Test func `what no agent could read is refused, as from every other source`() throws {
        let fixture = fixture()
        let key = String(repeating: "k", count: 1_001)
        let deep = String(repeating: #"{"a":"#, count: 70) + "1" + String(repeating: "}", count: 70)
        for spec in [#"{"check": "a", "instances": [{"\#(key)": 1}]}"#, #"{"check": "a", "instances": [\#(deep)]}"#] {
            let text = #"{"metadata":{"name":"db","namespace":"shop","resourceVersion":"1"},"spec":\#(spec)}"#
            let read = try ClusterCheck(parsing: Array(text.utf8), limits: JSONLimits(depth: 512, keyBytes: .max))
            fixture.autoConf.handle(.replaced([read]))
            #expect(fixture.configs.isEmpty && fixture.problems.count == 1, "\(fixture.problems)")
        }
    }

    @Test func `one bad instance does not take the others`() throws {
        let fixture = fixture()
        fixture.autoConf.handle(
            .replaced([try check(#"{"check": "a", "instances": [{"x": 1}, 5, {"x": "%%port%%"}], "placement": 1}"#)]))
        #expect(fixture.configs.map(\.instances.count) == [1])
        let acceptance = try #require(fixture.autoConf.acceptance(ofClusterCheck: Self.source))
        #expect(acceptance.errors.count == 3 && acceptance.warnings.isEmpty && acceptance.hasConfig)
    }

    @Test func `a paused one has no config, be the rest of it good or not`() throws {
        let fixture = fixture()
        fixture.autoConf.handle(.replaced([try check(Self.good)]))
        fixture.autoConf.handle(.applied(try check(#"{"check": "postgres", "instances": [{"a": 1}], "paused": true}"#)))
        #expect(fixture.configs.isEmpty && fixture.problems.isEmpty)
        #expect(fixture.autoConf.acceptance(ofClusterCheck: Self.source)?.isPaused == true)
        fixture.autoConf.handle(.applied(try check(Self.good)))
        #expect(fixture.configs.count == 1)
        fixture.autoConf.handle(.applied(try check(#"{"check": "postgres", "paused": true}"#)))
        #expect(fixture.configs.isEmpty && fixture.problems.count == 1)
    }

    @Test(arguments: [
        // Broken, then paused: the same spec, or another broken one.
        [#"{"check": 5}"#, #"{"check": 5, "paused": true}"#, #"{"check": 5}"#],
        [#"{"check": 5}"#, #"{"check": 6, "paused": true}"#, #"{"check": 7, "paused": true}"#, #"{"check": 5}"#],
        // Paused, then broken, then not paused any more.
        [paused(good), #"{"check": 5, "paused": true}"#, #"{"check": 5, "paused": false}"#],
        [paused(good), #"{"check": 5}"#],
    ])
    func `one that is paused keeps what was good last`(specs: [String]) throws {
        let fixture = fixture()
        fixture.autoConf.handle(.replaced([try check(Self.good)]))
        let before = fixture.configs
        for spec in specs {
            fixture.autoConf.handle(.applied(try check(spec)))
            let isPaused = spec.contains("true")
            #expect(fixture.configs == (isPaused ? [] : before), "\(spec)")
            let isBroken = !spec.contains("postgres")
            #expect(fixture.autoConf.reportedProblems.map(\.keepsLast) == (isBroken ? [!isPaused] : []))
            let acceptance = try #require(fixture.autoConf.acceptance(ofClusterCheck: Self.source))
            #expect(acceptance.isPaused == isPaused && acceptance.hasConfig == !isPaused)
        }
        // A list that says the same changes nothing; one without it takes it away for good.
        fixture.autoConf.handle(.replaced([try check(specs[specs.count - 1])]))
        #expect(fixture.configs == before)
        fixture.autoConf.handle(.replaced([try check(#"{"paused": true}"#)]))
        fixture.autoConf.handle(ReflectorEvent<ClusterCheck>.replaced([]))
        fixture.autoConf.handle(.applied(try check(#"{"check": 5}"#)))
        #expect(fixture.configs.isEmpty)
    }

    private static func paused(_ spec: String) -> String { spec.dropLast() + #", "paused": true}"# }

    @Test(arguments: ["7", #"{"check": "a", "instances": [{}], "paused": "no"}"#])
    func `one that is paused stays so where that cannot be read`(broken: String) throws {
        let fixture = fixture()
        fixture.autoConf.handle(.replaced([try check(Self.good)]))
        fixture.autoConf.handle(.applied(try check(Self.paused(Self.good))))
        fixture.autoConf.handle(.applied(try check(broken)))
        #expect(fixture.configs.isEmpty && fixture.problems.count == 1)
        fixture.autoConf.handle(.applied(try check(Self.good)))
        #expect(fixture.configs.count == 1 && fixture.problems.isEmpty)
    }

    @Test func `a paused one is edited, and runs as it is written last`() throws {
        let fixture = fixture()
        fixture.autoConf.handle(.replaced([try check(Self.paused(Self.good))]))
        #expect(fixture.configs.isEmpty && fixture.isSynced)
        for text in ["a", "b"] {
            let spec = #"{"check": "postgres", "instances": [{"host": "\#(text)"}]}"#
            fixture.autoConf.handle(.applied(try check(Self.paused(spec))))
            #expect(fixture.configs.isEmpty)
            fixture.autoConf.handle(.applied(try check(spec)))
            #expect(fixture.configs.flatMap(\.instances) == [.object(["host": .string(text)])])
        }
        fixture.autoConf.handle(.applied(try check(#"{"check": "mysql", "instances": [{}], "paused": true}"#)))
        fixture.autoConf.handle(.applied(try check("{}")))
        #expect(fixture.configs.map(\.checkName) == ["mysql"])
    }

    @Test func `a status changes nothing, and another object of the same name is another one`() throws {
        let fixture = fixture()
        fixture.autoConf.handle(.replaced([try check(Self.good)]))
        let changes = fixture.desired.changes
        fixture.autoConf.handle(.applied(try check(Self.good, status: ClusterCheckStatus(node: "n1"))))
        #expect(fixture.desired.changes == changes)
        // It was deleted and made again, and only the latter was seen.
        fixture.autoConf.handle(.applied(try check("{}", uid: "u2")))
        #expect(fixture.configs.isEmpty)
    }

    @Test func `what is not in a list is gone, and an absent resource is an empty list`() throws {
        let fixture = fixture()
        fixture.autoConf.handle(.replaced([try check(Self.good), try check(Self.good, name: "other")]))
        fixture.autoConf.handle(.replaced([try check(Self.good, name: "other")]))
        #expect(fixture.keys == ["cluster_check://shop/other#postgres#0"])
        #expect(fixture.autoConf.acceptance(ofClusterCheck: Self.source) == nil)
        fixture.autoConf.handle(ReflectorEvent<ClusterCheck>.replaced([]))
        #expect(fixture.configs.isEmpty)
    }

    @Test func `a list in pages is a whole list, and one that was given up removes nothing`() throws {
        let fixture = fixture()
        func check(_ name: String) throws -> ClusterCheck { try self.check(Self.good, name: name) }
        func names() -> [String] { fixture.configs.map { String($0.key.source.suffix(1)) } }
        fixture.autoConf.handle(page: ReflectorPage([try check("a"), try check("b")], isFirst: true))
        #expect(names() == ["a", "b"] && !fixture.isSynced)
        fixture.autoConf.handle(page: ReflectorPage([try check("c")], isFirst: false))
        fixture.autoConf.handle(.replaced([try check("d")]))
        #expect(names() == ["a", "b", "c", "d"] && fixture.isSynced)
        // A list that ends after its first page; then one of "c" and "d" alone.
        fixture.autoConf.handle(page: ReflectorPage([try check("a")], isFirst: true))
        fixture.autoConf.handle(page: ReflectorPage([try check("c")], isFirst: true))
        #expect(names() == ["a", "b", "c", "d"])
        fixture.autoConf.handle(.replaced([try check("d")]))
        #expect(names() == ["c", "d"])
        // One without pages says all by itself.
        fixture.autoConf.handle(.replaced([try check("e")]))
        #expect(names() == ["e"])
    }

    /// Large ones are published one by one.
    @Test func `a list of large ones is handled in parts`() throws {
        let fixture = fixture()
        let text = String(repeating: "x", count: 300_000)
        let large = #"{"check": "a", "instances": [{"x": "\#(text)"}]}"#
        fixture.autoConf.handle(.replaced(try (0..<5).map { try check(large, name: "c\($0)") }))
        #expect(fixture.configs.count == 5 && fixture.desired.changes == 5)
    }

    @Test func `without the permission all else is synced, and what is known stays`() throws {
        let fixture = fixture { $0.watchesServices = true }
        fixture.autoConf.handle(
            .replaced([service(["check_names": "[\"a\"]", "init_configs": "[{}]", "instances": "[{}]"])]))
        func at(_ seconds: Int) -> Instant { Instant(nanoseconds: 0) + .seconds(seconds) }
        fixture.autoConf.clusterChecksForbidden(begun: at(1))
        #expect(!fixture.isSynced)
        fixture.autoConf.clusterChecksForbidden(begun: at(31))
        #expect(fixture.isSynced && fixture.configs.count == 1)
        // That there are none is concluded much later: a server that has just started forbids everything.
        #expect(fixture.readings.take().allSatisfy { $0.readings.clusterChecks == .distantPast })
        fixture.autoConf.readAnew(since: at(32))
        fixture.autoConf.clusterChecksForbidden(begun: at(600))
        #expect(fixture.readings.take().isEmpty)
        fixture.autoConf.clusterChecksForbidden(begun: at(601))
        #expect(fixture.readings.take().map(\.readings.clusterChecks) == [at(601)])
        fixture.autoConf.handle(.replaced([try check(Self.good)], begun: at(602)))
        fixture.autoConf.clusterChecksForbidden(begun: at(603))
        #expect(fixture.configs.count == 2)
    }

    @Test func `one that leaves no room is told, and read again when there is room`() throws {
        let fixture = fixture { $0.maximumBytes = 2_500 }
        let all = try (0..<3).map { try check(Self.good, name: "c\($0)") }
        fixture.autoConf.handle(.replaced(all))
        #expect(fixture.configs.count == 2 && fixture.problems.count == 1)
        fixture.autoConf.handle(.replaced(Array(all.dropFirst())))
        #expect(fixture.keys == (1..<3).map { "cluster_check://shop/c\($0)#postgres#0" } && fixture.problems.isEmpty)
    }

    @Test func `its Events are about it`() throws {
        let fixture = fixture()
        fixture.autoConf.handle(.replaced([try check("{}")]))
        let object = try #require(fixture.autoConf.object(ofSource: Self.source))
        let known = ["cluster-agent.dev/v1alpha1", "ClusterCheck", "shop", "db", "u1"]
        #expect([object.apiVersion, object.kind, object.namespace, object.name, object.uid] == known)
        #expect(fixture.changes.take().map(\.object?.kind) == ["ClusterCheck"])
        #expect(fixture.autoConf.objectProblems.map(\.object.name) == ["db"])
        #expect(fixture.autoConf.object(ofSource: "cluster_check://shop/none") == nil)
    }
}
