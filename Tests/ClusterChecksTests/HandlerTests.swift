import CheckModel
import JSON
import Leadership
import Platform
import TestKit
import Testing

@testable import ClusterChecks

/// The Handler over a term: warm-up, dispatching, losing the Lease and getting it back.
@Suite struct HandlerTests {
    /// A handler with everything around it in a test's hands.
    struct Fixture {
        let clock = ManualClock()
        let executor = ManualExecutor()
        let log = RecordingLog()
        let leadership: Watched<LeadershipState>
        let desired: DesiredConfigs
        let handler: Handler

        init(
            _ state: LeadershipState = .unknown, maximumConfigs: Int = 1000, sink: (any LogSink)? = nil,
            succession: Succession = .none, observe: (@Sendable (StoreEvent) -> Void)? = nil
        ) {
            leadership = Watched(state)
            var options = HandlerOptions(patch: ConfigPatch(extraTags: ["from:test"]))
            options.maximumConfigs = maximumConfigs
            options.replica = "replica"
            desired = DesiredConfigs(for: options)
            handler = Handler(
                source: desired, leadership: leadership, options: options, clock: clock, log: Log(sink: sink ?? log),
                succession: succession, observe: observe)
        }

        func report(_ id: String, lastChange: Int64 = 0) throws -> Bool {
            let status = NodeStatusRequest(lastChange: lastChange)
            return try handler.nodeStatus(NodeReport(id: id, status: status), now: clock.now()).value.isUpToDate
        }

        func names(of id: String) throws -> [String] {
            try handler.configs(of: id, now: clock.now()).value.configs.map(\.key.source)
        }

        func configCount() -> Int? {
            (try? handler.snapshot(now: clock.now())).map {
                $0.nodes.reduce($0.dangling.count) { $0 + $1.configs.count }
            }
        }

        /// Runs the handler while `body` runs; then cancels it and waits until it has returned.
        func run(_ body: () async throws -> Void) async throws {
            try await executor.run({ await handler.run() }, while: body)
        }

        /// Runs the handler's tasks until none is ready.
        func settle() { executor.drain() }

        /// Lets the handler run until `seconds` with no pause in which it would not have listened.
        func live(until seconds: Double) {
            while clock.now() + .milliseconds(500) < at(seconds) {
                clock.advance(by: .milliseconds(500))
                settle()
            }
            clock.set(at(seconds))
            settle()
        }

        func untilLeading(_ term: Term) async throws {
            settle()
            #expect(try handlerTerm() === term)
        }

        func handlerTerm() throws -> Term? {
            if let term = handler.leadership(at: clock.now()).term(at: clock.now()) { return term }
            return nil
        }

        /// Leads, lets `nodes` report, and dispatches `configs` after the warm-up.
        func dispatch(_ configs: Range<Int>, to nodes: [String], in term: Term) async throws {
            desired.apply(upserts: configs.map { checkConfig("c\($0)") }, synced: true)
            leadership.set(.leading(term))
            try await untilLeading(term)
            for node in nodes { _ = try report(node) }
            live(until: 29.5)
            for node in nodes { _ = try report(node) }
            live(until: 30)
            #expect(configCount() == configs.count)
        }
    }

    static func term(_ token: String, continued: String? = nil) -> Term {
        Term(token: token, validUntil: Deadline(.distantFuture), continued: continued)
    }

    @Test func `a handler that does not lead answers every call with the leader`() async throws {
        let fixture = Fixture()
        let leader = LeaderEndpoint(address: "10.0.0.7:5005", publicKeyPin: nil)
        #expect(throws: ClusterChecksError.startingUp) { try fixture.report("a") }
        for following in [leader, nil] {
            fixture.leadership.set(.following(following))
            let error = ClusterChecksError.notLeading(following)
            #expect(throws: error) { try fixture.report("a") }
            #expect(throws: error) { try fixture.names(of: "a") }
            #expect(throws: error) { try fixture.handler.endpointsChecks(of: "a", now: at(0)) }
            #expect(throws: error) { try fixture.handler.snapshot(now: at(0)) }
        }
    }

    @Test func `a term that has not begun answers nothing`() {
        let fixture = Fixture(.leading(Self.term("1")))
        #expect(throws: ClusterChecksError.notLeading(nil)) { try fixture.report("a") }
    }

