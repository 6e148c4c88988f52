import CheckModel
import Leadership
import Platform
import Synchronization
import TestKit
import Testing

@testable import ClusterChecks

/// The stream of events that an observer of the Handler sees.
@Suite struct StoreEventTests {
    /// Keeps the events, and mirrors the store by them.
    final class Observer: Sendable {
        struct State {
            var events: [StoreEvent] = []
            var mirror = ClusterStore()
            var term: Term?
            /// What was out of order.
            var problems: [String] = []
        }

        let state = Mutex(State())

        func observe(_ event: StoreEvent) {
            state.withLock { state in
                state.events.append(event)
                switch event {
                case .termBegan(let term, let keepsPlacements, _):
                    if state.term != nil { state.problems.append("\(term.token) began in another term") }
                    state.term = term
                    if !keepsPlacements { state.mirror = ClusterStore() }
                case .changed(let changes, let term, _):
                    if state.term != term { state.problems.append("changed in \(term.token), which is not the term") }
                    if changes.isEmpty { state.problems.append("changed nothing") }
                    for change in changes { state.mirror.apply(change) }
                case .termEnded(let term):
                    if state.term != term { state.problems.append("\(term.token) ended, which is not the term") }
                    state.term = nil
                }
            }
        }

        /// The events in short.
        var events: [String] {
            state.withLock { $0.events }.map { event in
                switch event {
                case .termBegan(let term, let keepsPlacements, _): "began \(term.token) keeps=\(keepsPlacements)"
                case .changed(let changes, let term, _): "changed \(term.token) \(changes.map(Self.name))"
                case .termEnded(let term): "ended \(term.token)"
                }
            }
        }

        private static func name(of change: StoreChange) -> String {
            switch change {
            case .nodeRegistered(let id, _, _, _): "registered \(id)"
            case .nodeExpired(let id, _): "expired \(id)"
            case .configScheduled(let config, let id): "scheduled \(config.key.source) on \(id ?? "-")"
            case .configMoved(let key, _, let id, _, _): "moved \(key.source) to \(id)"
            case .dispatchingBegan: "dispatching"
            default: "other"
            }
        }
    }

    @Test func `A change is accepted, signalled and observed although every log line is dropped`() async throws {
        let observer = Observer()
        let fixture = HandlerTests.Fixture(sink: NoLog(), observe: { observer.observe($0) })
        let handler = fixture.handler
        try await fixture.run {
            let term = HandlerTests.term("1")
            fixture.leadership.set(.leading(term))
            try await fixture.untilLeading(term)
            try await eventually("observed") {
                fixture.settle()
                return observer.events == ["began 1 keeps=false"]
            }
            fixture.desired.apply(upserts: [checkConfig("c0")], synced: true)
            // Each of these wakes a reader that waits, is observed, and says which nodes it is about.
            try await expectWake(of: fixture) { _ = try fixture.report("a") }
            try await eventually("observed") {
                fixture.settle()
                return observer.events.last == #"changed 1 ["registered a"]"#
            }
            #expect(handler.drainChangedNodes() == ["a"])
            try await expectWake(of: fixture) { fixture.live(until: 30) }
            try await eventually("dispatched") {
                fixture.settle()
                return observer.events.last == #"changed 1 ["scheduled test:c0 on a", "dispatching"]"#
                    && handler.drainChangedNodes() == ["a"]
            }
            // Nothing changes, and nobody is woken.
            let version = handler.changes.current.version
            #expect(try !fixture.report("a", lastChange: 7))
            #expect(handler.changes.current.version == version && handler.drainChangedNodes().isEmpty)
            handler.handle(.replaced([agentPod("a")]))
            try await expectWake(of: fixture) { handler.handle(.deleted(agentPod("a"))) }
            try await eventually("observed") {
                fixture.settle()
                return observer.events.last == #"changed 1 ["expired a"]"#
            }
            #expect(handler.drainChangedNodes() == ["a"])
            try await expectWake(of: fixture) { fixture.leadership.set(.following(nil)) }
            try await eventually("ended") {
                fixture.settle()
                return observer.events.last == "ended 1"
            }
        }
        #expect(observer.state.withLock { $0.problems } == [])
    }

