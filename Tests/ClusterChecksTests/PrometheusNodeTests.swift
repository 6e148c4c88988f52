import CheckModel
import JSON
import Platform
import TestKit
import Testing

@testable import ClusterChecks

/// Nodes that are Prometheus servers: each fetch of their targets is a heartbeat that confirms the list before.
@Suite struct PrometheusNodeTests {
    /// An `openmetrics` config with an option more.
    private static func config(
        _ name: String, _ option: (ExactText, JSONValue)? = nil, handOver: HandOverPolicy = .sticky,
        check: String = "openmetrics"
    ) throws -> EncodedConfig {
        var instance: [ExactText: JSONValue] = ["openmetrics_endpoint": .string("http://\(name):9100/metrics")]
        if let option { instance[option.0] = option.1 }
        return try ConfigPatch().encode(
            CheckConfig(
                key: ConfigKey(source: "test:\(name)", check: check, index: 0), checkName: check,
                instances: [.object(instance)], handOver: handOver))
    }

    private static func configs(_ count: Int) throws -> [EncodedConfig] { try (0..<count).map { try config("c\($0)") } }

    private static let headers = (ExactText("headers"), JSONValue.object(["X-A": .string("b")]))

    /// Prometheus servers that fetched at 0 s, every 5 s, and what they were told then.
    private static func dispatcher(_ servers: [String], _ configs: [EncodedConfig]) throws -> Dispatcher {
        var dispatcher = try Dispatcher(nodes: [], configs: [])
        for id in servers { try dispatcher.register(id, at: 0) }
        dispatcher.dispatch(EncodedChanges(upserts: configs, isWhole: true))
        for id in servers { _ = try dispatcher.fetch(id, at: 1) }
        return dispatcher
    }

