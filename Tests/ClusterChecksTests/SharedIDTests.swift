import CheckModel
import Platform
import Testing

@testable import ClusterChecks

/// Two agents that report under one id are told from one that restarted.
@Suite struct SharedIDTests {
    /// Reports of the node `x`, one each second, from these addresses; returns what was said of sharing, by second.
    func sharing(
        _ addresses: [String?], isStated: Bool = false, every seconds: Double = 1,
        _ dispatcher: inout Dispatcher
    ) throws -> [Int: [String]] {
        var said: [Int: [String]] = [:]
        for (index, address) in addresses.enumerated() {
            let time = Double(index + 1) * seconds
            let step = try dispatcher.report("x", address: address, isStated: isStated, at: time).changes
            for case .nodeIDShared("x", let agents) in step + dispatcher.expireNodes(now: at(time)) {
                said[index] = agents
            }
        }
        return said
    }

    func dispatcher(_ pods: [AgentPod]? = nil) -> Dispatcher {
        var dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        if let pods { _ = dispatcher.handle(.replaced(pods), at: 0) }
        return dispatcher
    }

    @Test func `reports that alternate between two addresses are two agents and logged once`() throws {
        var dispatcher = dispatcher()
        let said = try sharing(["b", "a", "b", "a", "b", "a", "b"], &dispatcher)
        #expect(said == [2: ["a", "b"]])
        #expect(dispatcher.store.nodeCount == 1)
        // From here on nothing changes with each report.
        let version = dispatcher.store.version
        _ = try sharing(["a", "b", "a", "b"], &dispatcher)
        #expect(dispatcher.store.version == version)
    }

    @Test func `an exclusive config stays where two agents share an ID, and others take their share of the rest`()
        throws
    {
        var dispatcher = dispatcher()
        let exclusive = try (0..<4).map { number in
            var author = checkConfig("e\(number)")
            author.handOver = .exclusive
            return try ConfigPatch().encode(author)
        }
        _ = try dispatcher.report("x", address: "a", isStated: false, at: 0)
        dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(0..<8) + exclusive, isWhole: true))
        #expect(try sharing(["b", "a", "b", "a"], &dispatcher).count == 1)
        _ = try dispatcher.report("w2", at: 5)
        #expect(dispatcher.store.counts == ["x": 6, "w2": 6])
        for config in exclusive { #expect(dispatcher.store.nodeID(of: config.key) == "x") }
    }

    @Test(arguments: [
        ["a", "b", "b", "b"], ["a", "b", "c", "d"], ["a", "a", "a"], ["a", nil, "a", nil], ["b", "a", "a", "a", "a"],
    ]) func `an agent that restarts at another address is one agent`(addresses: [String?]) throws {
        var dispatcher = dispatcher()
        #expect(try sharing(addresses, &dispatcher).isEmpty)
    }

    @Test func `an old address does not count`() throws {
        var dispatcher = dispatcher()
        #expect(try sharing(["a"] + Array(repeating: "b", count: 31) + ["a", "a"], &dispatcher).isEmpty)
        dispatcher = self.dispatcher()
        #expect(try sharing(["a"] + Array(repeating: "b", count: 28) + ["a"], &dispatcher).count == 1)
    }

    @Test func `after the timeout of one agent the other remains`() throws {
        var dispatcher = dispatcher()
        let said = try sharing(["a", "b", "a"] + Array(repeating: "b", count: 40), &dispatcher)
        #expect(said == [2: ["a", "b"], 33: []])
        #expect(dispatcher.store.node("x")?.address == "b")
        #expect(dispatcher.store.node("x")?.agents == [])
    }

    @Test func `the message names the pods where they are known`() throws {
        var dispatcher = dispatcher([agentPod("one", addresses: ["a"]), agentPod("two", addresses: ["b"])])
        let said = try sharing(["a", "b", "a"], &dispatcher)
        #expect(said == [2: ["a (pod agents/one)", "b (pod agents/two)"]])
    }

    @Test func `once pods are known only their addresses and stated ones count`() throws {
        let addresses = ["a", "b", "a", "b"]
        var dispatcher = dispatcher([agentPod("one", addresses: ["a"])])
        #expect(try sharing(addresses, &dispatcher).isEmpty)
        dispatcher = self.dispatcher([agentPod("one", addresses: ["a"])])
        #expect(try sharing(addresses, isStated: true, &dispatcher).count == 1)
    }

    @Test func `two addresses of one pod are one agent`() throws {
        var dispatcher = dispatcher([agentPod("one", addresses: ["a", "b"])])
        #expect(try sharing(["a", "b", "a", "b"], &dispatcher).isEmpty)
    }

    @Test func `the deletion of one pod does not expire the other`() throws {
        let pods = [agentPod("one", addresses: ["a"]), agentPod("two", addresses: ["b"])]
        var dispatcher = dispatcher(pods)
        _ = try sharing(["a", "b", "a"], &dispatcher)
        for pod in pods { _ = dispatcher.handle(.deleted(pod), at: 4) }
        #expect(dispatcher.store.nodeCount == 1)
    }
}
