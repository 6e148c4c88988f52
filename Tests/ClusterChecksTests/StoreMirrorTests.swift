import CheckModel
import JSON
import Platform
import Testing

@testable import ClusterChecks

/// A mirror of a leader's store, and what a new leader makes of it.
@Suite struct StoreMirrorTests {
    /// Three nodes with nine configs; `w1` drains, and its agent keeps what it had.
    private func leader() throws -> Dispatcher {
        var leader = try Dispatcher(nodes: ["w1", "w2", "w3"], configs: try encodedConfigs(0..<9))
        try leader.confirm(["w1", "w2", "w3"], at: 0)
        leader.handle(.replaced([agentPod("a1", on: "w1", isTerminating: true), agentPod("a2", on: "w2")]))
        _ = leader.catchUp(now: at(1))
        #expect(leader.store.node("w1")?.outgoing.count == 3)
        return leader
    }

    private func mirror(of leader: Dispatcher, sent: Instant = at(1)) throws -> StoreMirror {
        let snapshot = leader.mirrored
        var mirror = StoreMirror(term: "1.uid", version: snapshot.version)
        for change in snapshot.changes { try mirror.fill(change.unconfirmed, sent: sent) }
        return mirror
    }

    private func adopter(
        _ mirror: StoreMirror, own: [EncodedConfig], now: Instant = at(100)
    ) -> Dispatcher {
        var adopter = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        adopter.beginListening(at: now)
        adopter.adopt(mirror.adoption(own: own, now: now), now: now)
        return adopter
    }

    /// What the agents of a store are told, as they see it.
    private func told(_ store: ClusterStore) -> [String] {
        store.occupiedSlots.map { store.nodes[$0] }.sorted { $0.id < $1.id }.map {
            "\($0.id) \($0.revision.value) \($0.told(store.handOvers).map(\.contentHash).sorted()) \($0.keepsRunning)"
        }
    }

    @Test func `a snapshot and the changes after it make the leader's store`() throws {
        var leader = try leader()
        var mirror = try mirror(of: leader)
        _ = leader.drainChanges()
        var changes = try leader.report("w4", at: 2).changes
        let edits = [try encodedConfig("c1", edition: 7), try encodedConfig("new")]
        changes += leader.dispatch(EncodedChanges(upserts: edits)).changes
        changes += leader.handle(.deleted(agentPod("a2", on: "w2")), at: 3)
        changes += leader.expireNodes(now: at(3))
        for change in changes { try mirror.apply(change.unconfirmed, sent: at(3)) }
        #expect(told(mirror.store) == told(leader.store))
        #expect(mirror.version == leader.store.version)
    }

    @Test func `who adopts tells every agent what it was told, with the bytes of its own configs`() throws {
        let leader = try leader()
        let adopter = adopter(try mirror(of: leader), own: try encodedConfigs(0..<9))
        #expect(told(adopter.store) == told(leader.store))
        #expect(adopter.store.isDispatching)
        for id in ["w1", "w2", "w3"] {
            #expect(try adopter.configs(of: id).configs.allSatisfy(\.isConfirmed))
            #expect(adopter.store.node(id)?.isAwaited == true)
        }
    }

    @Test func `whether two agents share an ID is found out anew`() throws {
        var mirror = try mirror(of: try leader())
        try mirror.apply(.nodeIDShared(id: "w2", agents: ["10.0.0.1", "10.0.0.2"]), sent: at(2))
        #expect(mirror.store.node("w2")?.agents.count == 2)
        let adopter = adopter(mirror, own: try encodedConfigs(0..<9))
        #expect(adopter.store.node("w2")?.agents == [])
    }

    @Test func `what its own sources lack stays where it is, and its agent is neither told nor stopped`() throws {
        let leader = try leader()
        let lacking = try #require(leader.store.node("w2")?.configs.first)
        let own = try encodedConfigs(0..<9).filter { $0.key != lacking.key }
        var adopter = adopter(try mirror(of: leader), own: own)
        #expect(told(adopter.store) == told(leader.store))
        #expect(throws: ClusterChecksError.unconfirmed(node: "w2")) { try adopter.configs(of: "w2") }
        // That it is to run what it runs is known all the same.
        let revision = try #require(adopter.store.node("w2")).revision.value
        #expect(try adopter.isToRun(revision, "w2"))
        #expect(try !adopter.isToRun(12, "w2"))
        #expect(try adopter.report("w2", lastChange: 12, at: 100).isUpToDate)
        #expect(try !adopter.report("w3", lastChange: 12, at: 100).isUpToDate)
        // Its bytes come: it is told again.
        let isSettled = adopter.settle(own + [lacking], readings: SourceReadings(), since: at(100), now: at(101))
        #expect(isSettled)
        #expect(try adopter.configs(of: "w2").configs.allSatisfy(\.isConfirmed))
        #expect(told(adopter.store) == told(leader.store))
    }

