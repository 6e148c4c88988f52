import CheckModel
import JSON
import Platform
import TestKit
import Testing

@testable import ClusterChecks

/// One instance of a config with several is isolated: it leaves the others.
@Suite struct InstanceIsolationTests {
    private static let names = ["x", "y", "z"]

    private func config(
        _ names: [String] = names, edition: Int = 0, policy: HandOverPolicy = .sticky, tags: [String] = [],
        logs: JSONValue? = nil
    ) throws -> EncodedConfig {
        let instances = names.map { name in
            JSONValue.object(["name": .string(name), "url": .string("http://\(name)/\(edition)")])
        }
        return try ConfigPatch(extraTags: tags).encode(
            CheckConfig(
                key: key("many"), checkName: "http_check", instances: instances, logs: logs,
                serviceID: "kube_service://a/b", handOver: policy))
    }

    private func part(_ name: String) -> ConfigKey { key("many").shard("instance:name:\(name)") }

    private func cluster(_ config: EncodedConfig, nodes: [String] = ["a", "b", "c"]) throws -> Dispatcher {
        try Dispatcher(nodes: nodes, configs: try encodedConfigs(0..<6) + [config])
    }

    @discardableResult
    private func order(_ verb: IntentCommand.Verb, _ check: String, _ dispatcher: inout Dispatcher) throws -> String {
        let decision = try dispatcher.decide(IntentCommand(verb, check: check))
        dispatcher.adopt(decision.intent)
        return decision.answer
    }

    private func refusal(_ verb: IntentCommand.Verb, _ check: String, _ dispatcher: Dispatcher) -> String {
        do {
            _ = try dispatcher.decide(IntentCommand(verb, check: check))
            return "none"
        } catch { return "\(error)" }
    }

    /// The instances that each node is told to run, by URL.
    private func told(_ dispatcher: Dispatcher) throws -> [String: [String]] {
        var told: [String: [String]] = [:]
        for node in dispatcher.store.nodes where !node.id.isEmpty {
            told[node.id] = try dispatcher.configs(of: node.id).configs.flatMap { config in
                try WireConfig(try JSONValue(parsing: config.wire), message: "", place: "").instances
                    .map { try JSONValue(parsing: $0)["url"]?.stringValue ?? "" }
            }.sorted()
        }
        return told
    }

    private func isAlone(_ name: String, edition: Int = 0, _ dispatcher: Dispatcher) throws -> Bool {
        try told(dispatcher).values.contains(["http://\(name)/\(edition)"])
    }

    @Test func `an instance is alone, the others stay together where they were, and nothing runs twice`() throws {
        let whole = try config()
        var dispatcher = try cluster(whole)
        let home = try #require(dispatcher.store.nodeID(of: whole.key))
        let before = try told(dispatcher).values.flatMap { $0 }.sorted()
        let answer = try order(.isolate, whole.instanceIDs[1], &dispatcher)
        let alone = try #require(dispatcher.store.config(part("y")))
        let node = try #require(dispatcher.store.nodeID(of: alone.key))
        #expect(answer == "\(alone.checkID), which was \(whole.instanceIDs[1]), is alone on \(node)")
        #expect(try isAlone("y", dispatcher))
        #expect(dispatcher.store.nodeID(of: whole.key) == home || node == home)
        #expect(try told(dispatcher).values.flatMap { $0 }.sorted() == before)
        // The bytes are those that sharding gives.
        var options = ShardingOptions()
        options.shardsInstances = true
        let instances = Self.names.map { JSONValue.object(["name": .string($0), "url": .string("http://\($0)/0")]) }
        let shards = Sharding(options).shards(
            of: CheckConfig(
                key: key("many"), checkName: "http_check", instances: instances, serviceID: "kube_service://a/b")
        ).shards
        #expect(try ConfigPatch().encode(shards[1]).wire == alone.wire && shards[1].key == alone.key)
        // Undone, all are together again, in the bytes that they had.
        try order(.unisolate, alone.instanceIDs[0], &dispatcher)
        #expect(dispatcher.store.config(alone.key) == nil)
        #expect(dispatcher.store.config(whole.key)?.contentHash == whole.contentHash)
        #expect(try told(dispatcher).values.flatMap { $0 }.sorted() == before)
    }

    @Test func `it survives edits of the others and of itself, and ends with the instance`() throws {
        var dispatcher = try cluster(try config())
        try order(.isolate, try config().instanceIDs[1], &dispatcher)
        for (edition, names) in [(1, ["x", "y", "z"]), (2, ["w", "y"]), (3, ["y"])] {
            dispatcher.dispatch(EncodedChanges(upserts: [try config(names, edition: edition)]))
            #expect(try isAlone("y", edition: edition, dispatcher))
            let own = try told(dispatcher).values.flatMap { $0 }.filter { !$0.contains("//c") }.sorted()
            #expect(own == names.map { "http://\($0)/\(edition)" }.sorted())
        }
        dispatcher.dispatch(EncodedChanges(upserts: [try config(["x", "z"], edition: 4)]))
        #expect(dispatcher.store.config(part("y")) == nil && dispatcher.store.configCount == 7)
        // It comes back, and is alone again.
        dispatcher.dispatch(EncodedChanges(upserts: [try config()]))
        #expect(try isAlone("y", dispatcher))
        dispatcher.dispatch(EncodedChanges(upserts: [], removals: [key("many")]))
        #expect(dispatcher.store.configCount == 6)
    }