    @Test func `in warm-up reports are up to date and configs are not known`() async throws {
        let fixture = Fixture()
        try await fixture.run {
            fixture.desired.apply(upserts: [checkConfig("c0")], synced: true)
            let term = Self.term("1")
            fixture.leadership.set(.leading(term))
            try await fixture.untilLeading(term)
            #expect(try fixture.report("a", lastChange: 10))
            fixture.live(until: 29.9)
            #expect(try fixture.report("a", lastChange: 10))
            #expect(throws: ClusterChecksError.warmingUp) { try fixture.names(of: "a") }
            #expect(throws: ClusterChecksError.warmingUp) { try fixture.handler.endpointsChecks(of: "a", now: at(29)) }
            #expect(fixture.configCount() == 0)
            fixture.live(until: 30)
            #expect(fixture.configCount() == 1)
            #expect(try !fixture.report("a", lastChange: 10))
            #expect(try fixture.names(of: "a") == ["test:c0"])
            #expect(throws: ClusterChecksError.unknownNode("b")) { try fixture.names(of: "b") }
            #expect(try fixture.handler.endpointsChecks(of: "b", now: fixture.clock.now()).value.configs.isEmpty)
        }
    }

    @Test func `a set that is not synced is never dispatched`() async throws {
        let fixture = Fixture()
        try await fixture.run {
            let term = Self.term("1")
            fixture.leadership.set(.leading(term))
            try await fixture.untilLeading(term)
            #expect(try fixture.report("a"))
            fixture.desired.apply(upserts: [checkConfig("c0")])
            fixture.live(until: 35)
            #expect(throws: ClusterChecksError.notSynced) { try fixture.names(of: "a") }
            #expect(try fixture.report("a", lastChange: 7))
            fixture.desired.apply(upserts: [checkConfig("c1")], synced: true)
            fixture.settle()
            #expect(fixture.configCount() == 2)
            // When a source is lost again, what is known stays, and nothing is concluded from what the set lacks.
            fixture.desired.apply(removals: [key("c0")], synced: false)
            fixture.settle()
            #expect(try fixture.names(of: "a") == ["test:c0", "test:c1"])
            fixture.desired.apply(synced: true)
            fixture.settle()
            #expect(try fixture.names(of: "a") == ["test:c1"])
        }
    }

    @Test func `changes of the desired set reach the nodes`() async throws {
        let fixture = Fixture()
        try await fixture.run {
            try await fixture.dispatch(0..<4, to: ["a", "b"], in: Self.term("1"))
            let before = try fixture.names(of: "a") + fixture.names(of: "b")
            #expect(before.sorted() == (0..<4).map { "test:c\($0)" })
            fixture.desired.apply(upserts: [checkConfig("c4")], removals: [key("c0")])
            fixture.settle()
            #expect(try (fixture.names(of: "a") + fixture.names(of: "b")).sorted() == (1..<5).map { "test:c\($0)" })
            let revision = try fixture.handler.configs(of: "a", now: at(30)).value.revision
            #expect(try fixture.report("a", lastChange: revision))
        }
    }

