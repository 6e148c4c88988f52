import CheckModel
import Platform
import Testing

@testable import ClusterChecks

/// A leader without any mirror: what agents say that they run stays where it runs.
@Suite struct ColdStartTests {
    private func report(
        _ id: String, _ revision: Int64, running: [EncodedConfig]? = nil, from address: String? = nil,
        at seconds: Double = 0, _ dispatcher: inout Dispatcher
    ) throws -> Dispatcher.ReportAnswer {
        let checks = running.map { $0.flatMap(\.instanceIDs).map { ExactText($0) } }
        let status = NodeStatusRequest(lastChange: revision, nodeType: 2, running: checks)
        return try dispatcher.nodeStatus(NodeReport(id: id, status: status, address: address), now: at(seconds))
    }

    private func readyPod(_ name: String, isReady: Bool = true, isTerminating: Bool = false) -> AgentPod {
        AgentPod(
            namespace: "agents", name: name, uid: name, addresses: [], nodeName: name, isTerminating: isTerminating,
            isReady: isReady)
    }

    private func dispatcher(pods: [AgentPod] = []) -> Dispatcher {
        var dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        dispatcher.beginListening(at: at(0))
        if !pods.isEmpty { dispatcher.handle(.replaced(pods)) }
        return dispatcher
    }

    @Test func `what agents list stays where it runs, however skewed, and the rest is spread`() throws {
        var dispatcher = dispatcher()
        let configs = try encodedConfigs(0..<10)
        #expect(try report("w1", 5, &dispatcher).asksForRunning)
        #expect(try !report("w1", 5, running: Array(configs.prefix(8)), &dispatcher).asksForRunning)
        // One that runs nothing has nothing to list.
        #expect(try !report("w2", 0, &dispatcher).asksForRunning)
        dispatcher.dispatch(EncodedChanges(upserts: configs, isWhole: true))
        #expect(dispatcher.store.counts == ["w1": 8, "w2": 2])
        for config in configs.prefix(8) { #expect(dispatcher.store.nodeID(of: config.key) == "w1") }
        // Once configs are dispatched nobody is asked.
        #expect(try !report("w1", 5, &dispatcher).asksForRunning)
    }

    /// What a node answers when it is asked for its statistics.
    private func reading(_ id: String, _ configs: [EncodedConfig]) -> StatisticsReading {
        let checks = configs.flatMap(\.instanceIDs).map { (ExactText($0), RunnerStats()) }
        return StatisticsReading(
            id: id, .success(NodeStatistics(workers: 4, checks: Dictionary(uniqueKeysWithValues: checks))))
    }

    @Test func `a node that lists nothing is asked once for its statistics, and what they name stays there`() throws {
        var dispatcher = dispatcher(pods: [readyPod("w1"), readyPod("w2"), readyPod("w3")])
        let configs = try encodedConfigs(0..<10)
        for (id, revision) in [("w1", 5), ("w2", 0), ("w3", 5)] as [(String, Int64)] {
            _ = try report(id, revision, from: "10.0.0.\(id.dropFirst())", &dispatcher)
        }
        _ = try report("w3", 5, running: [], &dispatcher)
        #expect(dispatcher.nodesToAsk().isEmpty)
        _ = dispatcher.expireNodes(now: at(0.6))
        // The others run nothing, or have said what.
        let targets = dispatcher.nodesToAsk()
        #expect(targets.map(\.id) == ["w1"])
        // It is waited for, for as long as the warm-up lasts at most.
        _ = dispatcher.expireNodes(now: at(3))
        #expect(dispatcher.nodesToAsk().isEmpty)
        #expect(dispatcher.remainingWarmUp > .seconds(20))
        dispatcher.recordRunning([reading("w1", Array(configs.prefix(8)))], of: targets)
        #expect(dispatcher.remainingWarmUp == .zero)
        dispatcher.dispatch(EncodedChanges(upserts: configs, isWhole: true))
        #expect(dispatcher.store.counts == ["w1": 8, "w2": 1, "w3": 1])
        for config in configs.prefix(8) { #expect(dispatcher.store.nodeID(of: config.key) == "w1") }
    }

    @Test(arguments: [true, false])
    func `a node that gives no statistics is not waited for any longer`(answers: Bool) throws {
        var dispatcher = dispatcher(pods: [readyPod("w1")])
        _ = try report("w1", 5, from: "10.0.0.1", &dispatcher)
        _ = dispatcher.expireNodes(now: at(2))
        let targets = dispatcher.nodesToAsk()
        #expect(targets.count == 1)
        let problem = StatisticsReading(id: "w1", .failure(StatisticsProblem("it refuses")))
        dispatcher.recordRunning(answers ? [problem] : [], of: targets)
        #expect(dispatcher.remainingWarmUp == .zero)
        dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(0..<2), isWhole: true))
        #expect(dispatcher.store.counts == ["w1": 2])
        // Later answers change nothing.
        dispatcher.recordRunning([reading("w1", [])], of: targets)
        #expect(dispatcher.nodesToAsk().isEmpty)
    }

