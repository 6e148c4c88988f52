import CheckModel
import Leadership
import Platform
import Synchronization
import TestKit
import Testing

@testable import ClusterChecks

/// Rebalancing moves that were planned on a store that has changed meanwhile.
@Suite struct StaleMoveTests {
    @Test func `A move is skipped if its config or its destination has changed, and made otherwise`() throws {
        let configs = try encodedConfigs(0..<5)
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: configs)
        _ = dispatcher.handle(.replaced([worker("a"), worker("b"), worker("cordoned", isSchedulable: false)]), at: 1)
        _ = try dispatcher.report("cordoned", at: 1)
        let former = try configs.map { try #require(dispatcher.store.nodeID(of: $0.key)) }
        let moves = zip(configs, former).map { config, source in
            RebalanceMove(config, from: source, to: config.key == key("c3") ? "cordoned" : source == "a" ? "b" : "a")
        }
        dispatcher.dispatch(EncodedChanges(upserts: [try encodedConfig("c1", edition: 1)], removals: [key("c0")]))
        let elsewhere = RebalanceMove(configs[2], from: moves[2].destination, to: former[2])
        var made: [RebalanceMove] = []
        let changes = dispatcher.changes { made = $0.move([elsewhere] + moves, .rebalanced) }
        #expect(made.map(\.config.key) == [key("c2"), key("c4")])
        #expect(changes.compactMap(\.movedKey) == [key("c2"), key("c4")])
        let now = (1..<5).map { dispatcher.store.nodeID(of: key("c\($0)")) }
        #expect(now == [former[1], moves[2].destination, former[3], moves[4].destination])
    }

    /// A clock that has a node report from another address at each look at it, once it is told to.
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
                let status = NodeStatusRequest(lastChange: 0)
                let report = NodeReport(id: "b", status: status, address: "10.0.0.\(look)")
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
        var options = HandlerOptions(patch: ConfigPatch())
        options.warmup = .zero
        let handler = Handler(
            source: fixture.desired, leadership: fixture.leadership, options: options, clock: clock,
            log: Log(sink: fixture.log))
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
            try await eventually("dispatched") { try nodes().first?.configs.count == 4 }
            // Node b takes half of the configs, and node a has too much to do with the others.
            _ = try handler.nodeStatus(
                NodeReport(id: "b", status: NodeStatusRequest(lastChange: 0)), now: fixture.clock.now())
            let readings = try nodes().map { node in
                var checks: [ExactText: RunnerStats] = [:]
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
            #expect(!moves.moves.isEmpty)
            // The store changed during each of three plans: one look before and one after each, and two for the
            // duration.
            #expect(clock.looks.count.withLock { $0 } >= 8)
            #expect(try nodes().flatMap(\.configs).map(\.key).sorted() == former.flatMap(\.configs).map(\.key).sorted())
        }
    }
}
