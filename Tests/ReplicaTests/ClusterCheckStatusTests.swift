import AutoConf
import CheckModel
import ClusterChecks
import JSON
import Kubernetes
import Leadership
import Platform
import Synchronization
import TestKit
import Testing

@testable import Replica

/// What the status of a ClusterCheck says, and when it is written.
@Suite struct ClusterCheckStatusTests {
    private static let now = WallTime(nanoseconds: 1_000 * 1_000_000_000)
    private static let later = WallTime(nanoseconds: 2_000 * 1_000_000_000)

    private static func facts(
        _ places: [ClusterCheckPlaces.Place] = [.node("n1", since: now)],
        _ acceptance: ClusterCheckAcceptance = ClusterCheckAcceptance(), rejection: String? = nil
    ) -> ClusterCheckFacts {
        ClusterCheckFacts(generation: 3, acceptance: acceptance, places: places, rejection: rejection)
    }

    private static func line(_ status: ClusterCheckStatus, _ type: String) -> String {
        guard let condition = status.condition(type) else { return "none" }
        return "\(condition.status) \(condition.reason): \(condition.message)"
    }

    @Test(arguments: [
        (facts(), "True Valid: ", "True Placed: ", "n1"),
        (facts([]), "True Valid: ", "False Pending: it has not been dispatched yet", ""),
        (facts([.nowhere(.noNode)]), "True Valid: ", "False NoNode: no node-agent reports", ""),
        (
            facts([.nowhere(.noEligibleNode("no zone a"))]), "True Valid: ", "False NoEligibleNode: no zone a", ""
        ),
        (facts([.nowhere(.paused)]), "True Valid: ", "False PausedByOperator: an operator paused it", ""),
        (
            facts([.node("n2", since: now), .nowhere(.noNode), .node("n1", since: now)]), "True Valid: ",
            "False NoNode: 1 of 3 parts: no node-agent reports", "n1, n2"
        ),
        (
            facts((1...5).map { .node("n\($0)", since: now) }), "True Valid: ", "True Placed: ",
            "n1, n2, n3 and 2 more"
        ),
        (
            facts([], ClusterCheckAcceptance(isPaused: true, hasConfig: false)), "True Valid: ",
            "False Paused: spec.paused is true", ""
        ),
        (
            facts([], ClusterCheckAcceptance(errors: ["a", "b"], hasConfig: false)), "False Invalid: a; b",
            "False Invalid: there is no valid spec", ""
        ),
        (
            facts([.node("n1", since: now)], ClusterCheckAcceptance(errors: ["a"], keepsLast: true)),
            "False Invalid: a; the last valid spec stays in use", "True Placed: ", "n1"
        ),
        (
            facts([.node("n\u{1B}[31m1", since: now)], ClusterCheckAcceptance(warnings: ["w\nx"])),
            "True Valid: w\\u{a}x", "True Placed: ", "n\\u{1b}[31m1"
        ),
        (facts([], rejection: "too long"), "True Valid: ", "False Rejected: too long", ""),
    ])
    func `the conditions say what became of it`(
        facts: ClusterCheckFacts, accepted: String, placed: String, node: String
    ) {
        let status = ClusterCheckStatus().wanted(facts, now: Self.now)
        #expect(Self.line(status, "Accepted") == accepted)
        #expect(Self.line(status, "Placed") == placed)
        #expect(status.node == node && status.observedGeneration == 3)
        #expect(status.placedAt == (node.isEmpty ? "" : "1970-01-01T00:16:40Z"))
    }

    private static func shown(
        _ id: String, _ isUp: Bool, isStale: Bool = false
    ) -> ShownResult {
        ShownResult(
            result: CheckResult(
                id: id, isUp: isUp, kind: isUp ? "" : "timeout", reason: isUp ? "" : "no answer within 5 s"),
            age: .seconds(3), lasted: .seconds(9), lastSuccess: nil, isStale: isStale)
    }