    @Test func `an agent that claims what nobody has, or another one claimed first, harms nothing`() throws {
        var dispatcher = dispatcher()
        let configs = try encodedConfigs(0..<4)
        _ = try report("w1", 5, running: Array(configs.prefix(2)), &dispatcher)
        _ = try report("w2", 5, running: configs + [try encodedConfig("nothing")], &dispatcher)
        dispatcher.dispatch(EncodedChanges(upserts: configs, isWhole: true))
        #expect(dispatcher.store.counts == ["w1": 2, "w2": 2])
        #expect(dispatcher.store.configCount == 4)
    }

    @Test func `a config with edited bytes is placed as a new one`() throws {
        var dispatcher = dispatcher()
        _ = try report("w1", 5, running: try encodedConfigs(0..<4), &dispatcher)
        _ = try report("w2", 0, &dispatcher)
        let edited = try (0..<4).map { try encodedConfig("c\($0)", edition: 1) }
        dispatcher.dispatch(EncodedChanges(upserts: edited, isWhole: true))
        #expect(dispatcher.store.counts == ["w1": 2, "w2": 2])
    }

    @Test func `an exclusive config is told at once where it runs, and nowhere else`() throws {
        var dispatcher = dispatcher()
        var author = checkConfig("e")
        author.handOver = .exclusive
        let exclusive = try ConfigPatch().encode(author)
        _ = try report("w1", 5, running: [], &dispatcher)
        _ = try report("w2", 6, running: [exclusive], &dispatcher)
        dispatcher.dispatch(EncodedChanges(upserts: [exclusive], isWhole: true))
        #expect(dispatcher.store.nodeID(of: exclusive.key) == "w2")
        #expect(try dispatcher.configs(of: "w2").configs.map(\.key) == [exclusive.key])
    }

    @Test func `an equal revision proves what an agent runs that lists nothing`() throws {
        var author = checkConfig("e")
        author.handOver = .exclusive
        let exclusive = try ConfigPatch().encode(author)
        var former = try Dispatcher(nodes: ["w1"], configs: [exclusive])
        for second in 1...31 {
            _ = try former.report("w1", at: Double(second))
            _ = former.expireNodes(now: at(Double(second)))
        }
        for (revision, isProved) in [(Revision(of: [exclusive.contentHash]).value, true), (9, false)] {
            var next = Dispatcher(
                succeeding: Dispatcher(options: HandlerOptions(patch: ConfigPatch())), hint: PlacementHint(former.store)
            )
            next.beginListening(at: at(0))
            _ = try report("w1", revision, &next)
            next.dispatch(EncodedChanges(upserts: [exclusive], isWhole: true))
            #expect(next.store.nodeID(of: exclusive.key) == "w1")
            // What is not proved waits until it is.
            #expect(try next.configs(of: "w1").configs.isEmpty != isProved)
        }
    }

