import CheckModel
import ClusterChecks
import Platform
import Testing

@Suite struct ShardingTests {
    private static let all: ShardingOptions = {
        var options = ShardingOptions()
        (options.shardsKubeStateMetrics, options.shardsInstances) = (true, true)
        options.unshardedChecks = ["together"]
        return options
    }()

    private func config(_ check: String, _ instances: [String], logs: JSON? = nil) throws -> CheckConfig {
        CheckConfig(
            key: ConfigKey(source: "file:/conf.d/\(check).json", check: check, index: 0), checkName: check,
            instances: try instances.map { try JSON(parsing: $0) }, logs: logs, serviceID: "kube_service://a/b")
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
    func kubeStateMetricsIsTakenApartByResources(row: String, instance: String, groups: [[String]]) throws {
        let shards = try shards("kubernetes_state_core", [instance])
        #expect(shards.map { $0.instances[0]["collectors"] } == groups.map { .array($0.map(JSON.string)) })
        #expect(shards.allSatisfy { $0.instances[0]["skip_leader_election"] == .bool(true) })
        #expect(shards.allSatisfy { $0.serviceID == "kube_service://a/b" })
        #expect(Set(shards.map(\.key)).count == groups.count)
    }

    @Test func withoutCollectorsItCollectsAllAndIsTakenApart() throws {
        let shards = try shards("kubernetes_state_core", [#"{"namespaces":["a"]}"#])
        #expect(shards.map(\.key.shard) == ["pods", "nodes", "others"])
        #expect(shards[2].instances[0]["collectors"]?.arrayValue?.contains(.string("deployments")) == true)
        #expect(shards.allSatisfy { $0.instances[0]["namespaces"] == .array([.string("a")]) })
    }

    @Test func criteriaTakeItApartByHash() throws {
        let shards = try shards(
            "kubernetes_state_core",
            [
                #"{"shard_criteria":["resource","namespace"],"shard_count":3}"#,
                #"{"pod_collection_mode":"cluster_aggregates_only","first":true}"#,
                #"{"pod_collection_mode":"cluster_aggregates_only"}"#,
            ])
        #expect(shards.map(\.key.shard) == ["hash-0", "hash-1", "hash-2", "aggregates"])
        #expect(shards.prefix(3).map { $0.instances[0]["shard_id"] } == [.number("0"), .number("1"), .number("2")])
        let criteria = JSON.array([.string("namespace"), .string("resource")])
        #expect(shards.prefix(3).allSatisfy { $0.instances[0]["shard_criteria"] == criteria })
        #expect(shards[3].instances[0]["first"] == .bool(true))
    }

    @Test(arguments: [
        #"{"shard_criteria":["pod"],"shard_count":3}"#, #"{"shard_criteria":["namespace"],"shard_count":1}"#,
        #"{"shard_criteria":["namespace"]}"#, #"{"shard_criteria":["namespace","namespace"],"shard_count":2}"#,
        #"{"shard_criteria":"namespace","shard_count":2}"#, #"{"shard_criteria":[1],"shard_count":2}"#,
        #"{"collectors":"pods"}"#, #"{"collectors":["pods",1]}"#,
    ])
    func whatIsWrongIsToldAndDispatchedWhole(instance: String) throws {
        let outcome = Sharding(Self.all).shards(of: try config("kubernetes_state_core", [instance]))
        #expect(outcome.shards.isEmpty)
        #expect(outcome.problem?.contains("dispatched whole") == true)
    }

    @Test func severalInstancesAreDispatchedEachByItself() throws {
        let shards = try shards("postgres", [#"{"host":"a"}"#, #"{"host":"b","name":"n"}"#, #"{"host":"c"}"#])
        #expect(shards.map(\.serviceID) == (0..<3).map { "kube_service://a/b#instance-shard-\($0)" })
        #expect(shards.map(\.instances.count) == [1, 1, 1])
        #expect(try self.shards("postgres", [#"{"host":"a"}"#]).isEmpty)
        #expect(try self.shards("together", [#"{"host":"a"}"#, #"{"host":"b"}"#]).isEmpty)
        let logs = try config("postgres", [#"{"host":"a"}"#, #"{"host":"b"}"#], logs: .array([]))
        #expect(Sharding(Self.all).shards(of: logs).shards.isEmpty)
    }

    @Test func anEditedInstanceKeepsItsKeyAndANamedOneAlsoWhenAnotherGoes() throws {
        let before = try shards("postgres", [#"{"name":"a"}"#, #"{"name":"b","v":1}"#, #"{"name":"c"}"#])
        let edited = try shards("postgres", [#"{"name":"a"}"#, #"{"name":"b","v":2}"#, #"{"name":"c"}"#])
        #expect(edited.map(\.key) == before.map(\.key))
        let fewer = try shards("postgres", [#"{"name":"a"}"#, #"{"name":"c"}"#])
        #expect(fewer.map(\.key) == [before[0].key, before[2].key])
        let same = try shards("postgres", [#"{"name":"a"}"#, #"{"name":"a"}"#])
        #expect(Set(same.map(\.key)).count == 2)
    }

    @Test func endpointsChecksAndChecksOfNoClusterAreLeftWhole() throws {
        var pinned = try config("postgres", [#"{"host":"a"}"#, #"{"host":"b"}"#])
        pinned.nodeName = "w1"
        #expect(Sharding(Self.all).shards(of: pinned).shards.isEmpty)
        pinned.nodeName = ""
        #expect(Sharding(ShardingOptions()).shards(of: pinned).shards.isEmpty)
        pinned.clusterCheck = false
        #expect(Sharding(Self.all).shards(of: pinned).shards.isEmpty)
    }

    /// Parts come and go with their config, whatever they are at that time.
    @Test func theHandlerKeepsThePartsOfWhatItIsGiven() async throws {
        var options = HandlerOptions(patch: ConfigPatch())
        options.warmup = .zero
        options.sharding = Self.all
        options.excludedChecks = ["never"]
        let desired = DesiredConfigs(for: options)
        let clock = ManualClock()
        let term = Term(token: "t", validUntil: Deadline(.distantFuture))
        let handler = Handler(
            source: desired, leadership: GivenLeadership(.leading(term)), options: options, clock: clock,
            log: Log(sink: RecordedLog()))
        func keys() throws -> [String] {
            let state = try handler.snapshot(now: clock.now())
            return (state.nodes.flatMap(\.configs) + state.dangling.map(\.config)).map(\.key.shard).sorted()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await handler.run() }
            let three = try config("postgres", [#"{"host":"a"}"#, #"{"host":"b"}"#, #"{"host":"c"}"#])
            desired.apply(upserts: [three, try config("never", ["{}"])], synced: true)
            try await eventually("three parts dangle") { (try? keys()) == ["instance-0", "instance-1", "instance-2"] }
            desired.apply(upserts: [try config("postgres", [#"{"host":"a"}"#, #"{"host":"b"}"#])])
            try await eventually("one is gone") { try keys() == ["instance-0", "instance-1"] }
            desired.apply(upserts: [try config("postgres", [#"{"host":"a"}"#])])
            try await eventually("whole again") { try keys() == [""] }
            desired.apply(upserts: [three])
            try await eventually("three again") { try keys() == ["instance-0", "instance-1", "instance-2"] }
            desired.apply(removals: [three.key])
            try await eventually("all gone") { try keys().isEmpty }
            group.cancelAll()
        }
    }
}
