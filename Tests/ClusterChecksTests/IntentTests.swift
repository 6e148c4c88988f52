import CheckModel
import JSON
import Platform
import TestKit
import Testing

@testable import ClusterChecks

/// What operators want of checks and nodes.
@Suite struct IntentTests {
    /// Has an operator's command count at once.
    @discardableResult
    private func order(
        _ verb: IntentCommand.Verb, check: String = "", node: String = "", _ dispatcher: inout Dispatcher
    ) throws -> String {
        let decision = try dispatcher.decide(IntentCommand(verb, check: check, node: node))
        dispatcher.adopt(decision.intent)
        return decision.answer
    }

    private func refusal(
        _ verb: IntentCommand.Verb, check: String = "", node: String = "", _ dispatcher: Dispatcher
    ) -> String {
        do {
            _ = try dispatcher.decide(IntentCommand(verb, check: check, node: node))
            return "none"
        } catch { return "\(error)" }
    }

    private func node(_ config: EncodedConfig, _ dispatcher: Dispatcher) -> String? {
        dispatcher.store.nodeID(of: config.key)
    }

    /// Every node keeps reporting for so many seconds.
    private func live(_ ids: [String], _ seconds: ClosedRange<Int>, _ dispatcher: inout Dispatcher) throws {
        for second in seconds {
            for id in ids { _ = try dispatcher.report(id, at: Double(second)) }
            _ = dispatcher.expireNodes(now: at(Double(second)))
        }
    }