    /// That a reader which waits for a change is woken by `action`.
    private func expectWake(of fixture: HandlerTests.Fixture, by action: () throws -> Void) async throws {
        let handler = fixture.handler
        fixture.settle()
        let seen = handler.changes.current.version
        let isWoken = Watched(false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                if (try? await handler.changes.next(after: seen)) != nil { isWoken.set(true) }
            }
            defer { group.cancelAll() }
            try action()
            try await eventually("woken") {
                fixture.settle()
                return isWoken.value
            }
        }
    }

    @Test func `What a refused report has changed is observed too`() async throws {
        let observer = Observer()
        let fixture = HandlerTests.Fixture(sink: NoLog(), observe: { observer.observe($0) })
        fixture.handler.handle(.replaced([agentPod("a"), agentPod("b")]))
        try await fixture.run {
            try await fixture.dispatch(0..<2, to: ["a", "b"], in: HandlerTests.term("1"))
            fixture.leadership.set(.following(nil))
            try await eventually("following") {
                fixture.settle()
                return (try? fixture.report("a")) == nil
            }
            // Nothing follows from this before the next term, in which the refused report comes first: what is not
            // synced is not reconciled.
            fixture.handler.handle(.deleted(agentPod("a")))
            fixture.desired.apply(synced: false)
            let again = HandlerTests.term("2", continued: "1")
            fixture.leadership.set(.leading(again))
            try await fixture.untilLeading(again)
            #expect(observer.events.last == "began 2 keeps=true")
            #expect(throws: ClusterChecksError.invalidNodeID(length: 0)) { try fixture.report("") }
            #expect(observer.events.last?.hasPrefix(#"changed 2 ["expired a""#) == true)
            try expectMirror(of: fixture, by: observer)
        }
    }

    @Test func `Changes that two threads make are observed in the order in which they were applied`() async throws {
        let observer = Observer()
        let fixture = HandlerTests.Fixture(sink: NoLog(), observe: { observer.observe($0) })
        try await fixture.run {
            let term = HandlerTests.term("1")
            fixture.leadership.set(.leading(term))
            try await fixture.untilLeading(term)
            // Each report changes the node's type, unless the other thread has not reported since.
            await withTaskGroup(of: Void.self) { group in
                for type in 1...2 {
                    group.addTask { @concurrent in
                        let status = NodeStatusRequest(lastChange: 0, nodeType: type)
                        for _ in 0..<20_000 {
                            _ = try? fixture.handler.nodeStatus(NodeReport(id: "a", status: status), now: at(0))
                        }
                    }
                }
            }
        }
        let types = observer.state.withLock { $0.events }.compactMap { event -> Int? in
            guard case .changed(let changes, _, _) = event else { return nil }
            if case .nodeChanged(_, let type, _) = changes.first { return type }
            return nil
        }
        #expect(zip(types, types.dropFirst()).allSatisfy { $0 != $1 })
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func `Replayed into an empty store, the events of any history give the same store`(seed: UInt64) async throws {
        let observer = Observer()
        let fixture = HandlerTests.Fixture(sink: NoLog(), observe: { observer.observe($0) })
        let entropy = SeededEntropy(seed: seed)
        func roll(_ sides: Int) -> Int { Int(entropy.next() % UInt64(sides)) }
        try await fixture.run {
            var isFirst = true
            for number in 1...4 {
                let term = HandlerTests.term("\(number)", continued: roll(2) == 0 ? "\(number - 1)" : nil)
                fixture.leadership.set(.leading(term))
                try await fixture.untilLeading(term)
                for _ in 0..<(isFirst ? 8 : 5) {
                    await history(of: fixture, seed: entropy.next())
                    fixture.desired.apply(
                        upserts: (0..<roll(6)).map { _ in config(roll(40), edition: roll(3)) },
                        removals: (0..<roll(3)).map { _ in key("c\(roll(40))") }, synced: true)
                    fixture.clock.advance(by: Double(1 + roll(9)))
                }
                isFirst = false
                try await eventually("mirrored") {
                    fixture.settle()
                    return try mirror(of: fixture, by: observer)
                }
                try expectMirror(of: fixture, by: observer)
                fixture.leadership.set(.following(nil))
                try await eventually("following") {
                    fixture.settle()
                    return (try? fixture.report("n0")) == nil
                }
            }
        }
        let state = observer.state.withLock { $0 }
        #expect(state.problems == [])
        #expect(state.term == nil)
        #expect(observer.events.count { $0.hasPrefix("began") } == 4)
    }

    private func config(_ number: Int, edition: Int) -> CheckConfig {
        var config = checkConfig("c\(number)", edition: edition)
        if number % 5 == 0 { config.nodeName = "w\(edition)" }
        return config
    }

    /// Calls of all kinds from four threads at a time.
    private func history(of fixture: HandlerTests.Fixture, seed: UInt64) async {
        await withTaskGroup(of: Void.self) { group in
            for lane in 0..<4 {
                group.addTask { @concurrent in
                    let entropy = SeededEntropy(seed: seed &+ UInt64(lane))
                    for _ in 0..<40 { Self.call(fixture) { Int(entropy.next() % UInt64($0)) } }
                }
            }
        }
    }

    private static func call(_ fixture: HandlerTests.Fixture, _ roll: (Int) -> Int) {
        let (handler, now) = (fixture.handler, fixture.clock.now())
        let pod = agentPod("n\(roll(8))", on: "w\(roll(4))", isTerminating: roll(4) == 0)
        switch roll(12) {
        case 0..<5:
            let status = NodeStatusRequest(lastChange: Int64(roll(3)), nodeType: roll(2))
            let report = NodeReport(
                id: "n\(roll(8))", status: status, address: "10.0.0.\(roll(3))", isAddressStated: true)
            _ = try? handler.nodeStatus(report, now: now)
        case 5: try? handler.recordHeartbeats(of: (0..<4).map { NodeHeartbeat(id: "n\($0)", revision: 0) }, now: now)
        case 6: handler.handle(.applied(pod))
        case 7: handler.handle(.deleted(pod))
        case 8: handler.handle(.replaced((0..<8).map { agentPod("n\($0)", on: "w\($0 % 4)") }))
        case 9: handler.handle(.applied(worker("w\(roll(4))", isSchedulable: roll(3) > 0)))
        case 10:
            let nodes = (try? handler.snapshot(now: now))?.nodes ?? []
            handler.record(nodes.map { Self.reading(of: $0, roll) }, duration: .zero)
        default: _ = try? handler.rebalance(isForced: true)
        }
    }

    private static func reading(of node: StateSnapshot.Node, _ roll: (Int) -> Int) -> StatisticsReading {
        var checks: [ExactText: RunnerStats] = [:]
        for checkID in node.configs.flatMap(\.instanceIDs) {
            checks[checkID] = RunnerStats()
            checks[checkID]?.averageExecutionTime = Int64(1 + roll(15_000))
        }
        return StatisticsReading(id: node.id, .success(NodeStatistics(workers: 1 + roll(3), checks: checks)))
    }

    private func mirror(of fixture: HandlerTests.Fixture, by observer: Observer) throws -> Bool {
        let state = try fixture.handler.snapshot(now: fixture.clock.now())
        return observer.state.withLock { $0.mirror }.shown == state.shown
    }

    private func expectMirror(of fixture: HandlerTests.Fixture, by observer: Observer) throws {
        let state = try fixture.handler.snapshot(now: fixture.clock.now())
        #expect(observer.state.withLock { $0.mirror }.shown == state.shown)
    }
}

