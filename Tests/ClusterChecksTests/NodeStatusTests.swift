import CheckModel
import Platform
import Testing

@testable import ClusterChecks

/// The protocol's table of what a report is answered, one row each.
@Suite struct NodeStatusTests {
    enum Phase: Sendable { case warmUp, dispatching }

    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let phase: Phase
        let configs: Int
        /// What the node reports, given the revision that it should run.
        let lastChange: @Sendable (Int64) -> Int64
        let isUpToDate: Bool

        var testDescription: String { name }
    }

    static let rows = [
        Row(name: "warm-up, new node, 10", phase: .warmUp, configs: 0, lastChange: { _ in 10 }, isUpToDate: true),
        Row(name: "warm-up, −50", phase: .warmUp, configs: 0, lastChange: { _ in -50 }, isUpToDate: true),
        Row(name: "no configs, 10", phase: .dispatching, configs: 0, lastChange: { _ in 10 }, isUpToDate: false),
        Row(name: "no configs, 0", phase: .dispatching, configs: 0, lastChange: { _ in 0 }, isUpToDate: true),
        Row(name: "configs, 0", phase: .dispatching, configs: 3, lastChange: { _ in 0 }, isUpToDate: false),
        Row(name: "configs, V − 2", phase: .dispatching, configs: 3, lastChange: { $0 &- 2 }, isUpToDate: false),
        Row(name: "configs, V + 2", phase: .dispatching, configs: 3, lastChange: { $0 &+ 2 }, isUpToDate: false),
        Row(name: "configs, V", phase: .dispatching, configs: 3, lastChange: { $0 }, isUpToDate: true),
        Row(name: "configs, −50", phase: .dispatching, configs: 1, lastChange: { _ in -50 }, isUpToDate: false),
        Row(name: "configs, −1", phase: .dispatching, configs: 3, lastChange: { _ in -1 }, isUpToDate: true),
        Row(name: "warm-up, −1", phase: .warmUp, configs: 0, lastChange: { _ in -1 }, isUpToDate: true),
    ]

    @Test(arguments: rows)
    func `a report is answered as the protocol says`(row: Row) throws {
        var dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        if row.phase == .dispatching {
            _ = try dispatcher.report("node1", at: 0)
            _ = dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(0..<row.configs), isWhole: true))
        }
        let revision = dispatcher.store.node("node1")?.revision.value ?? 0
        let answer = try dispatcher.report("node1", lastChange: row.lastChange(revision), at: 1)
        #expect(answer.isUpToDate == row.isUpToDate)
        #expect(dispatcher.store.counts == ["node1": row.configs])
    }

    @Test func `a report from another address updates the address`() throws {
        var dispatcher = try Dispatcher(nodes: [], configs: [])
        _ = try dispatcher.report("node1", address: "10.0.0.1", at: 0)
        let answer = try dispatcher.report("node1", address: "10.0.0.2", at: 1)
        #expect(answer.isUpToDate)
        #expect(answer.changes.count == 1)
        #expect(dispatcher.store.node("node1")?.address == "10.0.0.2")
        // One that does not know its address leaves it.
        #expect(try dispatcher.report("node1", at: 2).changes.isEmpty)
        #expect(dispatcher.store.node("node1")?.address == "10.0.0.2")
    }

    @Test func `a known node's report changes nothing`() throws {
        var dispatcher = try Dispatcher(nodes: ["node1"], configs: try encodedConfigs(0..<5))
        let before = dispatcher.store.description
        #expect(try dispatcher.report("node1", lastChange: 17, at: 1).changes.isEmpty)
        #expect(dispatcher.store.description == before)
    }

    @Test(arguments: ["", String(repeating: "x", count: 254), "a\nb", "a\u{7F}", "a\u{85}"])
    func `an invalid node ID is refused`(id: String) throws {
        var dispatcher = try Dispatcher(nodes: [], configs: [])
        #expect(throws: ClusterChecksError.invalidNodeID(length: id.utf8.count)) { try dispatcher.report(id, at: 0) }
        #expect(dispatcher.store.nodeCount == 0)
    }

    @Test(arguments: ["n", String(repeating: "x", count: 253), "knoten-ä", "a b/c"])
    func `any other node ID is accepted`(id: String) throws {
        var dispatcher = try Dispatcher(nodes: [], configs: [])
        _ = try dispatcher.report(id, at: 0)
        #expect(dispatcher.store.counts == [id: 0])
    }

    @Test func `known nodes still report when the limit of nodes is reached`() throws {
        var options = HandlerOptions(patch: ConfigPatch())
        options.maximumNodes = 2
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: [], options: options)
        #expect(throws: ClusterChecksError.tooManyNodes(limit: 2)) { try dispatcher.report("c", at: 1) }
        #expect(try dispatcher.report("a", at: 1).isUpToDate)
    }
}

