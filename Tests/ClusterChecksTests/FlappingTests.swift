import CheckModel
import Platform
import Testing

@testable import ClusterChecks

/// Nodes whose agents come and go.
@Suite struct FlappingTests {
    /// The node `x` is lost and comes back, at a time in seconds.
    private func flap(_ dispatcher: inout Dispatcher, at second: Int) throws {
        let slot = try #require(dispatcher.store.slot(of: "x"))
        dispatcher.agentLeft(slot, .left, isRestart: false)
        dispatcher.reconcileNodes(hasLost: true)
        _ = try dispatcher.report("x", at: Double(second))
    }

    /// Both nodes report for so many seconds.
    private func live(_ seconds: ClosedRange<Int>, _ dispatcher: inout Dispatcher) throws {
        for second in seconds {
            for id in ["a", "x"] { _ = try dispatcher.report(id, at: Double(second)) }
            _ = dispatcher.expireNodes(now: at(Double(second)))
            _ = dispatcher.catchUp(now: at(Double(second)))
        }
    }

    @Test func `a node that comes back for the fourth time in ten minutes gets nothing until it has stayed`() throws {
        var dispatcher = try Dispatcher(nodes: ["a", "x"], configs: try encodedConfigs(0..<8))
        for round in 1...3 {
            try live((round - 1) * 10 + 1...round * 10, &dispatcher)
            try flap(&dispatcher, at: round * 10)
            #expect(dispatcher.store.counts == ["a": 4, "x": 4])
        }
        try live(31...40, &dispatcher)
        try flap(&dispatcher, at: 40)
        #expect(dispatcher.store.counts == ["a": 8, "x": 0])
        #expect(dispatcher.store.node("x")?.conditions.cordon == .flapping)
        dispatcher.dispatch(EncodedChanges(upserts: try encodedConfigs(8..<12)))
        #expect(dispatcher.store.counts["x"] == 0)
        _ = dispatcher.drainHistory()
        try live(41...338, &dispatcher)
        #expect(dispatcher.store.counts["x"] == 0)
        try live(339...342, &dispatcher)
        #expect(dispatcher.store.node("x")?.conditions.cordon == nil)
        #expect(dispatcher.store.counts == ["a": 6, "x": 6])
        #expect(dispatcher.drainHistory().first?.reason == "it has stayed")
    }

    @Test func `whoever comes back seldom is no such node, and nothing is remembered for long`() throws {
        var flapping = Flapping()
        for round in 0..<20 {
            let time = Duration.seconds(round * 250)
            flapping.noteLoss(of: "x", at: time)
            flapping.noteReturn(of: "x", at: time + .seconds(1))
            #expect(!flapping.has("x"))
        }
        // A node that registers for the first time has not come back.
        for second in 0..<9 { flapping.noteReturn(of: "y", at: .seconds(second)) }
        #expect(!flapping.has("y"))
        #expect(flapping.settle(at: .seconds(20_000)).isEmpty)
        #expect("\(flapping)".contains("returns: [:]") && "\(flapping)".contains("lost: [:]"))
    }

    @Test func `where there is no other node, one that comes and goes gets everything`() throws {
        var dispatcher = try Dispatcher(nodes: ["x"], configs: try encodedConfigs(0..<4))
        for round in 1...6 {
            let slot = try #require(dispatcher.store.slot(of: "x"))
            dispatcher.agentLeft(slot, .left, isRestart: false)
            _ = try dispatcher.report("x", at: Double(round))
            #expect(dispatcher.store.counts == ["x": 4])
        }
    }
}