    @Test func `row I1: an isolated check is alone on its node, and stays so through rebalances, joins and edits`()
        throws
    {
        var configs = try encodedConfigs(0..<9)
        var dispatcher = try Dispatcher(nodes: ["a", "b", "c"], configs: configs)
        let (alone, home) = (configs[4], try #require(node(configs[4], dispatcher)))
        let answer = try order(.isolate, check: alone.instanceIDs[0], &dispatcher)
        #expect(answer == "\(alone.checkID) is alone on \(home)")
        func isAlone() -> Bool { dispatcher.store.node(home)?.configs.map(\.key) == [alone.key] }
        #expect(isAlone())
        #expect(configs.allSatisfy { node($0, dispatcher) != nil })
        let plan = RebalancePlan(dispatcher.view, RebalancingOptions(), isForced: true)
        _ = dispatcher.move(plan.moves, .rebalanced)
        #expect(isAlone())
        configs += try encodedConfigs(9..<30)
        dispatcher.dispatch(EncodedChanges(upserts: configs, isWhole: true))
        _ = try dispatcher.report("d", at: 1)
        #expect(isAlone())
        let edited = try encodedConfig("c4", edition: 1)
        dispatcher.dispatch(EncodedChanges(upserts: [edited]))
        #expect(dispatcher.store.node(home)?.configs.map(\.key) == [alone.key])
        // Undone, it may have company.
        try order(.unisolate, check: edited.instanceIDs[0], &dispatcher)
        dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(30..<60)))
        #expect(!isAlone())
    }

    @Test func `row I2: what cannot be isolated is refused`() throws {
        var dispatcher = try Dispatcher(nodes: ["a"], configs: try encodedConfigs(0..<2))
        #expect(refusal(.isolate, check: "unknown", dispatcher) == "Unable to find check")
        let id = try encodedConfig("c0").instanceIDs[0]
        #expect(refusal(.isolate, check: id, dispatcher) == "No other runners available")
        _ = try dispatcher.report("b", at: 1)
        #expect(refusal(.isolate, check: id, dispatcher) == "none")
    }

    @Test func `when its node is lost, an isolated check is alone on another one`() throws {
        let configs = try encodedConfigs(0..<9)
        var dispatcher = try Dispatcher(nodes: ["a", "b", "c"], configs: configs)
        let home = try #require(node(configs[0], dispatcher))
        try order(.isolate, check: configs[0].instanceIDs[0], &dispatcher)
        let others = ["a", "b", "c"].filter { $0 != home }
        try live(others, 1...31, &dispatcher)
        let next = try #require(node(configs[0], dispatcher))
        #expect(dispatcher.store.counts == [next: 1, others.first { $0 != next } ?? "": 8])
        // No check is lost for its sake, and with the next node it is alone again.
        try live([next], 32...63, &dispatcher)
        #expect(dispatcher.store.counts == [next: 9])
        _ = try dispatcher.report("z", at: 64)
        #expect(dispatcher.store.counts == [next: 1, "z": 8])
    }

    @Test func `a pinned check runs on its node alone, until it is unpinned`() throws {
        let configs = try encodedConfigs(0..<6)
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: configs)
        let config = try #require(configs.first { node($0, dispatcher) == "a" })
        #expect(
            refusal(.pin, check: config.instanceIDs[0], node: "z", dispatcher)
                == "no node-agent z reports; these do: a, b")
        try order(.pin, check: config.key.description, node: "b", &dispatcher)
        #expect(node(config, dispatcher) == "b")
        try live(["a"], 1...31, &dispatcher)
        #expect(
            dispatcher.store.danglingReason(of: config.key)?.description
                == "the node to which an operator pinned it does not report")
        #expect(dispatcher.store.counts == ["a": 5])
        try order(.unpin, check: config.instanceIDs[0], &dispatcher)
        #expect(node(config, dispatcher) == "a")
        #expect(refusal(.unpin, check: config.instanceIDs[0], dispatcher) == "\(config.checkID) is not pinned")
    }

    @Test func `a paused check runs nowhere, whatever comes and goes, until it is resumed`() throws {
        let configs = try encodedConfigs(0..<4)
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: configs)
        try order(.pause, check: configs[0].instanceIDs[0], &dispatcher)
        #expect(dispatcher.store.danglingReason(of: configs[0].key) == .paused)
        _ = try dispatcher.report("c", at: 1)
        dispatcher.dispatch(EncodedChanges(upserts: [try encodedConfig("c0", edition: 1)]))
        #expect(dispatcher.store.danglingReason(of: configs[0].key) == .paused)
        // It may be paused before it is there, and be named by where it comes from.
        dispatcher.dispatch(EncodedChanges(upserts: [], removals: [configs[0].key]))
        dispatcher.dispatch(EncodedChanges(upserts: [configs[0]]))
        #expect(dispatcher.store.danglingReason(of: configs[0].key) == .paused)
        #expect(refusal(.isolate, check: configs[0].instanceIDs[0], dispatcher).hasSuffix("is paused: resume it first"))
        try order(.resume, check: configs[0].key.description, &dispatcher)
        #expect(node(configs[0], dispatcher) != nil)
        #expect(refusal(.resume, check: configs[0].instanceIDs[0], dispatcher).hasSuffix("is not paused"))
    }

    @Test func `a drained node gives its checks to others and gets none until it is uncordoned`() throws {
        let configs = try encodedConfigs(0..<9)
        var dispatcher = try Dispatcher(nodes: ["a", "b", "c"], configs: configs)
        try order(.drain, node: "a", &dispatcher)
        #expect(dispatcher.store.counts["a"] == 0 && dispatcher.store.configCount == 9)
        dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(9..<20)))
        #expect(dispatcher.store.counts["a"] == 0)
        #expect(refusal(.drain, node: "a", dispatcher) == "a is drained already")
        #expect(refusal(.drain, node: "z", dispatcher) == "no node-agent z reports; these do: a, b, c")
        // It stays so when its agent comes back.
        try live(["b", "c"], 1...31, &dispatcher)
        _ = try dispatcher.report("a", at: 32)
        #expect(dispatcher.store.counts["a"] == 0)
        try order(.uncordon, node: "a", &dispatcher)
        #expect(dispatcher.store.counts["a"] == 6)
        #expect(refusal(.uncordon, node: "a", dispatcher) == "a is not drained")
    }

    @Test func `where every node is drained, checks stay where they are`() throws {
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: try encodedConfigs(0..<6))
        for id in ["a", "b"] { try order(.drain, node: id, &dispatcher) }
        #expect(dispatcher.store.configCount == 6 && dispatcher.store.dangling.isEmpty)
    }

    @Test func `what is wanted goes with the mirror, and counts for whoever takes over`() throws {
        let configs = try encodedConfigs(0..<9)
        var dispatcher = try Dispatcher(nodes: ["a", "b", "c"], configs: configs)
        try order(.isolate, check: configs[0].instanceIDs[0], &dispatcher)
        try order(.pause, check: configs[1].instanceIDs[0], &dispatcher)
        try order(.drain, node: try #require(node(configs[2], dispatcher)), &dispatcher)
        var mirror = StoreMirror(term: "t", version: dispatcher.store.version)
        for change in dispatcher.mirrored.changes { try mirror.fill(change, sent: at(0)) }
        var successor = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        successor.adopt(mirror.adoption(own: configs, now: at(0)), now: at(0))
        #expect(successor.store.intent == dispatcher.store.intent)
        for id in ["a", "b", "c"] { _ = try successor.report(id, at: 1) }
        #expect(successor.store.counts == dispatcher.store.counts)
        #expect(successor.store.danglingReason(of: configs[1].key) == .paused)
        let alone = try #require(node(configs[0], successor))
        #expect(successor.store.counts[alone] == 1)
    }

    @Test func `what is wanted is known before the first check is placed`() throws {
        let configs = try encodedConfigs(0..<4)
        var intent = OperatorIntent()
        intent.paused = [configs[0].key]
        intent.isolated = [configs[3].key]
        intent.pinned = [configs[1].key: "b"]
        intent.drained = ["c"]
        var dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        for id in ["a", "b", "c"] { _ = try dispatcher.report(id, at: 0) }
        dispatcher.adopt(intent)
        dispatcher.dispatch(EncodedChanges(upserts: configs, isWhole: true))
        #expect(dispatcher.store.danglingReason(of: configs[0].key) == .paused)
        #expect(node(configs[1], dispatcher) == "b" && dispatcher.store.counts["c"] == 0)
        #expect(node(configs[3], dispatcher) == "a" && dispatcher.store.counts["a"] == 1)
    }

    @Test func `a command right after an adoption does not touch what was pinned before`() throws {
        let configs = try encodedConfigs(0..<4)
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: configs)
        try order(.pin, check: configs[0].instanceIDs[0], node: "b", &dispatcher)
        var mirror = StoreMirror(term: "t", version: dispatcher.store.version)
        for change in dispatcher.mirrored.changes { try mirror.fill(change, sent: at(0)) }
        var successor = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        successor.handle(.replaced(["a", "b"].map { agentPod("pod-\($0)", on: $0) }))
        successor.adopt(mirror.adoption(own: configs, now: at(0)), now: at(0))
        for id in ["a", "b"] { _ = try successor.report(id, at: 1) }
        try order(.pause, check: configs[1].instanceIDs[0], &successor)
        #expect(node(configs[0], successor) == "b")
        successor.dispatch(EncodedChanges(upserts: [try encodedConfig("c0", edition: 1)]))
        #expect(node(configs[0], successor) == "b")
    }

    @Test func `a check that is being handed over stops everywhere when it is paused`() throws {
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: try encodedConfigs(0..<1))
        let config = try encodedConfig("c0")
        let home = try #require(node(config, dispatcher))
        let other = home == "a" ? "b" : "a"
        try dispatcher.confirm(["a", "b"], at: 0)
        try order(.pin, check: config.instanceIDs[0], node: other, &dispatcher)
        #expect(try dispatcher.configs(of: home).configs.count == 1)
        let exclusive = try ConfigPatch().encode(
            CheckConfig(
                key: config.key, checkName: "http_check", instances: [.object(["url": .string("http://c0/0")])],
                handOver: .exclusive))
        dispatcher.dispatch(EncodedChanges(upserts: [exclusive]))
        try order(.pause, check: config.key.description, &dispatcher)
        #expect(try dispatcher.configs(of: home).configs.isEmpty && dispatcher.configs(of: other).configs.isEmpty)
    }

    @Test func `draining all nodes that may run a check moves nothing between them`() throws {
        var dispatcher = try Dispatcher(nodes: [], configs: [])
        for id in ["a", "b"] { _ = try dispatcher.report(id, at: 0) }
        _ = try dispatcher.report("c", runs: CheckCompatibility(include: ["tls"]), at: 0)
        dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(0..<8), isWhole: true))
        let before = dispatcher.store.counts
        try order(.drain, node: "a", &dispatcher)
        try order(.drain, node: "b", &dispatcher)
        _ = dispatcher.drainChanges()
        _ = try dispatcher.report("d", runs: CheckCompatibility(include: ["tls"]), at: 1)
        #expect(dispatcher.drainChanges().compactMap(\.movedKey).isEmpty)
        #expect(before == ["a": 4, "b": 4, "c": 0])
        #expect(dispatcher.store.configCount == 8 && dispatcher.store.dangling.isEmpty)
    }

    @Test func `checks that are isolated on every node stay, and the answer says with what`() throws {
        let configs = try encodedConfigs(0..<6)
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: configs)
        let (one, other) = (
            try #require(configs.first { node($0, dispatcher) == "a" }),
            try #require(configs.first { node($0, dispatcher) == "b" })
        )
        try order(.isolate, check: one.instanceIDs[0], &dispatcher)
        let answer = try order(.isolate, check: other.instanceIDs[0], &dispatcher)
        #expect(answer.contains("shares b with ") && answer.contains("is alone once one may"), "\(answer)")
        _ = dispatcher.drainChanges()
        for edition in 1...3 {
            dispatcher.dispatch(EncodedChanges(upserts: [try encodedConfig("c5", edition: edition)]))
        }
        #expect(dispatcher.drainChanges().compactMap(\.movedKey).isEmpty)
    }

    @Test func `what is not there is refused with what there is`() throws {
        let dispatcher = try Dispatcher(nodes: ["a"], configs: try encodedConfigs(0..<2))
        let known = try encodedConfigs(0..<2).map(\.checkID).sorted().joined(separator: ", ")
        #expect(
            refusal(.pause, check: "http_check:nothing", dispatcher)
                == "no check http_check:nothing is known: clusterchecks shows their IDs; of this check there are \(known)"
        )
        #expect(
            refusal(.pause, check: "nothing", dispatcher)
                == "no check nothing is known: clusterchecks shows their IDs")
    }

    @Test func `an intent arrives as it was kept`() throws {
        var intent = OperatorIntent()
        #expect(try OperatorIntent(intent.encoded) == intent)
        let keys = ["x", "y", "z"].map { ConfigKey(source: "s:\($0)", check: "c", entry: $0, index: 2).shard("p") }
        (intent.isolated, intent.paused, intent.drained) = (Set(keys), [keys[0]], ["a", "b"])
        intent.pinned = [keys[1]: "n", keys[2]: "m"]
        #expect(try OperatorIntent(intent.encoded) == intent && intent.count == 8)
    }

    @Test(arguments: [
        #"{}"#, #"{"format":2,"isolated":[],"pinned":[],"paused":[],"drained":[]}"#,
        #"{"format":1,"isolated":[],"pinned":[],"paused":[]}"#,
        #"{"format":1,"isolated":[1],"pinned":[],"paused":[],"drained":[]}"#,
        #"{"format":1,"isolated":[],"pinned":[{"node":"n"}],"paused":[],"drained":[]}"#,
        #"{"format":1,"isolated":[],"pinned":[],"paused":[],"drained":[""]}"#, "[]",
    ]) func `what is no intent is refused`(text: String) throws {
        let json = try JSONValue(parsing: text)
        #expect(throws: CheckModelError.self) { try OperatorIntent(json) }
    }

    @Test(arguments: [
        #"{"verb":"stop","check":"c"}"#, #"{"verb":"pause"}"#, #"{"verb":"pin","check":"c"}"#, #"{"verb":"drain"}"#,
        "7", "",
    ]) func `what is no command is refused`(text: String) {
        #expect(throws: CheckModelError.self) { try IntentCommand(parsing: Array(text.utf8)) }
    }

    @Test(arguments: IntentCommand.Verb.allCases) func `a command arrives as it was sent`(verb: IntentCommand.Verb)
        throws
    {
        let command = IntentCommand(verb, check: verb.isOfNode ? "" : "a:b", node: "n")
        #expect(try IntentCommand(parsing: command.encoded()) == command)
    }
}