    @Test func `what its own sources say counts once they have been read anew`() throws {
        let leader = try leader()
        let (old, edited) = (try encodedConfig("c1"), try encodedConfig("c1", edition: 5))
        // The former leader had an older version of one, another one that is gone, and not yet a new one.
        let own =
            try encodedConfigs(0..<9).filter { $0.key != old.key && $0.key != key("c2") }
            + [edited, try encodedConfig("new")]
        var adopter = adopter(try mirror(of: leader), own: own)
        let early = SourceReadings(services: at(99), endpoints: at(99), files: at(99), clusterChecks: .distantFuture)
        let isEarly = adopter.settle(own, readings: early, since: at(100), now: at(101))
        #expect(!isEarly)
        #expect(told(adopter.store) == told(leader.store))
        let late = SourceReadings(services: at(100), endpoints: at(100), files: at(100), clusterChecks: .distantFuture)
        for id in ["w2", "w3"] { _ = try adopter.report(id, at: 102) }
        let node = adopter.store.nodeID(of: old.key)
        let isSettled = adopter.settle(own, readings: late, since: at(100), now: at(102))
        #expect(isSettled)
        #expect(adopter.store.config(old.key)?.contentHash == edited.contentHash)
        #expect(adopter.store.nodeID(of: old.key) == node)
        #expect(adopter.store.config(key("c2")) == nil)
        #expect(adopter.store.nodeID(of: key("new")) != nil)
    }

    @Test func `a file that is absent has two minutes to appear`() throws {
        let file = try ConfigPatch().encode(
            CheckConfig(
                key: ConfigKey(source: "file:/conf.d/a.json", check: "tls", index: 0), checkName: "tls",
                instances: [.object([:])]))
        let leader = try Dispatcher(nodes: ["w1"], configs: [file])
        var adopter = adopter(try mirror(of: leader), own: [])
        let read = SourceReadings(
            services: .distantFuture, endpoints: .distantFuture, files: at(101), clusterChecks: .distantFuture)
        let isEarly = adopter.settle([], readings: read, since: at(100), now: at(219))
        #expect(!isEarly)
        #expect(adopter.store.nodeID(of: file.key) == "w1")
        let isSettled = adopter.settle([], readings: read, since: at(100), now: at(220))
        #expect(isSettled)
        #expect(adopter.store.nodeID(of: file.key) == nil)
    }

    @Test func `what a URL listed stays until it has answered here, whatever else has been read`() throws {
        func target(_ url: String) throws -> EncodedConfig {
            let key = ConfigKey(source: "\(ConfigKey.discoveryPrefix)\(url)", check: "tls", entry: "t", index: 0)
            return try ConfigPatch().encode(CheckConfig(key: key, checkName: "tls", instances: [.object([:])]))
        }
        let (silent, former) = (try target("http://silent"), try target("http://former"))
        let leader = try Dispatcher(nodes: ["w1"], configs: [silent, former])
        var adopter = adopter(try mirror(of: leader), own: [])
        var read = SourceReadings(
            services: .distantFuture, endpoints: .distantFuture, files: .distantFuture, clusterChecks: .distantFuture)
        read.discovered = ["prometheus_http_sd:http://silent": .distantPast]
        let isEarly = adopter.settle([], readings: read, since: at(100), now: at(9_000))
        #expect(!isEarly)
        #expect(adopter.store.nodeID(of: silent.key) == "w1" && adopter.store.nodeID(of: former.key) == nil)
        read.discovered = ["prometheus_http_sd:http://silent": at(9_001)]
        let isSettled = adopter.settle([], readings: read, since: at(100), now: at(9_002))
        #expect(isSettled && adopter.store.nodeID(of: silent.key) == nil)
    }

    @Test func `a config whose key has another form now is found by its content`() throws {
        let leader = try leader()
        let renamed = try encodedConfigs(0..<9).map { config in
            config.key == key("c3")
                ? EncodedConfig.renamed(config, ConfigKey(source: "kube:new-form", check: "http_check", index: 0))
                : config
        }
        var adopter = adopter(try mirror(of: leader), own: renamed)
        #expect(told(adopter.store) == told(leader.store))
        let read = SourceReadings(services: at(101), endpoints: at(101), files: at(101), clusterChecks: .distantFuture)
        let isSettled = adopter.settle(renamed, readings: read, since: at(100), now: at(102))
        #expect(isSettled)
        #expect(told(adopter.store) == told(leader.store))
    }

