import CheckModel
import JSON
import Platform
import Testing

@testable import ClusterChecks

@Suite struct MovementTests {
    @Test func `four configs on two nodes are two and two`() throws {
        let dispatcher = try Dispatcher(nodes: ["node1", "node2"], configs: try encodedConfigs(0..<4))
        #expect(dispatcher.store.counts == ["node1": 2, "node2": 2])
    }

    @Test func `a new config goes to the node with the least load`() throws {
        var dispatcher = try Dispatcher(nodes: ["node1", "node2"], configs: try encodedConfigs(0..<3))
        let fewest = dispatcher.store.counts.first { $0.value == 1 }?.key
        _ = dispatcher.dispatch(EncodedChanges(upserts: [try encodedConfig("new")]))
        #expect(dispatcher.store.nodeID(of: key("new")) == fewest)
        _ = try dispatcher.report("node3", at: 1)
        #expect(dispatcher.store.counts["node3"] == 1)
    }

    @Test func `nodes whose IDs differ only in how an accent is composed are two`() throws {
        var dispatcher = try Dispatcher(nodes: ["\u{E9}", "e\u{301}"], configs: try encodedConfigs(0..<4))
        #expect(dispatcher.store.nodeCount == 2)
        #expect(dispatcher.store.nodes.map(\.configs.count).sorted() == [2, 2])
        _ = try dispatcher.report("e\u{301}", at: 1)
        #expect(dispatcher.store.nodeCount == 2)
    }

    @Test func `a config with more instances weighs more`() throws {
        let heavy = try encodedConfig("heavy", instances: 6)
        let dispatcher = try Dispatcher(nodes: ["a", "b"], configs: try encodedConfigs(0..<6) + [heavy])
        #expect(dispatcher.store.counts.values.sorted() == [1, 6])
    }

    @Test func `without nodes configs dangle until the first node joins`() throws {
        var dispatcher = try Dispatcher(nodes: [], configs: try encodedConfigs(0..<5))
        #expect(dispatcher.store.dangling.map(\.reason) == Array(repeating: .noNode, count: 5))
        let answer = try dispatcher.report("a", lastChange: 0, at: 1)
        #expect(!answer.isUpToDate)
        #expect(dispatcher.store.dangling.isEmpty)
        #expect(dispatcher.store.counts == ["a": 5])
        #expect(dispatcher.store.danglingReason(of: key("c1")) == nil)
    }

    @Test func `an edited config stays on its node with a new revision`() throws {
        var dispatcher = try Dispatcher(nodes: ["a", "b", "c"], configs: try encodedConfigs(0..<9))
        let node = try #require(dispatcher.store.nodeID(of: key("c4")))
        let revision = dispatcher.store.node(node)?.revision
        let changes = dispatcher.dispatch(EncodedChanges(upserts: [try encodedConfig("c4", edition: 1)])).changes
        guard case .configReplaced = changes.first, changes.count == 1 else {
            Issue.record("\(changes)")
            return
        }
        #expect(dispatcher.store.nodeID(of: key("c4")) == node)
        #expect(dispatcher.store.node(node)?.revision != revision)
        #expect(dispatcher.store.node(node)?.configs.count == 3)
        // And back again: the same content has the same revision.
        _ = dispatcher.dispatch(EncodedChanges(upserts: [try encodedConfig("c4")]))
        #expect(dispatcher.store.node(node)?.revision == revision)
    }