    @Test func `a killed one's targets go to the others, and no other target moves`() throws {
        var dispatcher = try Self.dispatcher(["p0", "p1", "p2"], Self.configs(30))
        #expect(dispatcher.store.counts == ["p0": 10, "p1": 10, "p2": 10])
        let others = ["p0", "p2"].flatMap { dispatcher.store.node($0)?.configs.map(\.key) ?? [] }
        let former = Dictionary(uniqueKeysWithValues: others.map { ($0, dispatcher.store.nodeID(of: $0)) })
        for second in 2...32 {
            if second % 5 == 1 { for id in ["p0", "p2"] { _ = try dispatcher.fetch(id, at: Double(second)) } }
            #expect(dispatcher.expireNodes(now: at(Double(second))).isEmpty == (second < 32), "\(second)")
        }
        #expect(dispatcher.store.counts == ["p0": 15, "p2": 15])
        for key in others { #expect(dispatcher.store.nodeID(of: key) == former[key]) }
        let told = try ["p0", "p2"].flatMap { try dispatcher.fetch($0, at: 36) }
        #expect(Set(told).count == 30 && told.count == 30)
    }

    static let refused: [(EncodedConfig?, String)] = [
        (
            try? config("c", headers),
            "only Prometheus servers report, and no label of a Prometheus can say header fields"
        ),
        (
            try? config("c", handOver: .exclusive),
            "only Prometheus servers report, and the check is exclusive, and one that is cut off scrapes on"
        ),
        (try? config("c", check: "http_check"), "no node-agent runs http_check"),
    ]

    @Test(arguments: refused.indices) func `what one cannot be told, or trusted to stop, is not placed there`(
        index: Int
    ) throws {
        let config = try #require(Self.refused[index].0)
        var dispatcher = try Self.dispatcher(["p0"], [config, try Self.config("d")])
        #expect(dispatcher.store.danglingReason(of: config.key)?.description == Self.refused[index].1)
        #expect(dispatcher.store.counts == ["p0": 1])
        // An agent may run it, and takes its share of the rest.
        _ = try dispatcher.report("a", at: 2)
        #expect(dispatcher.store.nodeID(of: config.key) == "a")
        #expect(dispatcher.store.counts == ["p0": 1, "a": 1])
        // Nor does a rebalancing bring it there.
        _ = dispatcher.rebalance(isForced: true)
        #expect(dispatcher.store.nodeID(of: config.key) == "a")
    }

    @Test func `an edit that labels cannot say moves the check to an agent, once that has it`() throws {
        let config = try Self.config("c")
        var dispatcher = try Self.dispatcher(["p0"], [config])
        _ = try dispatcher.report("a", at: 2)
        dispatcher.dispatch(EncodedChanges(upserts: [try Self.config("c", Self.headers)]))
        #expect(dispatcher.store.nodeID(of: config.key) == "a")
        #expect(try dispatcher.fetch("p0", at: 6).isEmpty)
    }

    @Test func `a target stays in the list of the former until the next fetch of the new one`() throws {
        var dispatcher = try Self.dispatcher(["p0"], Self.configs(2))
        try dispatcher.register("p1", at: 2)
        #expect(dispatcher.store.counts == ["p0": 1, "p1": 1])
        #expect(try dispatcher.configs(of: "p1").configs.count == 1)
        // Told, not yet confirmed.
        #expect(try dispatcher.fetch("p1", at: 3).count == 1)
        #expect(try dispatcher.fetch("p0", at: 4).count == 2)
        #expect(try dispatcher.fetch("p1", at: 8).count == 1)
        #expect(try dispatcher.fetch("p0", at: 9).count == 1)
    }

    /// The interval, and after how many seconds of silence the node is gone: the timeout is 30 s.
    @Test(arguments: [(5, 30), (12, 30), (30, 66), (60, 126), (600, 1_206)])
    func `one fetch may be lost, whatever the interval`(interval: Int, timeout: Int) throws {
        var dispatcher = try Dispatcher(nodes: [], configs: [])
        dispatcher.dispatch(EncodedChanges(upserts: [], isWhole: true))
        try dispatcher.register("p0", interval: interval, at: 0)
        for second in 0...timeout { #expect(dispatcher.expireNodes(now: at(Double(second))).isEmpty, "\(second)") }
        #expect(dispatcher.expireNodes(now: at(Double(timeout) + 1)).count == 1)
        #expect(dispatcher.store.nodeCount == 0)
    }

    @Test func `a new leader keeps its list and its timeout, and what it fetched before proves nothing`() throws {
        let configs = try Self.configs(4)
        var former = try Dispatcher(nodes: [], configs: [])
        for id in ["p0", "p1"] { try former.register(id, interval: 60, at: 0) }
        former.dispatch(EncodedChanges(upserts: configs, isWhole: true))
        var mirror = StoreMirror(term: "1.uid", version: former.mirrored.version)
        for change in former.mirrored.changes { try mirror.fill(change, sent: at(1)) }
        var next = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        next.beginListening(at: at(100))
        next.adopt(mirror.adoption(own: configs, now: at(100)), now: at(100))
        for second in 100...220 { #expect(next.expireNodes(now: at(Double(second))).isEmpty, "\(second)") }
        for id in ["p0", "p1"] {
            let told = try former.configs(of: id).configs.map(\.key).sorted()
            #expect(try next.fetch(id, interval: 60, at: 220) == told)
        }
    }

    @Test func `in the warm-up it registers, is told nothing, and holds nothing up`() throws {
        var dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        dispatcher.beginListening(at: at(0))
        try dispatcher.register("p0", at: 0)
        _ = try dispatcher.report("a", lastChange: 0, at: 0)
        for tick in 1...4 { dispatcher.listen(at: at(Double(tick) / 2)) }
        #expect(dispatcher.remainingWarmUp == dispatcher.options.warmup - .seconds(2))
        #expect(dispatcher.claims.areSettled(at: dispatcher.heartbeats.time))
        #expect(dispatcher.nodesToAsk().allSatisfy { $0.id != "p0" })
    }

    @Test func `an agent and a Prometheus do not share an ID`() throws {
        var dispatcher = try Self.dispatcher(["p0"], Self.configs(1))
        #expect(throws: ClusterChecksError.otherKind(node: "p0", isPrometheus: true)) {
            _ = try dispatcher.report("p0", at: 2)
        }
        _ = try dispatcher.report("a", at: 2)
        #expect(throws: ClusterChecksError.otherKind(node: "a", isPrometheus: false)) {
            try dispatcher.register("a", at: 3)
        }
        #expect(dispatcher.store.counts["p0"] == 1)
    }
}

extension Dispatcher {
    /// Has a Prometheus fetch, and say every how many seconds it does.
    fileprivate mutating func register(_ id: String, interval: Int = 5, at seconds: Double) throws {
        let checks = CheckCompatibility(include: ["openmetrics", "prometheus"])
        let status = NodeStatusRequest(lastChange: 0, compatibility: checks)
        let report = NodeReport(id: id, status: status, refreshInterval: .seconds(interval))
        _ = try nodeStatus(report, now: at(seconds))
    }

    /// The same, and what it is told.
    fileprivate mutating func fetch(_ id: String, interval: Int = 5, at seconds: Double) throws -> [ConfigKey] {
        try register(id, interval: interval, at: seconds)
        return try tell(id).configs.filter { $0.scrapeTargets != nil }.map(\.key).sorted()
    }
}