    @Test func `what is handed over is found by its content too`() throws {
        let leader = try leader()
        let key = try #require(leader.store.node("w1")?.outgoing.sorted().first)
        let name = String(key.source.dropFirst(5))
        let renamed = try encodedConfigs(0..<9).map { config in
            config.key == key
                ? EncodedConfig.renamed(config, ConfigKey(source: "kube:new-\(name)", check: "http_check", index: 0))
                : config
        }
        var adopter = adopter(try mirror(of: leader), own: renamed)
        #expect(adopter.store.handOvers[key] == nil)
        #expect(adopter.store.handOvers.count == 3)
        #expect(try adopter.configs(of: "w1").configs.allSatisfy(\.isConfirmed))
        for id in ["w2", "w3"] {
            _ = try adopter.report(id, lastChange: adopter.configs(of: id).revision, at: 101)
        }
        #expect(adopter.store.handOvers.isEmpty)
    }

    @Test func `a goodbye counts before Kubernetes has been asked anew`() throws {
        let leader = try Dispatcher(nodes: ["w1", "w2"], configs: try encodedConfigs(0..<4))
        var adopter = adopter(try mirror(of: leader), own: try encodedConfigs(0..<4))
        for id in ["w1", "w2"] { _ = try adopter.report(id, peer: "10.0.0.\(id)", at: 101) }
        let asked = try adopter.report("w1", departure: .leaving, peer: "10.0.0.w1", at: 102)
        #expect(asked.handingOver == 2)
        #expect(adopter.store.counts == ["w1": 0, "w2": 4])
    }

    @Test func `an adopted node gets nothing before it has reported`() throws {
        let leader = try Dispatcher(nodes: ["w1", "w2"], configs: try encodedConfigs(0..<4))
        var adopter = adopter(try mirror(of: leader), own: try encodedConfigs(0..<4))
        adopter.dispatch(EncodedChanges(upserts: [try encodedConfig("new")]))
        #expect(adopter.store.danglingReason(of: key("new")) != nil)
        _ = try adopter.report("w2", at: 101)
        #expect(adopter.store.nodeID(of: key("new")) == "w2")
        // A node that is heard again takes nothing from others.
        #expect(try adopter.report("w1", at: 102).changes.compactMap(\.movedKey).isEmpty)
        // One that is not heard is lost a whole timeout after the adoption.
        let expired = adopter.expireNodes(now: at(129))
        #expect(expired.isEmpty)
    }

    @Test func `what remains of a time runs on`() throws {
        var leader = try Dispatcher(nodes: ["w1", "w2"], configs: try encodedConfigs(0..<4))
        leader.handle(
            AgentPodChange.replaced([agentPod("a1", on: "w1", isOfDaemonSet: true), agentPod("a2", on: "w2")]))
        leader.handle(WorkerNodeChange.replaced([worker("w1"), worker("w2")]))
        _ = leader.catchUp(now: at(0.5))
        leader.handle(.deleted(agentPod("a1", on: "w1", isOfDaemonSet: true)))
        _ = leader.catchUp(now: at(1))
        #expect(leader.store.node("w1")?.isAway == true)
        var adopter = adopter(try mirror(of: leader, sent: at(1)), own: try encodedConfigs(0..<4), now: at(11))
        for second in 12...20 {
            _ = try adopter.report("w2", at: Double(second))
            _ = adopter.expire(now: at(Double(second)))
            // It began at 1 s, and lasts for 15 s.
            #expect((adopter.store.node("w1") != nil) == (second < 16), "\(second) s")
        }
        #expect(adopter.store.counts == ["w2": 4])
    }

    @Test func `who adopts a hand-over ends it by what it hears itself`() throws {
        let leader = try leader()
        var adopter = adopter(try mirror(of: leader), own: try encodedConfigs(0..<9))
        #expect(adopter.store.handOvers.count == 3)
        _ = try adopter.report("w2", lastChange: 5, at: 101)
        #expect(adopter.store.handOvers.count == 3)
        // An agent that the former leader told already is up to date, and so confirms.
        for id in ["w2", "w3"] {
            let revision = try #require(adopter.store.node(id)?.revision.value)
            #expect(try adopter.report(id, lastChange: revision, at: 102).isUpToDate)
        }
        #expect(adopter.store.handOvers.isEmpty)
        #expect(try adopter.configs(of: "w1").configs.isEmpty)
    }

