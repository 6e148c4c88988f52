import CheckModel
import Leadership
import Platform
import Synchronization
import Testing

@testable import ClusterChecks

/// Rebalancing moves that were planned on a store that has changed meanwhile.
@Suite struct StaleMoveTests {
    @Test func `A move is skipped if its config or its destination has changed, and made otherwise`() throws {
        let configs = try encodedConfigs(0..<5)
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: configs)
        _ = dispatcher.handle(.replaced(["c", "d"].map { worker($0) }), at: 1)
        for id in ["c", "d"] { _ = try dispatcher.report(id, at: 1) }
        let moves = try configs.map { config in
            let source = try #require(dispatcher.store.nodeID(of: config.key))
            return RebalanceMove(config, from: source, to: config.key == key("c3") ? "d" : "c")
        }
        _ = dispatcher.handle(.applied(worker("d", isSchedulable: false)), at: 2)
        dispatcher.dispatch(EncodedChanges(upserts: [try encodedConfig("c1", edition: 1)], removals: [key("c0")]))
        let elsewhere = RebalanceMove(configs[2], from: "d", to: "c")
        let expected = moves.filter { $0.config.key == key("c2") || $0.config.key == key("c4") }
        var made: [RebalanceMove] = []
        let changes = dispatcher.changes { made = $0.move([elsewhere] + moves, .rebalanced) }
        #expect(made.map(\.config.key) == expected.map(\.config.key))
        #expect(changes.compactMap(\.movedKey) == expected.map(\.config.key))
        #expect(dispatcher.store.nodeID(of: key("c2")) == "c" && dispatcher.store.nodeID(of: key("c3")) != "d")
    }

    /// A clock that has a node register at each look at it, once it is told to.
    private struct BusyClock: Clock {
        final class Looks: Sendable {
            let handler = Mutex<Handler?>(nil)
            let count = Mutex(0)
        }

        let clock: ManualClock
        let looks = Looks()

        func now() -> Instant {
            if let handler = looks.handler.withLock({ $0 }) {
                let look = looks.count.withLock { count in
                    count += 1
                    return count
                }
                let report = NodeReport(id: "new\(look)", status: NodeStatusRequest(lastChange: 0))
                _ = try? handler.nodeStatus(report, now: clock.now())
            }
            return clock.now()
        }

        func wallTime() -> WallTime { clock.wallTime() }
        func sleep(until deadline: Instant) async throws { try await clock.sleep(until: deadline) }
    }

    @Test func `A store that never rests is rebalanced all the same`() async throws {
        let fixture = HandlerTests.Fixture()
        let clock = BusyClock(clock: fixture.clock)
        let handler = Handler(
            source: fixture.desired, leadership: fixture.leadership, options: HandlerOptions(patch: ConfigPatch()),
            clock: clock, log: Log(sink: fixture.log))
        func nodes() throws -> [StateSnapshot.Node] { try handler.snapshot(now: fixture.clock.now()).nodes }
        fixture.desired.apply(upserts: (0..<4).map { checkConfig("c\($0)") }, synced: true)
        fixture.leadership.set(.leading(HandlerTests.term("1")))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await handler.run() }
            defer { group.cancelAll() }
            try await eventually("leading") {
                let report = NodeReport(id: "a", status: NodeStatusRequest(lastChange: 0))
                return (try? handler.nodeStatus(report, now: at(0))) != nil
            }
            fixture.clock.set(30)
            try await eventually("dispatched") { try nodes().first?.configs.count == 4 }
            // All on one of two nodes, which has too much to do; what the second one took when it came is sent back.
            _ = try handler.nodeStatus(
                NodeReport(id: "b", status: NodeStatusRequest(lastChange: 0)), now: fixture.clock.now())
            let readings = try nodes().map { node in
                var checks: [String: RunnerStats] = [:]
                for checkID in node.configs.flatMap(\.instanceIDs) {
                    checks[checkID] = RunnerStats()
                    checks[checkID]?.averageExecutionTime = node.id == "a" ? 15_000 : 1
                }
                return StatisticsReading(id: node.id, .success(NodeStatistics(workers: 1, checks: checks)))
            }
            handler.record(readings, duration: .zero)
            let former = try nodes()
            clock.looks.handler.withLock { $0 = handler }
            let moves = try handler.rebalance(isForced: true).value
            clock.looks.handler.withLock { $0 = nil }
            #expect(!moves.isEmpty)
            // Nodes registered during each of the three plans, and every config is still where it should be: on one node.
            #expect(clock.looks.count.withLock { $0 } >= 6)
            #expect(try nodes().flatMap(\.configs).map(\.key).sorted() == former.flatMap(\.configs).map(\.key).sorted())
        }
    }
}
