import CheckModel
import JSON
import Leadership
import Platform
import TestKit
import Testing

@testable import ClusterChecks

@Suite struct ShardingTests {
    private static let all: ShardingOptions = {
        var options = ShardingOptions()
        (options.shardsKubeStateMetrics, options.shardsInstances) = (true, true)
        options.unshardedChecks = ["together"]
        return options
    }()

    private func config(_ check: String, _ instances: [String], logs: JSONValue? = nil) throws -> CheckConfig {
        CheckConfig(
            key: ConfigKey(source: "file:/conf.d/\(check).json", check: check, index: 0), checkName: check,
            instances: try instances.map { try JSONValue(parsing: $0) }, logs: logs, serviceID: "kube_service://a/b")
    }

    private func shards(_ check: String, _ instances: [String]) throws -> [CheckConfig] {
        Sharding(Self.all).shards(of: try config(check, instances)).shards
    }

    @Test(arguments: [
        ("two groups", #"{"collectors":["pods","nodes"]}"#, [["pods"], ["nodes"]]),
        (
            "three groups", #"{"collectors":["services","nodes","pods","jobs"]}"#,
            [["pods"], ["nodes"], ["jobs", "services"]]
        ),
        ("one group", #"{"collectors":["pods"]}"#, []),
        ("others alone", #"{"collectors":["jobs","services"]}"#, []),
    ])
    func `kube_state_metrics is split by resources`(row: String, instance: String, groups: [[String]]) throws {
        let shards = try shards("kubernetes_state_core", [instance])
        #expect(shards.map { $0.instances[0]["collectors"] } == groups.map { .array($0.map(JSONValue.string)) })
        #expect(shards.allSatisfy { $0.instances[0]["skip_leader_election"] == .bool(true) })
        #expect(shards.allSatisfy { $0.serviceID == "kube_service://a/b" })
        #expect(Set(shards.map(\.key)).count == groups.count)
    }

    @Test func `kube_state_metrics without collectors collects all and is split`() throws {
        let shards = try shards("kubernetes_state_core", [#"{"namespaces":["a"]}"#])
        #expect(shards.map(\.key.shard) == ["pods", "nodes", "others"])
        #expect(shards[2].instances[0]["collectors"]?.arrayValue?.contains(.string("deployments")) == true)
        #expect(shards.allSatisfy { $0.instances[0]["namespaces"] == .array([.string("a")]) })
    }

    @Test func `sharding criteria split a config by hash`() throws {
        let shards = try shards(
            "kubernetes_state_core",
            [
                #"{"shard_criteria":["resource","namespace"],"shard_count":3}"#,
                #"{"pod_collection_mode":"cluster_aggregates_only","first":true}"#,
                #"{"pod_collection_mode":"cluster_aggregates_only"}"#,
            ])
        #expect(shards.map(\.key.shard) == ["hash-0", "hash-1", "hash-2", "aggregates"])
        #expect(shards.prefix(3).map { $0.instances[0]["shard_id"] } == [.number("0"), .number("1"), .number("2")])
        let criteria = JSONValue.array([.string("namespace"), .string("resource")])
        #expect(shards.prefix(3).allSatisfy { $0.instances[0]["shard_criteria"] == criteria })
        #expect(shards[3].instances[0]["first"] == .bool(true))
    }

    @Test(arguments: [
        #"{"shard_criteria":["pod"],"shard_count":3}"#, #"{"shard_criteria":["namespace"],"shard_count":1}"#,
        #"{"shard_criteria":["namespace"]}"#, #"{"shard_criteria":["namespace","namespace"],"shard_count":2}"#,
        #"{"shard_criteria":"namespace","shard_count":2}"#, #"{"shard_criteria":[1],"shard_count":2}"#,
        #"{"collectors":"pods"}"#, #"{"collectors":["pods",1]}"#,
    ])
    func `a config that cannot be split is reported and dispatched whole`(instance: String) throws {
        let outcome = Sharding(Self.all).shards(of: try config("kubernetes_state_core", [instance]))
        #expect(outcome.shards.isEmpty)
        #expect(outcome.problem?.contains("dispatched whole") == true)
    }

    @Test func `several instances are dispatched separately`() throws {
        let shards = try shards("postgres", [#"{"host":"a"}"#, #"{"host":"b","name":"n"}"#, #"{"host":"c"}"#])
        #expect(shards.allSatisfy { $0.serviceID.hasPrefix("kube_service://a/b#instance-shard-") })
        #expect(Set(shards.map(\.serviceID)).count == 3)
        #expect(shards.map(\.instances.count) == [1, 1, 1])
        #expect(try self.shards("postgres", [#"{"host":"a"}"#]).isEmpty)
        #expect(try self.shards("together", [#"{"host":"a"}"#, #"{"host":"b"}"#]).isEmpty)
        let logs = try config("postgres", [#"{"host":"a"}"#, #"{"host":"b"}"#], logs: .array([]))
        #expect(Sharding(Self.all).shards(of: logs).shards.isEmpty)
    }

    @Test func `a removed instance changes neither the keys nor the bytes of the others`() throws {
        let four = [#"{"host":"a"}"#, #"{"host":"b","name":"n"}"#, #"{"host":"c"}"#, #"{"host":"c"}"#]
        let all = try shards("postgres", four)
        #expect(Set(all.map(\.key)).count == 4 && Set(all.map(\.digest)).count == 4)
        for gone in 0..<3 {
            var fewer = four
            fewer.remove(at: gone)
            let left = try shards("postgres", fewer)
            #expect(Set(left).isSubset(of: all), "\(left)")
        }
        #expect(try Set(shards("postgres", four.reversed())) == Set(all))
    }

    @Test func `an edited instance keeps its key if its name is its own`() throws {
        let before = try shards("postgres", [#"{"name":"a"}"#, #"{"name":"b","v":1}"#, #"{"name":"c"}"#])
        let edited = try shards("postgres", [#"{"name":"a"}"#, #"{"name":"b","v":2}"#, #"{"name":"c"}"#])
        #expect(edited.map(\.key) == before.map(\.key))
        let fewer = try shards("postgres", [#"{"name":"a"}"#, #"{"name":"c"}"#])
        #expect(fewer.map(\.key) == [before[0].key, before[2].key])
        let same = try shards("postgres", [#"{"name":"a"}"#, #"{"name":"a"}"#])
        #expect(Set(same.map(\.key)).count == 2)
    }

    @Test(arguments: HandOverPolicy.allCases)
    func `shards are handed over as their config`(policy: HandOverPolicy) throws {
        var options = HandlerOptions(patch: ConfigPatch())
        options.sharding = Self.all
        let aggregate = #"{"pod_collection_mode":"cluster_aggregates_only"}"#
        for (check, instances) in [
            ("postgres", [#"{"host":"a"}"#, #"{"host":"b"}"#]), ("kubernetes_state_core", ["{}", aggregate]),
            ("kubernetes_state_core", [#"{"shard_criteria":["namespace"],"shard_count":2}"#]),
            ("together", ["{}", "{}"]),
        ] {
            var config = try config(check, instances)
            config.handOver = policy
            let dispatched = DesiredConfig(key: config.key, form: options.form(of: config)).configs
            #expect(!dispatched.isEmpty && dispatched.allSatisfy { $0.handOver == policy })
        }
    }

    @Test func `endpoints checks and other configs are not split`() throws {
        var pinned = try config("postgres", [#"{"host":"a"}"#, #"{"host":"b"}"#])
        pinned.nodeName = "w1"
        #expect(Sharding(Self.all).shards(of: pinned).shards.isEmpty)
        pinned.nodeName = ""
        #expect(Sharding(ShardingOptions()).shards(of: pinned).shards.isEmpty)
        pinned.clusterCheck = false
        #expect(Sharding(Self.all).shards(of: pinned).shards.isEmpty)
    }

    /// Parts come and go with their config, whatever they are at that time.
    @Test func `the handler tracks the parts of a split config`() async throws {
        var options = HandlerOptions(patch: ConfigPatch())
        options.warmup = .zero
        options.sharding = Self.all
        options.excludedChecks = ["never"]
        let desired = DesiredConfigs(for: options)
        let clock = ManualClock()
        let executor = ManualExecutor()
        func settle() { executor.drain() }
        let term = Term(token: "t", validUntil: Deadline(.distantFuture))
        let handler = Handler(
            source: desired, leadership: Watched(.leading(term)), options: options, clock: clock,
            log: Log(sink: RecordingLog()))
        func keys() throws -> [String] {
            let state = try handler.snapshot(now: clock.now())
            return (state.nodes.flatMap(\.configs) + state.dangling.map(\.config)).map(\.key.shard).sorted()
        }
        try await executor.run({ await handler.run() }) {
            let three = try config("postgres", [#"{"host":"a"}"#, #"{"host":"b"}"#, #"{"host":"c"}"#])
            desired.apply(upserts: [three, try config("never", ["{}"])], synced: true)
            settle()
            let all = try keys()
            #expect(all.count == 3 && all.allSatisfy { $0.hasPrefix("instance:content:") })
            desired.apply(upserts: [try config("postgres", [#"{"host":"a"}"#, #"{"host":"b"}"#])])
            settle()
            #expect(try keys().count == 2 && Set(keys()).isSubset(of: all))
            desired.apply(upserts: [try config("postgres", [#"{"host":"a"}"#])])
            settle()
            #expect(try keys() == [""])
            desired.apply(upserts: [three])
            settle()
            #expect(try keys() == all)
            desired.apply(removals: [three.key])
            settle()
            #expect(try keys().isEmpty)
        }
    }
}