    @Test func `conditions stay as mirrored until pods and nodes have been read anew`() throws {
        let leader = try leader()
        var adopter = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        // Its own watch lags: the pod does not terminate yet.
        adopter.handle(AgentPodChange.replaced([agentPod("a1", on: "w1"), agentPod("a2", on: "w2")], begun: at(90)))
        adopter.handle(WorkerNodeChange.replaced([worker("w1"), worker("w2")], begun: at(90)))
        adopter.beginListening(at: at(100))
        adopter.adopt(try mirror(of: leader).adoption(own: try encodedConfigs(0..<9), now: at(20)), now: at(100))
        _ = try adopter.report("w1", at: 101)
        #expect(adopter.store.node("w1")?.conditions.isDraining == true)
        #expect(adopter.store.node("w1")?.outgoing.count == 3)
        adopter.handle(AgentPodChange.replaced([agentPod("a1", on: "w1"), agentPod("a2", on: "w2")], begun: at(101)))
        adopter.handle(WorkerNodeChange.replaced([worker("w1"), worker("w2")], begun: at(101)))
        _ = adopter.catchUp(now: at(102))
        #expect(adopter.store.node("w1")?.conditions.isDraining == false)
    }

    @Test func `changes that no leader makes are refused and break nothing`() throws {
        var mirror = try mirror(of: try leader())
        let wrong: [StoreChange] = [
            .nodeHeard(id: "nobody"), .nodeRegistered(id: "w1", type: 0, address: nil, isAwaited: false),
            .nodeRegistered(id: "", type: 0, address: nil, isAwaited: false), .nodeExpired(id: "nobody", .silence),
            .configMoved(key("c1"), from: nil, to: "nobody", .drained, mayRun: true),
            .configMoved(key("nothing"), from: nil, to: "w2", .drained, mayRun: false),
            .handOverStarted(try encodedConfig("c4"), from: nil),
            .handOverStarted(try encodedConfig("c4"), from: "nobody"),
            .handOverStarted(try encodedConfig("c4"), from: mirror.store.nodeID(of: key("c4"))),
            .nodeLeft(id: "nobody", returnsWithin: .zero), .nodeReturned(id: "nobody"),
            .keepsRunning(id: "nobody", atMost: .zero), .keepsRunningEnded(id: "nobody"),
            .configRemoved(key("nothing")), .configReplaced(try encodedConfig("nothing")),
            .configScheduled(try encodedConfig("c1"), on: "w2"),
            .configScheduled(try encodedConfig("nothing"), on: "nobody"),
            .endpointsCheckScheduled(try encodedConfig("nothing")), .handOverEnded(key("nothing")),
        ]
        for change in wrong { #expect(throws: MirrorError.self) { try mirror.apply(change, sent: at(2)) } }
        #expect(told(mirror.store) == told(try leader().store))
    }

    @Test func `a hint puts configs back where they were, and a node that it does not know gets its share`() throws {
        let leader = try Dispatcher(nodes: ["w1", "w2"], configs: try encodedConfigs(0..<8))
        let hint = PlacementHint(try mirror(of: leader).store)
        let empty = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        var next = Dispatcher(succeeding: empty, hint: hint)
        for id in ["w1", "w2", "w3"] { _ = try next.report(id, at: 0) }
        next.dispatch(EncodedChanges(upserts: try encodedConfigs(0..<8), isWhole: true))
        let moved = try encodedConfigs(0..<8).filter {
            next.store.nodeID(of: $0.key) != leader.store.nodeID(of: $0.key)
        }
        #expect(moved.count == 2)
        #expect(moved.allSatisfy { next.store.nodeID(of: $0.key) == "w3" })
    }
}

extension StoreChange {
    /// As a mirror gets it: without bytes.
    fileprivate var unconfirmed: StoreChange {
        switch self {
        case .configScheduled(let config, let id): .configScheduled(config.unconfirmed, on: id)
        case .configReplaced(let config): .configReplaced(config.unconfirmed)
        case .endpointsCheckScheduled(let config): .endpointsCheckScheduled(config.unconfirmed)
        case .handOverStarted(let config, let id): .handOverStarted(config.unconfirmed, from: id)
        default: self
        }
    }
}

extension EncodedConfig {
    fileprivate var unconfirmed: EncodedConfig {
        EncodedConfig(
            unconfirmed: key, contentHash: contentHash, instances: instanceCount, nodeName: nodeName, handOver: handOver
        )
    }

    /// The same content under another key.
    fileprivate static func renamed(_ config: EncodedConfig, _ key: ConfigKey) -> EncodedConfig {
        let url = JSONValue.object(["url": .string("http://\(config.key.source.dropFirst(5))/0")])
        let same = try? ConfigPatch().encode(CheckConfig(key: key, checkName: "http_check", instances: [url]))
        return same ?? config
    }
}

extension Dispatcher {
    fileprivate mutating func settle(
        _ own: [EncodedConfig], readings: SourceReadings, since: Instant, now: Instant
    ) -> Bool {
        reconcile(EncodedChanges(upserts: own, isWhole: true), Settlement(readings, since: since, now: now))
    }
}
