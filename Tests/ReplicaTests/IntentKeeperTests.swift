import CheckModel
import ClusterChecks
import JSON
import Kubernetes
import Platform
import Simulation
import Synchronization
import TestKit
import Testing

@testable import Replica

/// What operators want is kept before it counts.
@Suite struct IntentKeeperTests {
    /// A leader with checks on two nodes, and where its intent is kept.
    private func leading(
        _ text: SimulatedKeptText?, _ body: @escaping (TestReplica, IntentKeeper) async throws -> Void
    ) async throws {
        try await TestReplica.run(as: .dispatching, nodes: ["node1", "node2"]) { replica in
            let keeper = IntentKeeper(store: text, clock: replica.clock, log: Log(sink: NoLog()))
            keeper.set(replica.handler)
            try await body(replica, keeper)
        }
    }

    /// Has a command carried out, by a keeper that runs for as long.
    private func outcome(_ command: IntentCommand, _ keeper: IntentKeeper) async throws -> IntentOutcome {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await keeper.run() }
            defer { group.cancelAll() }
            let said = Mutex<IntentOutcome?>(nil)
            keeper.carryOut(command) { outcome in said.withLock { $0 = outcome } }
            return try await eventually("the outcome") { said.withLock { $0 } }
        }
    }

    private func drained(_ replica: TestReplica) throws -> [String] {
        try replica.handler.snapshot(now: replica.clock.now()).nodes.filter(\.conditions.isDrained).map(\.id)
    }

    @Test func `a command is kept, then counts`() async throws {
        let text = SimulatedKeptText()
        try await leading(text) { replica, keeper in
            guard case .done(_, _, isKept: true) = try await outcome(IntentCommand(.drain, node: "node1"), keeper)
            else {
                Issue.record("not done")
                return
            }
            #expect(try drained(replica) == ["node1"])
            #expect(text.text?.contains(#""drained":["node1"]"#) == true)
            _ = try await outcome(IntentCommand(.uncordon, node: "node1"), keeper)
            #expect(try drained(replica).isEmpty && text.text?.contains(#""drained":[]"#) == true)
        }
    }

    @Test func `what cannot be kept does not count`() async throws {
        let text = SimulatedKeptText()
        try await leading(text) { replica, keeper in
            text.fail(with: .transport("no answer"))
            guard case .notKept(let reason) = try await outcome(IntentCommand(.drain, node: "node1"), keeper) else {
                Issue.record("done")
                return
            }
            #expect(reason.contains("no answer"))
            #expect(try drained(replica).isEmpty)
            guard case .unreadable = await keeper.kept() else {
                Issue.record("readable")
                return
            }
        }
    }

    @Test func `what another replica kept meanwhile is not lost`() async throws {
        let text = SimulatedKeptText()
        try await leading(text) { replica, keeper in
            var other = OperatorIntent()
            other.drained = ["node2"]
            _ = try await text.write(
                String(decoding: other.encoded.encoded(), as: UTF8.self), replacing: nil,
                deadline: replica.clock.now() + .seconds(5))
            _ = try await outcome(IntentCommand(.drain, node: "node1"), keeper)
            #expect(try drained(replica) == ["node1", "node2"])
        }
    }

    @Test func `without a place to keep it, it counts as long as a replica runs`() async throws {
        try await leading(nil) { replica, keeper in
            guard case .done(_, _, isKept: false) = try await outcome(IntentCommand(.drain, node: "node1"), keeper)
            else {
                Issue.record("not done")
                return
            }
            #expect(try drained(replica) == ["node1"])
        }
    }

    @Test func `what is kept is read, and what is no intent is refused`() async throws {
        var intent = OperatorIntent()
        intent.drained = ["n"]
        let texts = [String(decoding: intent.encoded.encoded(), as: UTF8.self), "{", #"{"format":7}"#]
        for (index, text) in texts.enumerated() {
            let keeper = IntentKeeper(store: SimulatedKeptText(text), clock: ManualClock(), log: Log(sink: NoLog()))
            let kept = await keeper.kept()
            if case .kept(let read) = kept { #expect(index == 0 && read == intent) } else { #expect(index > 0) }
        }
        guard case .nowhere = await IntentKeeper(store: nil, clock: ManualClock(), log: Log(sink: NoLog())).kept()
        else {
            Issue.record("something is kept")
            return
        }
    }

    @Test func `a replica that stops answers whoever waits`() async throws {
        try await leading(nil) { _, keeper in
            let said = Mutex(0)
            for _ in 0..<3 { keeper.carryOut(IntentCommand(.drain, node: "node1")) { _ in said.withLock { $0 += 1 } } }
            keeper.close()
            keeper.carryOut(IntentCommand(.drain, node: "node1")) { _ in said.withLock { $0 += 1 } }
            #expect(said.withLock { $0 } == 4)
        }
    }
}