    private static let passing: [([(String, ShownResult?)], String)] = [
        ([], "Unknown NoResult: its node-agent has not said how it fares"),
        ([("a", nil)], "Unknown NoResult: its node-agent has not said how it fares"),
        ([("a", shown("a", true)), ("b", nil)], "Unknown NoResult: its node-agent has not said how it fares"),
        ([("a", shown("a", true))], "True Passing: "),
        ([("a", shown("a", false))], "False Timeout: timeout: no answer within 5 s"),
        (
            [("a", shown("a", true)), ("b", shown("b", false)), ("c", nil)],
            "False Timeout: 1 of 3 instances: timeout: no answer within 5 s"
        ),
        ([("a", shown("a", false, isStale: true))], "Unknown Stale: nothing has been heard of a for a while"),
    ]

    @Test(arguments: passing.indices) func `the condition Passing says how the instances fare`(index: Int) {
        let (known, expected) = Self.passing[index]
        let results = Dictionary(uniqueKeysWithValues: known)
        var facts = Self.facts()
        facts.verdict = ClusterCheckVerdict(known.map { ($0.0, "n1") }) { id, _ in results[id] ?? nil }
        #expect(Self.line(ClusterCheckStatus().wanted(facts, now: Self.now), "Passing") == expected)
        let nowhere = Self.facts([.nowhere(.noNode)])
        #expect(
            Self.line(ClusterCheckStatus().wanted(nowhere, now: Self.now), "Passing")
                == "Unknown NotPlaced: it runs nowhere")
    }

    @Test func `a leader that has not heard of a check leaves what the former one wrote`() {
        var facts = Self.facts()
        facts.verdict = .failing(reason: "Timeout", message: "timeout: x")
        let failing = ClusterCheckStatus().wanted(facts, now: Self.now)
        #expect(failing.wanted(Self.facts(), now: Self.later) == failing)
        facts.verdict = .passing
        let passing = failing.wanted(facts, now: Self.later)
        #expect(passing.condition("Passing")?.lastTransitionTime == "1970-01-01T00:33:20Z")
        let moved = passing.wanted(Self.facts([.node("n2", since: Self.later)]), now: Self.later)
        #expect(moved.condition("Passing")?.status == "Unknown")
    }

    @Test func `what stays true keeps its time, and conditions of others stay`() {
        var status = ClusterCheckStatus()
        let other = ClusterCheckStatus.Condition(
            type: "Other", status: "True", reason: "R", message: "", lastTransitionTime: "t", observedGeneration: 1)
        status.conditions = [other]
        let first = status.wanted(Self.facts(), now: Self.now)
        #expect(first.wanted(Self.facts(), now: Self.later) == first)
        // A new leader saw it placed later.
        let again = first.wanted(Self.facts([.node("n1", since: Self.later)]), now: Self.later)
        #expect(again == first && again.conditions.first == other)
        let moved = first.wanted(Self.facts([.node("n2", since: Self.later)]), now: Self.later)
        #expect(moved.placedAt == "1970-01-01T00:33:20Z")
        #expect(moved.condition("Placed")?.lastTransitionTime == "1970-01-01T00:16:40Z")
        let lost = first.wanted(Self.facts([.nowhere(.noNode)]), now: Self.later)
        #expect(lost.condition("Placed")?.lastTransitionTime == "1970-01-01T00:33:20Z" && lost.placedAt.isEmpty)
    }

    @Test func `places follow the store, through a node that goes and a term that begins`() throws {
        func key(_ name: String) -> ConfigKey {
            ConfigKey(source: "cluster_check://shop/\(name)", check: "c", index: 0)
        }
        let term = Term.unending(token: "t")
        var places = ClusterCheckPlaces()
        func apply(_ changes: StoreChange...) -> [ExactText]? {
            places.apply(.changed(changes, in: term, version: 1), at: Self.now)
        }
        #expect(places.apply(.termBegan(term, keepsPlacements: false, version: 0), at: Self.now) == nil)
        #expect(
            apply(.configMoved(key("a"), from: nil, to: "n1", .dangled, mayRun: false)) == ["cluster_check://shop/a"])
        let service = ConfigKey(source: "kube_service://shop/a", check: "c", index: 0)
        #expect(apply(.configMoved(service, from: nil, to: "n1", .dangled, mayRun: false)) == [])
        #expect(apply(.nodeExpired(id: "n2", .silence)) == [])
        #expect(places["cluster_check://shop/a"] == [.node("n1", since: Self.now)])
        #expect(apply(.nodeExpired(id: "n1", .silence)) == ["cluster_check://shop/a"])
        #expect(places["cluster_check://shop/a"] == [.nowhere(.nodeExpired("n1"))])
        #expect(apply(.configRemoved(key("a")), .dispatchingBegan(unclearFor: .zero)) == nil)
        #expect(places["cluster_check://shop/a"] == [])
        _ = apply(.configWithdrawn(key("b"), .noNode, mayRun: false))
        #expect(places.apply(.termBegan(term, keepsPlacements: true, version: 9), at: Self.now) == nil)
        #expect(places["cluster_check://shop/b"] == [.nowhere(.noNode)])
        _ = places.apply(.termBegan(term, keepsPlacements: false, version: 9), at: Self.now)
        #expect(places["cluster_check://shop/b"] == [])
    }

    @Test func `two ClusterChecks that say the same are both told of a flip`() throws {
        let configs = try ["a", "b"].map { name in
            try ConfigPatch().encode(
                CheckConfig(
                    key: ConfigKey(source: "cluster_check://shop/\(name)", check: "tls", index: 0), checkName: "tls",
                    instances: [.object(["server": .string("x")])]))
        }
        let id = try #require(configs[0].instanceIDs.first)
        #expect(configs[1].instanceIDs == [id])
        let term = Term.unending(token: "t")
        var places = ClusterCheckPlaces()
        func apply(_ changes: [StoreChange]) {
            _ = places.apply(.changed(changes, in: term, version: 1), at: Self.now)
        }
        apply(configs.map { .configScheduled($0, on: "n1") })
        #expect(places.sources(ofInstance: ExactText(id)) == ["cluster_check://shop/a", "cluster_check://shop/b"])
        #expect(places.instances(of: "cluster_check://shop/a").map(\.id) == [id])
        #expect(places.instances(of: "cluster_check://shop/a").map(\.node) == ["n1"])
        apply([.configRemoved(configs[0].key)])
        #expect(places.sources(ofInstance: ExactText(id)) == ["cluster_check://shop/b"])
        apply([.configMoved(configs[1].key, from: "n1", to: "n2", .drained, mayRun: false)])
        #expect(places.instances(of: "cluster_check://shop/b").map(\.node) == ["n2"])
    }
}