@Suite struct ExpiryTests {
    @Test(arguments: [(25.0, 1), (30, 1), (30.5, 0), (35, 0)])
    func `a node expires when it is silent for longer than the timeout`(silence: Double, nodes: Int) throws {
        var dispatcher = try Dispatcher(nodes: ["nodeA", "nodeB"], configs: try encodedConfigs(0..<3))
        // nodeA goes on reporting, so that the time counts.
        for second in 1...Int(silence) {
            _ = try dispatcher.report("nodeA", at: Double(second))
            if second < 30 { #expect(dispatcher.expireNodes(now: at(Double(second))).isEmpty) }
        }
        _ = dispatcher.expireNodes(now: at(silence))
        #expect(dispatcher.store.nodeCount == 1 + nodes)
    }

    @Test func `the next expiry is that of the node that has been silent longest`() throws {
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: try encodedConfigs(0..<2))
        for second in 1...10 { _ = try dispatcher.report("a", at: Double(second)) }
        _ = dispatcher.expireNodes(now: at(10))
        let next = try #require(dispatcher.nextExpiry(now: at(10)))
        #expect(next == at(30) + .milliseconds(1))
        for second in 11...29 { _ = dispatcher.expireNodes(now: at(Double(second))) }
        #expect(dispatcher.expireNodes(now: at(30)).isEmpty)
        #expect(!dispatcher.expireNodes(now: next).isEmpty)
        #expect(dispatcher.nextExpiry(now: next) == at(40) + .milliseconds(1))
    }

    @Test func `configs of the last node dangle with the reason`() throws {
        var dispatcher = try Dispatcher(nodes: ["nodeB"], configs: try encodedConfigs(0..<2))
        for second in 0...31 { _ = dispatcher.expireNodes(now: at(Double(second))) }
        #expect(dispatcher.store.nodeCount == 0)
        #expect(dispatcher.store.dangling.map(\.reason) == Array(repeating: .nodeExpired("nodeB"), count: 2))
        #expect(dispatcher.store.danglingReason(of: key("c0")) == .nodeExpired("nodeB"))
        #expect(dispatcher.store.nodeID(of: key("c0")) == nil)
    }

    @Test func `configs of an expired node move in the same step and not to another silent node`() throws {
        var dispatcher = try Dispatcher(nodes: ["a", "b", "c", "d"], configs: try encodedConfigs(0..<40))
        for second in 1...30 { for node in ["a", "b"] { _ = try dispatcher.report(node, at: Double(second)) } }
        let changes = dispatcher.expireNodes(now: at(31))
        #expect(changes.compactMap(\.movedKey).count == 20)
        #expect(dispatcher.store.counts == ["a": 20, "b": 20])
        #expect(dispatcher.store.dangling.isEmpty)
    }

    @Test func `a pause of this process does not count as silence of the nodes`() throws {
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: try encodedConfigs(0..<4))
        try dispatcher.listen(from: 1, to: 10, reporting: ["a", "b"])
        // Stopped for ten minutes, and the first thing that runs is the tick.
        #expect(dispatcher.expireNodes(now: at(610)).isEmpty)
        #expect(try dispatcher.report("a", at: 610.1).changes.isEmpty)
        #expect(dispatcher.expireNodes(now: at(620)).isEmpty)
        #expect(dispatcher.store.nodeCount == 2)
        // From here b's silence counts.
        for second in 621...660 {
            _ = try dispatcher.report("a", at: Double(second))
            _ = dispatcher.expireNodes(now: at(Double(second)))
        }
        #expect(dispatcher.store.counts == ["a": 4])
    }

    @Test func `a node that comes back before the timeout keeps its configs`() throws {
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: try encodedConfigs(0..<10))
        let before = dispatcher.store.node("b")?.configs.map(\.key)
        try dispatcher.listen(from: 1, to: 29, reporting: ["a"])
        #expect(try dispatcher.report("b", at: 29).changes.isEmpty)
        try dispatcher.listen(from: 30, to: 50, reporting: ["a"])
        #expect(dispatcher.store.node("b")?.configs.map(\.key) == before)
    }

    @Test func `silent nodes expire in warm-up too`() throws {
        var dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        _ = try dispatcher.report("a", at: 0)
        for second in 0...31 { _ = dispatcher.expireNodes(now: at(Double(second))) }
        #expect(dispatcher.store.nodeCount == 0)
        #expect(!dispatcher.store.isDispatching)
    }
}