    @Test func `an edited policy of the hand-over reaches the store, and what agents run stays as it is`() throws {
        var config = checkConfig("c4")
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: try encodedConfigs(0..<6))
        let node = try #require(dispatcher.store.nodeID(of: key("c4")))
        let revision = dispatcher.store.node(node)?.revision
        for policy in [HandOverPolicy.overlap, .exclusive, .sticky] {
            config.handOver = policy
            let encoded = try ConfigPatch().encode(config)
            #expect(dispatcher.dispatch(EncodedChanges(upserts: [encoded])).changes.count == 1)
            #expect(dispatcher.store.config(key("c4"))?.handOver == policy)
            #expect(dispatcher.store.nodeID(of: key("c4")) == node)
            #expect((dispatcher.store.node(node)?.revision == revision) == (policy != .exclusive))
            #expect(dispatcher.dispatch(EncodedChanges(upserts: [encoded])).changes.isEmpty)
        }
    }

    @Test(arguments: [false, true])
    func `a config that succeeds another of its source and check gets its node`(isWhole: Bool) throws {
        func config(_ entry: String) throws -> EncodedConfig {
            let key = ConfigKey(source: "test:many", check: "http_check", entry: entry, index: 0)
            let instance = JSONValue.object(["url": .string("http://\(entry)/")])
            return try ConfigPatch().encode(CheckConfig(key: key, checkName: "http_check", instances: [instance]))
        }
        let others = try encodedConfigs(0..<7)
        let former = try (0..<3).map { try config("former-\($0)") }
        var dispatcher = try Dispatcher(nodes: ["a", "b", "c"], configs: others + former)
        let nodes = former.compactMap { dispatcher.store.nodeID(of: $0.key) }
        let edited = try (0..<3).map { try config("edited-\($0)") } + [try config("new")]
        _ = dispatcher.dispatch(
            EncodedChanges(
                upserts: edited + (isWhole ? others : []), removals: isWhole ? [] : former.map(\.key),
                isWhole: isWhole))
        #expect(edited.prefix(3).compactMap { dispatcher.store.nodeID(of: $0.key) } == nodes)
        #expect(dispatcher.store.counts.values.sorted() == [3, 4, 4])
        // What was removed before has no successor.
        _ = dispatcher.dispatch(EncodedChanges(upserts: [], removals: [edited[0].key]))
        let later = try config("later")
        _ = dispatcher.dispatch(EncodedChanges(upserts: [later]))
        #expect(dispatcher.store.counts.values.sorted() == [3, 4, 4])
    }

    @Test func `applying the same set again changes nothing`() throws {
        let configs = try encodedConfigs(0..<9)
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: configs)
        #expect(dispatcher.dispatch(EncodedChanges(upserts: configs, isWhole: true)).changes.isEmpty)
        #expect(dispatcher.dispatch(EncodedChanges(upserts: configs)).changes.isEmpty)
    }

    @Test func `a whole set removes what it lacks and a partial one does not`() throws {
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: try encodedConfigs(0..<9))
        _ = dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(0..<2)))
        #expect(dispatcher.store.configCount == 9)
        _ = dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(0..<2), isWhole: true))
        #expect(dispatcher.store.keys.sorted() == [key("c0"), key("c1")])
        _ = dispatcher.dispatch(EncodedChanges(upserts: [], removals: [key("c1"), key("never there")]))
        #expect(dispatcher.store.keys.sorted() == [key("c0")])
    }

    @Test func `nodes that join one after the other end up with counts that differ by at most one`() throws {
        var dispatcher = try Dispatcher(nodes: ["n0"], configs: try encodedConfigs(0..<100))
        for joined in 1..<30 {
            let changes = try dispatcher.report("n\(joined)", at: 1).changes
            #expect(changes.compactMap(\.movedKey).count == 100 / (joined + 1))
            let counts = dispatcher.store.counts.values
            #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1, "after \(joined)")
        }
    }

    @Test func `a joining node gets no config that is heavier than its share`() throws {
        let configs = [try encodedConfig("heavy", instances: 50)] + (try encodedConfigs(0..<10))
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: configs)
        let holder = dispatcher.store.nodeID(of: key("heavy"))
        _ = try dispatcher.report("c", at: 1)
        #expect(dispatcher.store.nodeID(of: key("heavy")) == holder)
        #expect(dispatcher.store.counts.values.sorted() == [1, 5, 5])
    }

    @Test func `nodes that join in warm-up get nothing yet`() throws {
        var dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        for node in ["a", "b", "c"] { _ = try dispatcher.report(node, at: 0) }
        #expect(dispatcher.store.configCount == 0)
        _ = dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(0..<10), isWhole: true))
        #expect(dispatcher.store.counts.values.sorted() == [3, 3, 4])
    }

    @Test func `configs over the limit are refused and named`() throws {
        var options = HandlerOptions(patch: ConfigPatch())
        options.maximumConfigs = 3
        var dispatcher = try Dispatcher(nodes: ["a"], configs: try encodedConfigs(0..<3), options: options)
        let (changes, refused) = dispatcher.dispatch(
            EncodedChanges(upserts: [try encodedConfig("c1", edition: 1), try encodedConfig("more")]))
        #expect(changes.count == 1)
        #expect(refused == [key("more")])
        #expect(dispatcher.store.configCount == 3)
    }
}