/// Writes the statuses of many ClusterChecks, at a rate, through failures.
@Suite struct ClusterCheckStatusWriterTests {
    /// Keeps what is written, and fails as it is told.
    private final class Writer: ClusterCheckStatusWriter {
        private let state = Mutex<(written: [(name: String, at: Instant, ClusterCheckStatus)], failures: [Int])>(
            ([], []))
        private let message: String
        /// The one that fails always; empty: the next ones fail.
        private let failing: String
        let clock: any Clock

        init(_ clock: any Clock, failures: [Int], message: String, failing: String) {
            self.clock = clock
            self.message = message
            self.failing = failing
            state.withLock { $0.failures = failures }
        }

        var written: [(name: String, at: Instant, ClusterCheckStatus)] { state.withLock { $0.written } }

        func write(
            _ status: ClusterCheckStatus, namespace: String, name: String, deadline: Instant
        ) async throws(KubernetesError) {
            let code = state.withLock { state in
                state.written.append((name, clock.now(), status))
                guard failing.isEmpty else { return name == failing ? state.failures[0] : 0 }
                return state.failures.isEmpty ? 0 : state.failures.removeFirst()
            }
            if code > 0 { throw .status(Status(code: code, message: message)) }
        }
    }

    private static func check(_ number: Int, generation: Int64 = 1) -> ClusterCheck {
        ClusterCheck(
            metadata: ObjectMetadata(name: "c\(number)", namespace: "shop", uid: "u\(number)", generation: generation),
            spec: .null)
    }