    @Test func `the warm-up ends early once every ready pod has reported, and not before`() throws {
        var dispatcher = dispatcher(pods: [
            readyPod("w1"), readyPod("w2"), readyPod("w3", isReady: false), readyPod("w4", isTerminating: true),
        ])
        _ = try report("w1", 0, at: 0, &dispatcher)
        _ = dispatcher.expireNodes(now: at(2))
        #expect(dispatcher.remainingWarmUp > .seconds(20))
        _ = try report("w2", 0, at: 3, &dispatcher)
        #expect(dispatcher.remainingWarmUp > .seconds(20))
        // Those that list what they run have done so by then.
        _ = dispatcher.expireNodes(now: at(4.1))
        #expect(dispatcher.remainingWarmUp == .zero)
    }

    @Test func `a heartbeat alone ends no warm-up, since its sender has not said what it runs`() throws {
        var dispatcher = dispatcher(pods: [readyPod("w1")])
        let configs = try encodedConfigs(0..<4)
        _ = try report("w1", NodeStatusRequest.heartbeatOnly, &dispatcher)
        _ = dispatcher.expireNodes(now: at(4))
        #expect(dispatcher.remainingWarmUp > .seconds(20))
        #expect(try report("w1", 5, at: 9, &dispatcher).asksForRunning)
        _ = try report("w1", 5, running: configs, at: 9, &dispatcher)
        _ = dispatcher.expireNodes(now: at(10.1))
        #expect(dispatcher.remainingWarmUp == .zero)
    }

    @Test func `who has no pod, where pods are known, claims nothing`() throws {
        var dispatcher = dispatcher(pods: [readyPod("w1")])
        let configs = try encodedConfigs(0..<4)
        _ = try report("w1", 5, running: Array(configs.prefix(1)), &dispatcher)
        _ = try report("stranger", 5, running: configs, &dispatcher)
        dispatcher.dispatch(EncodedChanges(upserts: configs, isWhole: true))
        #expect(dispatcher.store.nodeID(of: configs[0].key) == "w1")
        #expect(dispatcher.store.counts["stranger"] ?? 0 <= 2)
    }

    @Test func `the wait for whoever may run an exclusive config runs on in the next term`() throws {
        var author = checkConfig("e")
        author.handOver = .exclusive
        let exclusive = try ConfigPatch().encode(author)
        var leader = dispatcher()
        _ = try report("w1", 0, at: 0, &leader)
        leader.dispatch(EncodedChanges(upserts: [exclusive], isWhole: true))
        for second in 1...20 { leader.listen(at: at(Double(second))) }
        var mirror = StoreMirror(term: "1.uid", version: leader.mirrored.version)
        for change in leader.mirrored.changes { try mirror.fill(change, sent: at(20)) }
        // Ten seconds are left, and five pass until somebody takes over.
        var next = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        next.beginListening(at: at(25))
        next.adopt(mirror.adoption(own: [exclusive], now: at(25)), now: at(25))
        _ = try report("w1", Revision().value, at: 25, &next)
        for second in 26...31 {
            #expect(try next.configs(of: "w1").configs.isEmpty == (second <= 30), "\(second)")
            _ = next.expireNodes(now: at(Double(second)))
        }
        #expect(try next.configs(of: "w1").configs.count == 1)
    }

    @Test func `without ready pods nothing ends the warm-up early`() throws {
        for pods in [[], [agentPod("w1", on: "w1")]] {
            var dispatcher = dispatcher(pods: pods)
            _ = try report("w1", 0, at: 0, &dispatcher)
            for second in 1...5 { _ = dispatcher.expireNodes(now: at(Double(second))) }
            #expect(dispatcher.remainingWarmUp == .seconds(25))
        }
    }

    @Test func `a node that a hint knows is waited for`() throws {
        let former = try Dispatcher(nodes: ["w1", "w2"], configs: try encodedConfigs(0..<2))
        var next = Dispatcher(
            succeeding: Dispatcher(options: HandlerOptions(patch: ConfigPatch())), hint: PlacementHint(former.store))
        next.beginListening(at: at(0))
        next.handle(.replaced([readyPod("w1")]))
        _ = try report("w1", 0, at: 0, &next)
        _ = next.expireNodes(now: at(2))
        #expect(next.remainingWarmUp > .seconds(20))
        _ = try report("w2", 0, at: 2, &next)
        _ = next.expireNodes(now: at(3.5))
        #expect(next.remainingWarmUp == .zero)
    }
}