    @Test func `a Lease regained with no leader in between keeps every placement without warm-up`() async throws {
        let fixture = Fixture()
        try await fixture.run {
            try await fixture.dispatch(0..<9, to: ["a", "b", "c"], in: Self.term("1"))
            let before = try ["a", "b", "c"].map { try fixture.names(of: $0) }
            fixture.leadership.set(.following(nil))
            fixture.settle()
            #expect((try? fixture.report("a")) == nil)
            // Longer than the timeout: nobody could report to us, so nobody is silent.
            fixture.clock.set(100)
            fixture.desired.apply(upserts: [checkConfig("c9")], removals: [key("c0")])
            let again = Self.term("2", continued: "1")
            fixture.leadership.set(.leading(again))
            try await fixture.untilLeading(again)
            fixture.settle()
            #expect(
                try fixture.handler.snapshot(now: at(100)).nodes.contains {
                    $0.configs.contains { $0.key == key("c9") }
                })
            let after = try ["a", "b", "c"].map { try fixture.names(of: $0) }
            for (old, new) in zip(before, after) {
                #expect(new.filter { $0 != "test:c9" } == old.filter { $0 != "test:c0" })
            }
            #expect(after.joined().count == 9)
            fixture.clock.set(101.5)
            fixture.settle()
            #expect(try fixture.handler.snapshot(now: at(101)).nodes.count == 3)
        }
    }

    @Test func `after another leader the store is empty and warms up again`() async throws {
        let fixture = Fixture()
        try await fixture.run {
            try await fixture.dispatch(0..<3, to: ["a"], in: Self.term("1"))
            fixture.leadership.set(.following(LeaderEndpoint(address: "10.0.0.8:5005", publicKeyPin: nil)))
            fixture.settle()
            #expect((try? fixture.report("a")) == nil)
            let next = Self.term("2")
            fixture.leadership.set(.leading(next))
            try await fixture.untilLeading(next)
            #expect(try fixture.handler.snapshot(now: at(30)).nodes.isEmpty)
            #expect(try fixture.report("a", lastChange: 5))
            #expect(throws: ClusterChecksError.warmingUp) { try fixture.names(of: "a") }
        }
    }

    @Test func `a first term that claims to continue another warms up all the same`() async throws {
        let fixture = Fixture()
        try await fixture.run {
            fixture.desired.apply(upserts: [checkConfig("c0")], synced: true)
            let term = Self.term("1", continued: "0")
            fixture.leadership.set(.leading(term))
            try await fixture.untilLeading(term)
            _ = try fixture.report("a")
            fixture.settle()
            #expect(throws: ClusterChecksError.warmingUp) { try fixture.names(of: "a") }
        }
    }

    @Test func `warm-up counts only time in which this replica led`() async throws {
        let fixture = Fixture()
        try await fixture.run {
            fixture.desired.apply(upserts: [checkConfig("c0")], synced: true)
            let term = Self.term("1")
            fixture.leadership.set(.leading(term))
            try await fixture.untilLeading(term)
            fixture.live(until: 1)
            fixture.leadership.set(.following(nil))
            fixture.settle()
            fixture.live(until: 100)
            let again = Self.term("2", continued: "1")
            fixture.leadership.set(.leading(again))
            try await fixture.untilLeading(again)
            _ = try fixture.report("a")
            fixture.live(until: 128.9)
            #expect(throws: ClusterChecksError.warmingUp) { try fixture.names(of: "a") }
            fixture.live(until: 129)
            #expect(try fixture.names(of: "a") == ["test:c0"])
            #expect(
                fixture.log.lines.contains("info term began term=2 placements=kept warmup_seconds=29.0"))
        }
    }

    @Test func `time in which this replica was stopped, or its renewal was late, is no warm-up`() async throws {
        let fixture = Fixture()
        try await fixture.run {
            fixture.desired.apply(upserts: [checkConfig("c0")], synced: true)
            let term = Term(token: "1", validUntil: Deadline(at(10)))
            fixture.leadership.set(.leading(term))
            try await fixture.untilLeading(term)
            fixture.live(until: 60)
            term.validUntil.extend(to: at(1000))
            fixture.live(until: 70)
            _ = try fixture.report("a")
            // Stopped: of the gap between two moments of listening 2 s count.
            fixture.clock.set(200)
            fixture.settle()
            #expect(throws: ClusterChecksError.warmingUp) { try fixture.names(of: "a") }
            fixture.live(until: 205)
            #expect(throws: ClusterChecksError.warmingUp) { try fixture.names(of: "a") }
            fixture.live(until: 212)
            #expect(try fixture.names(of: "a") == ["test:c0"])
        }
    }

    @Test func `past its term a handler answers, dispatches and expires nothing`() async throws {
        let fixture = Fixture()
        try await fixture.run {
            let term = Term(token: "1", validUntil: Deadline(at(40)))
            try await fixture.dispatch(0..<2, to: ["a"], in: term)
            fixture.clock.set(41)
            #expect(throws: ClusterChecksError.notLeading(nil)) { try fixture.report("a") }
            fixture.desired.apply(upserts: [checkConfig("late")])
            for second in 42..<90 {
                fixture.clock.set(Double(second))
                fixture.settle()
            }
            #expect(throws: ClusterChecksError.notLeading(nil)) { try fixture.handler.snapshot(now: at(90)) }
            let dispatched = fixture.log.lines.filter { $0.hasPrefix("info configs dispatched") }
            #expect(dispatched.count <= 1)
            // The renewal got through after all.
            term.validUntil.extend(to: at(1000))
            fixture.clock.set(91)
            fixture.settle()
            #expect(fixture.configCount() == 3)
            #expect(try fixture.handler.snapshot(now: at(91)).nodes.map(\.id) == ["a"])
        }
    }

    @Test func `silent nodes expire and their configs move`() async throws {
        let fixture = Fixture()
        try await fixture.run {
            try await fixture.dispatch(0..<6, to: ["a", "b", "c"], in: Self.term("1"))
            for second in 31..<63 {
                fixture.clock.set(Double(second))
                for id in ["a", "b"] { _ = try fixture.report(id) }
                fixture.settle()
            }
            fixture.settle()
            #expect(try fixture.names(of: "a").count == 3)
            #expect(try fixture.names(of: "b").count == 3)
            let line = "warning node expired: no heartbeat within the timeout node=c nodes=2"
            fixture.settle()
            #expect(fixture.log.lines.contains(line))
        }
    }

    @Test func `after cancellation the term has ended and calls are still answered`() async throws {
        let fixture = Fixture()
        let term = Self.term("1")
        try await fixture.run { try await fixture.dispatch(0..<2, to: ["a"], in: term) }
        #expect(!term.isValid(at: at(30)))
        let leader = LeaderEndpoint(address: "10.0.0.8:5005", publicKeyPin: nil)
        fixture.leadership.set(.following(leader))
        #expect(throws: ClusterChecksError.notLeading(leader)) { try fixture.report("a") }
        #expect(fixture.log.lines.last == "info term ended term=1 nodes=1 configs=2")
    }

    @Test func `a config that cannot be patched is logged and affects no other`() async throws {
        let fixture = Fixture()
        try await fixture.run {
            try await fixture.dispatch(0..<2, to: ["a"], in: Self.term("1"))
            let bad = CheckConfig(key: key("c0"), checkName: "http_check", instances: [.string("no object")])
            fixture.desired.apply(upserts: [bad, checkConfig("c2")])
            fixture.settle()
            #expect(try fixture.names(of: "a") == ["test:c1", "test:c2"])
            #expect(try fixture.handler.snapshot(now: at(30)).rejected.map(\.key) == [key("c0")])
            #expect(
                fixture.log.lines.contains {
                    $0.hasPrefix("warning config cannot be dispatched config=test:c0#http_check#0 reason=")
                })
            fixture.desired.apply(upserts: [checkConfig("c0")])
            fixture.settle()
            #expect(try fixture.names(of: "a").count == 3)
            #expect(try fixture.handler.snapshot(now: at(30)).rejected.isEmpty)
        }
    }

    @Test func `a config that stops being a cluster check is removed`() async throws {
        let fixture = Fixture()
        try await fixture.run {
            try await fixture.dispatch(0..<2, to: ["a"], in: Self.term("1"))
            var local = checkConfig("c0")
            local.clusterCheck = false
            var pinned = checkConfig("c2")
            pinned.nodeName = "node-7"
            fixture.desired.apply(upserts: [local, pinned])
            fixture.settle()
            #expect(try fixture.names(of: "a") == ["test:c1"])
        }
    }

    @Test func `configs over the limit are dispatched when there is room`() async throws {
        let fixture = Fixture(maximumConfigs: 3)
        try await fixture.run {
            try await fixture.dispatch(0..<3, to: ["a"], in: Self.term("1"))
            fixture.desired.apply(upserts: [checkConfig("c3")])
            fixture.settle()
            #expect(try fixture.handler.snapshot(now: at(30)).rejected.count == 1)
            let line = "error configs over the limit are not dispatched limit=3 refused=1"
            fixture.settle()
            #expect(fixture.log.lines.contains(line))
            fixture.desired.apply(removals: [key("c1")])
            fixture.settle()
            #expect(try fixture.names(of: "a") == ["test:c0", "test:c2", "test:c3"])
            #expect(try fixture.handler.snapshot(now: at(30)).rejected.isEmpty)
        }
    }

    @Test func `the metrics list placements at a leader, and at a follower what it moved when it led`() async throws {
        let fixture = Fixture()
        func page() -> String {
            var writer = MetricsWriter()
            fixture.handler.collect(into: &writer)
            return writer.text
        }
        let moves = page().split(separator: "\n").filter { $0.hasPrefix("cluster_checks_moves_total{") }
        #expect(moves.count == MoveReason.allCases.count)
        #expect(moves.allSatisfy { $0.hasPrefix("cluster_checks_moves_total{reason=") && $0.hasSuffix(" 0") })
        try await fixture.run {
            try await fixture.dispatch(0..<2, to: ["a"], in: Self.term("1"))
            let lines = page().split(separator: "\n")
            #expect(lines.contains("cluster_checks_nodes_reporting{join_leader=\"true\"} 1"))
            #expect(lines.contains("cluster_checks_configs_dangling{join_leader=\"true\"} 0"))
            #expect(lines.contains("cluster_checks_configs_dispatched{join_leader=\"true\",node=\"a\"} 2"))
            #expect(lines.filter { $0.hasPrefix("cluster_checks_configs_info{") && $0.hasSuffix(" 1") }.count == 2)
        }
    }

    @Test func `a batch of configs is one line in the log`() async throws {
        let fixture = Fixture()
        try await fixture.run {
            try await fixture.dispatch(0..<50, to: ["a", "b"], in: Self.term("1"))
            // A line is written after the lock is released: the next one shows that those before are there.
            fixture.desired.apply(upserts: [checkConfig("c0", edition: 1)])
            fixture.settle()
            #expect(fixture.log.lines.last?.contains("replaced=1") == true)
            let dispatched = fixture.log.lines.filter { $0.hasPrefix("info configs dispatched scheduled=50") }
            #expect(
                dispatched == [
                    "info configs dispatched scheduled=50 replaced=0 removed=0 handed_over=0 nodes=2"
                ])
            #expect(fixture.log.lines.contains("info term began term=1 placements=none warmup_seconds=30.0"))
        }
    }
}