    @Test func `all instances can be alone, and come back one by one`() throws {
        var dispatcher = try cluster(try config(["x", "y"]), nodes: ["a", "b", "c"])
        try order(.isolate, try config(["x", "y"]).instanceIDs[0], &dispatcher)
        let rest = try #require(dispatcher.store.config(key("many")))
        try order(.isolate, rest.instanceIDs[0], &dispatcher)
        #expect(dispatcher.store.config(key("many")) == nil)
        #expect(try isAlone("x", dispatcher) && isAlone("y", dispatcher))
        try order(.unisolate, part("x").description, &dispatcher)
        #expect(try isAlone("y", dispatcher) && dispatcher.store.config(key("many"))?.instanceIDs.count == 1)
        try order(.unisolate, part("y").description, &dispatcher)
        #expect(dispatcher.store.config(key("many"))?.instanceIDs.count == 2 && dispatcher.store.configCount == 7)
    }

    @Test(arguments: [true, false])
    func `whoever takes over has the instance alone, by the mirror or by what was kept`(isMirrored: Bool) throws {
        let whole = try config()
        var dispatcher = try cluster(whole)
        try order(.isolate, whole.instanceIDs[1], &dispatcher)
        let before = try told(dispatcher)
        let configs = try encodedConfigs(0..<6) + [whole]
        var successor = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        if isMirrored {
            var mirror = StoreMirror(term: "t", version: dispatcher.store.version)
            for change in dispatcher.mirrored.changes { try mirror.fill(change, sent: at(0)) }
            successor.adopt(mirror.adoption(own: configs, now: at(0)), now: at(0))
        } else {
            successor.adopt(dispatcher.store.intent)
        }
        for id in ["a", "b", "c"] { _ = try successor.report(id, at: 1) }
        successor.dispatch(EncodedChanges(upserts: configs, isWhole: true))
        #expect(try isAlone("y", successor))
        if isMirrored { #expect(try told(successor) == before) }
        // It can be undone there.
        try order(.unisolate, part("y").description, &successor)
        #expect(successor.store.config(whole.key)?.contentHash == whole.contentHash)
        #expect(successor.store.configCount == 7)
    }

    @Test func `other tags for every instance move nothing`() throws {
        var dispatcher = try cluster(try config())
        try order(.isolate, try config().instanceIDs[1], &dispatcher)
        let before = dispatcher.store.keys.sorted().map { dispatcher.store.nodeID(of: $0) }
        let tagged = try (0..<6).map { try ConfigPatch(extraTags: ["a:b"]).encode(checkConfig("c\($0)")) }
        dispatcher.dispatch(EncodedChanges(upserts: tagged + [try config(tags: ["a:b"])], isWhole: true))
        #expect(dispatcher.store.keys.sorted().map { dispatcher.store.nodeID(of: $0) } == before)
    }

    @Test func `an exclusive config stays whole, and is alone as such`() throws {
        let whole = try config(policy: .exclusive)
        var dispatcher = try cluster(whole)
        try order(.isolate, whole.instanceIDs[1], &dispatcher)
        let node = try #require(dispatcher.store.nodeID(of: whole.key))
        #expect(dispatcher.store.node(node)?.configs.map(\.key) == [whole.key])
    }

    @Test func `logs stay with the others`() throws {
        let logs = JSONValue.array([.object(["type": .string("file")])])
        var dispatcher = try cluster(try config(["x", "y"], logs: logs))
        for _ in 0..<2 {
            try order(.isolate, try #require(dispatcher.store.config(key("many"))?.instanceIDs.first), &dispatcher)
        }
        let rest = try #require(dispatcher.store.config(key("many")))
        #expect(try WireConfig(try JSONValue(parsing: rest.wire), message: "", place: "").logs == logs.encoded())
        let part = try #require(dispatcher.store.config(part("x")))
        #expect(try WireConfig(try JSONValue(parsing: part.wire), message: "", place: "").logs == nil)
    }

    @Test func `what else is wanted of it is not lost`() throws {
        let whole = try config()
        var dispatcher = try cluster(whole)
        dispatcher.adopt(try dispatcher.decide(IntentCommand(.pin, check: whole.instanceIDs[0], node: "b")).intent)
        try order(.isolate, whole.instanceIDs[1], &dispatcher)
        #expect(dispatcher.store.nodeID(of: part("y")) == "b")
        let alone = try #require(dispatcher.store.config(part("y")))
        try order(.pause, alone.instanceIDs[0], &dispatcher)
        #expect(refusal(.unisolate, alone.instanceIDs[0], dispatcher).hasSuffix("is paused: resume it first"))
        try order(.resume, alone.instanceIDs[0], &dispatcher)
        try order(.unisolate, alone.instanceIDs[0], &dispatcher)
        #expect(dispatcher.store.intent.pinned == [whole.key: "b"])
        try order(.pause, whole.instanceIDs[0], &dispatcher)
        #expect(refusal(.isolate, whole.instanceIDs[1], dispatcher).hasSuffix("is paused: resume it first"))
    }

    @Test func `over the limit of configs none is split`() throws {
        let whole = try config()
        var options = HandlerOptions(patch: ConfigPatch())
        options.maximumConfigs = 7
        let dispatcher = try Dispatcher(
            nodes: ["a", "b"], configs: try encodedConfigs(0..<6) + [whole], options: options)
        let refused = refusal(.isolate, whole.instanceIDs[1], dispatcher)
        #expect(refused == "there are 7 configs already, and this one would have to be split")
    }

    @Test func `a pause outlives what its author says of hand-overs, the config itself, and the other's pause`() throws
    {
        let whole = try config()
        var dispatcher = try cluster(whole)
        try order(.isolate, whole.instanceIDs[1], &dispatcher)
        let alone = try #require(dispatcher.store.config(part("y")))
        try order(.pause, alone.instanceIDs[0], &dispatcher)
        dispatcher.dispatch(EncodedChanges(upserts: [try config(policy: .exclusive)]))
        #expect(dispatcher.store.danglingReason(of: part("y")) == .paused)
        dispatcher.dispatch(EncodedChanges(upserts: [], removals: [whole.key]))
        #expect(refusal(.unisolate, part("y").description, dispatcher).hasSuffix("is paused: resume it first"))
        dispatcher.dispatch(EncodedChanges(upserts: [whole]))
        #expect(dispatcher.store.danglingReason(of: part("y")) == .paused)
        try order(.resume, alone.instanceIDs[0], &dispatcher)
        try order(.pause, whole.key.description, &dispatcher)
        #expect(refusal(.unisolate, alone.instanceIDs[0], dispatcher).hasPrefix("the others of its config are paused"))
        try order(.resume, whole.key.description, &dispatcher)
        // Where only the others are pinned, it goes with them.
        dispatcher.adopt(try dispatcher.decide(IntentCommand(.pin, check: whole.key.description, node: "b")).intent)
        try order(.unisolate, alone.instanceIDs[0], &dispatcher)
        #expect(dispatcher.store.nodeID(of: whole.key) == "b")
    }

    @Test func `a stated weight is shared by the parts`() throws {
        let instances = Self.names.map { JSONValue.object(["name": .string($0), "url": .string("http://\($0)/0")]) }
        let rules = try #require(PlacementRules(weight: 30))
        let whole = try ConfigPatch().encode(
            CheckConfig(key: key("many"), checkName: "http_check", instances: instances, rules: rules))
        let split = try #require(whole.split(["instance:name:y"]))
        #expect(split.parts.map(\.cost) == [10] && split.rest?.cost == 20)
    }

    @Test func `where others cannot leave, an edit moves nothing`() throws {
        var dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        dispatcher.handle(.replaced(["a", "b"].map { agentPod("pod-\($0)", on: $0) }))
        dispatcher.handle(.replaced(["a", "b"].map { worker($0, labels: ["n": ExactText($0)]) }))
        for id in ["a", "b"] { _ = try dispatcher.report(id, at: 0) }
        func bound(_ node: String, _ edition: Int = 0) throws -> EncodedConfig {
            var config = checkConfig("on-\(node)", edition: edition)
            config.rules = PlacementRules(nodeSelector: ["n": ExactText(node)])
            return try ConfigPatch().encode(config)
        }
        let whole = try config(["x", "y"])
        dispatcher.dispatch(EncodedChanges(upserts: [try bound("a"), try bound("b"), whole], isWhole: true))
        try order(.isolate, whole.instanceIDs[0], &dispatcher)
        _ = dispatcher.drainChanges()
        for edition in 1...4 { dispatcher.dispatch(EncodedChanges(upserts: [try bound("b", edition)])) }
        #expect(dispatcher.drainChanges().compactMap(\.movedKey).isEmpty)
        #expect(dispatcher.store.configCount == 4 && dispatcher.store.dangling.isEmpty)
    }

    @Test func `more checks than nodes cannot be alone`() throws {
        let configs = try encodedConfigs(0..<4)
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: configs)
        for config in configs[..<2] { try order(.isolate, config.instanceIDs[0], &dispatcher) }
        #expect(
            refusal(.isolate, configs[2].instanceIDs[0], dispatcher)
                == "each isolated check takes a node, and 2 are isolated already")
    }
}
