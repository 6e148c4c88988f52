import CheckModel
import Leadership
import Platform
import TestKit
import Testing

@testable import ClusterChecks

/// The rows of the protocol's lifecycle table that are no status report (those are in `NodeStatusTests`), each under
/// its name.
///
/// Two are other than upstream's, on purpose: orphans are placed in the step in which their node expires, where
/// upstream leaves them dangling until the next; and a node that never reported does not exist, where upstream makes
/// one by placing a config on it.
@Suite struct LifecycleVectorTests {
    struct Choice: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let counts: [Int]
        let chosen: String?
    }

    static let choices = [
        Choice(testDescription: "counts node1=1, node2=2", counts: [1, 2], chosen: "node1"),
        Choice(testDescription: "counts node1=3, node2=2", counts: [3, 2], chosen: "node2"),
        Choice(testDescription: "counts node1=3, node2=2, and an empty node3", counts: [3, 2, 0], chosen: "node3"),
        Choice(testDescription: "no node", counts: [], chosen: nil),
    ]

    @Test(arguments: choices)
    func `a new config goes to the node with the fewest configs`(_ row: Choice) {
        var placement = Placement()
        for (slot, count) in row.counts.enumerated() {
            placement.insert("node\(slot + 1)", slot: slot)
            placement.update(slot: slot, load: count == 0 ? .zero : Load(cost: Double(count)))
        }
        for config in 0..<50 as Range<UInt64> {
            #expect(placement.leastLoaded(for: config &* 0x9E37_79B9_7F4A_7C15).map { "node\($0 + 1)" } == row.chosen)
        }
    }

    @Test func `four configs without advanced dispatching are two on each of two nodes`() throws {
        let dispatcher = try Dispatcher(nodes: ["node1", "node2"], configs: try encodedConfigs(0..<4))
        #expect(dispatcher.store.counts == ["node1": 2, "node2": 2])
    }

    struct Silence: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// When nodeA is heard for the last time, in seconds before the end; nil: it does not exist.
        let nodeA: Int?
        let nodes: [String]
        let dangling: Int
    }

    static let silences = [
        Silence(
            testDescription: "heartbeats 25 s / 35 s old, timeout 30 (nodeA 1 config, nodeB 2)", nodeA: 25,
            nodes: ["nodeA"], dangling: 0),
        Silence(testDescription: "heartbeat 35 s old, timeout 30, nodeB alone", nodeA: nil, nodes: [], dangling: 2),
        Silence(testDescription: "heartbeats 35 s / 35 s old, timeout 30", nodeA: 35, nodes: [], dangling: 3),
    ]

    @Test(arguments: silences)
    func `a silent node expires`(_ row: Silence) throws {
        // Which of two nodes gets the third config is decided by hashes: the one with two is nodeB.
        let names = row.nodeA == nil ? ["nodeB"] : ["nodeA", "nodeB"]
        let configs = try (0..<100).lazy.map { start in
            try encodedConfigs((start * 3)..<(start * 3 + (row.nodeA == nil ? 2 : 3)))
        }.first { try Dispatcher(nodes: names, configs: $0).store.counts["nodeB"] == 2 }
        var dispatcher = try Dispatcher(nodes: names, configs: try #require(configs))
        for second in 1...35 {
            if let nodeA = row.nodeA, second == 35 - nodeA { _ = try dispatcher.report("nodeA", at: Double(second)) }
            _ = dispatcher.expireNodes(now: at(Double(second)))
        }
        #expect(dispatcher.store.counts.keys.sorted() == row.nodes)
        #expect(dispatcher.store.dangling.count == row.dangling)
        if row.nodes == ["nodeA"] { #expect(dispatcher.store.counts == ["nodeA": 3]) }
    }

    @Test func `after a new term the configs of a former node are an unknown node error`() async throws {
        let fixture = HandlerTests.Fixture()
        try await fixture.run {
            try await fixture.dispatch(0..<2, to: ["node1"], in: HandlerTests.term("1"))
            fixture.leadership.set(.following(nil))
            fixture.settle()
            #expect((try? fixture.report("node1")) == nil)
            let next = HandlerTests.term("2")
            fixture.leadership.set(.leading(next))
            try await fixture.untilLeading(next)
            _ = try fixture.report("node2")
            fixture.live(until: 60)
            fixture.settle()
            #expect(fixture.configCount() == 2)
            let error = #expect(throws: ClusterChecksError.self) { try fixture.names(of: "node1") }
            #expect(error.map { "\($0)" } == "node node1 is unknown")
        }
    }

    @Test func `the handler follows a sequence of leaders and its own terms`() async throws {
        let fixture = HandlerTests.Fixture()
        func began() -> Int { fixture.log.lines.count { $0.contains("term began") } }
        try await fixture.run {
            let first = HandlerTests.term("1")
            fixture.leadership.set(.leading(first))
            try await fixture.untilLeading(first)
            // The same again, and an election that knows nothing new: no second term.
            fixture.leadership.set(.leading(first))
            fixture.settle()
            #expect(try fixture.handlerTerm() === first)
            fixture.settle()
            #expect(began() == 1)
            for address in ["1.2.3.4:5005", "1.2.3.40:5005"] {
                let leader = LeaderEndpoint(address: address, publicKeyPin: nil)
                fixture.leadership.set(.following(leader))
                fixture.settle()
                #expect(fixture.handler.leadership(at: at(0)) == .following(leader))
            }
            let second = HandlerTests.term("2")
            fixture.leadership.set(.leading(second))
            try await fixture.untilLeading(second)
            fixture.settle()
            #expect(began() == 2)
        }
    }
}