extension StateSnapshot {
    /// All of it that comes from the store.
    fileprivate var shown: [String] {
        let nodes = nodes.map { node in
            return
                "\(node.id) \(node.type) \(node.address ?? "-") \(node.revision) \(node.conditions) \(node.agents)"
                + " \(node.configs.map { "\($0.key)=\($0.contentHash)" }) \(node.told.map(\.key)) \(node.isAway)"
        }
        let dangling = dangling.map { "\($0.config.key)=\($0.config.contentHash) since \($0.since): \($0.reason)" }
        let checks = endpointsChecks.nodes.map { "\($0): \(endpointsChecks.of($0).map(\.contentHash))" }
        return nodes + dangling + checks
    }
}

extension ClusterStore {
    /// The same as a snapshot of it shows.
    fileprivate var shown: [String] {
        let none = nodes.map { _ in nil as Int? }
        let view = Dispatcher.View(
            version: version, isDispatching: true, nodes: nodes, dangling: dangling, handOvers: handOvers,
            overdue: 0,
            endpointsChecks: endpointsChecks, statistics: none.map { _ in nil }, pods: AgentPods(),
            workersPerInstance: nil, intent: intent, isRestricted: false, eligible: EligibleNodes(), rebalanced: [:],
            heard: [], time: .zero, remainingWarmUp: .zero)
        return StateSnapshot(view, Rejections(), HandlerTests.term("mirror")).shown
    }
}