    /// What is written of `count` ClusterChecks by a leader, after `seconds`; `body` runs in the middle of them.
    private func written(
        _ count: Int, failures: [Int] = [], message: String = "", failing: String = "", seconds: Int,
        isLeading: Bool = true,
        _ body: @escaping (ClusterCheckStatuses) -> Void = { _ in }
    ) async throws -> [(name: String, at: Instant, ClusterCheckStatus)] {
        var result: [(name: String, at: Instant, ClusterCheckStatus)] = []
        try await TestReplica.run(as: isLeading ? .dispatching : .follower) { replica in
            let writer = Writer(replica.clock, failures: failures, message: message, failing: failing)
            let statuses = ClusterCheckStatuses(
                writer: writer, interval: .milliseconds(100), acceptance: { _ in ClusterCheckAcceptance() },
                clock: replica.clock, log: Log(sink: NoLog()))
            statuses.set(replica.handler, CheckResults())
            if isLeading { statuses.handle(.termBegan(replica.term, keepsPlacements: false, version: 0)) }
            statuses.handle(.replaced((0..<count).map { Self.check($0) }, begun: .distantPast))
            try await replica.executor.run({ await statuses.run() }) {
                for step in 0..<(seconds * 20) {
                    if step == seconds * 10 { body(statuses) }
                    replica.clock.advance(by: .milliseconds(50))
                    replica.settle()
                }
            }
            result = writer.written
        }
        return result
    }

    @Test func `a thousand changes are ten writes a second, each of them once`() async throws {
        let written = try await written(40, seconds: 10)
        #expect(written.map(\.name) == (0..<40).map { "c\($0)" })
        let pauses = zip(written, written.dropFirst()).map { $1.at - $0.at }
        #expect(pauses.allSatisfy { $0 >= .milliseconds(100) } && pauses.contains(.milliseconds(100)))
    }

    @Test func `many changes of one that come together are one write, and an edit is another`() async throws {
        let written = try await written(1, seconds: 10) { statuses in
            for generation in 2...50 {
                statuses.handle(.applied(Self.check(0, generation: Int64(generation))))
            }
        }
        #expect(written.map(\.2.observedGeneration) == [1, 50])
    }

    @Test func `a list in pages is a whole list`() async throws {
        let written = try await written(3, seconds: 10) { statuses in
            // A list that was given up, and one without c0 and c4.
            statuses.handle(page: ReflectorPage([Self.check(4)], isFirst: true))
            statuses.handle(page: ReflectorPage([1, 5].map { Self.check($0) }, isFirst: true))
            statuses.handle(page: ReflectorPage([Self.check(6)], isFirst: false))
            statuses.handle(.replaced([Self.check(2)], begun: .distantPast))
        }
        #expect(written.map(\.name) == ["c0", "c1", "c2", "c1", "c5", "c6", "c2"])
        var queue = StatusQueue()
        let due = Instant(nanoseconds: 0)
        for number in 0..<3 { queue.take(Self.check(number), due) }
        queue.beginList()
        queue.take(listed: Self.check(0), due)
        queue.beginList()
        queue.take(listed: Self.check(1), due)
        queue.take(listed: Self.check(3), due)
        queue.finishList()
        #expect(queue.sources.map(\.text).sorted() == [1, 3].map { Self.check($0).source })
    }

    @Test func `a follower writes nothing`() async throws {
        #expect(try await written(3, seconds: 5, isLeading: false).isEmpty)
    }

    @Test func `a write that fails is made again, one that is refused is not until it changes`() async throws {
        let written = try await written(2, failures: [503, 422, 404], seconds: 20) { statuses in
            for number in 0..<2 { statuses.handle(.applied(Self.check(number, generation: 2))) }
        }
        // c0 is unavailable, c1 is refused, c0 is gone; then both are edited.
        #expect(written.map(\.name).prefix(3) == ["c0", "c1", "c0"])
        #expect(written.dropFirst(3).map(\.name).sorted() == ["c0", "c1"])
        #expect(written.map(\.2.observedGeneration) == [1, 1, 1, 2, 2])
    }

    @Test func `without the permission it is tried once a minute`() async throws {
        let message =
            #"clusterchecks.cluster-agent.dev "c0" is forbidden: User "u" cannot patch resource "clusterchecks/status""#
        let written = try await written(5, failures: Array(repeating: 403, count: 9), message: message, seconds: 130)
        #expect(written.count == 3)
    }

    @Test(arguments: [403, 500]) func `one that cannot be written holds up no other`(code: Int) async throws {
        // An admission webhook forbids one object; its turn comes again later and later.
        let written = try await written(30, failures: [code], failing: "c0", seconds: 60)
        #expect(Set(written.map(\.name)).count == 30)
        let others = written.filter { $0.name != "c0" }
        #expect(others.count == 29 && (others.last?.at ?? .distantFuture) < Instant(nanoseconds: 0) + .seconds(100))
        #expect((4...8).contains(written.count { $0.name == "c0" }))
    }
}
