import Kubernetes
import Platform
import Synchronization
import TestKit
import Testing

@testable import Replica

/// When the API server is asked about a token, and what counts while it gives no answer.
@Suite struct TokenReviewTests {
    private typealias Finding = AgentIdentities.Finding

    /// A clock whose wall time passes, too.
    private struct WallClock: Clock {
        let clock: ManualClock

        func now() -> Instant { clock.now() }

        func wallTime() -> WallTime { WallTime(nanoseconds: 1_800_000_000_000_000_000 + clock.now().nanoseconds) }

        func sleep(until deadline: Instant) async throws { try await clock.sleep(until: deadline) }
    }

    private final class Bench: Sendable {
        let clock = ManualClock()
        let executor = ManualExecutor()
        let reviewer = ScriptedReviewer()
        let log = RecordingLog()
        let identities: AgentIdentities
        let found = Mutex<[Finding]>([])

        init() {
            identities = AgentIdentities(reviewer: reviewer, clock: WallClock(clock: clock), log: Log(sink: log))
        }

        static func run(_ body: (Bench) async throws -> Void) async throws {
            let bench = Bench()
            try await bench.executor.run({ await bench.identities.run() }) { try await body(bench) }
        }

        /// What is found of a token; nil if that is not known yet.
        func identify(_ token: String, from peer: String = "192.0.2.1") -> Finding? {
            found.withLock { $0 = [] }
            identities.identify(token, from: peer) { finding in self.found.withLock { $0.append(finding) } }
            executor.drain()
            return found.withLock { found in
                #expect(found.count <= 1)
                return found.first
            }
        }

        func pass(_ duration: Duration) {
            clock.advance(by: duration)
            executor.drain()
        }

        func fail(_ error: KubernetesError?) { reviewer.state.withLock { $0.failure = error } }
    }

    private static func identity(_ pod: String, _ node: String) -> Finding {
        .identity(AgentIdentity(TokenPod(namespace: "agents", name: pod, node: node)))
    }

    @Test func `a good token is asked about again after two minutes`() async throws {
        try await Bench.run { bench in
            let token = bench.reviewer.token("x", on: "a")
            for _ in 0..<3 {
                #expect(bench.identify(token) == Self.identity("x", "a"))
                bench.pass(.seconds(39))
            }
            #expect(bench.reviewer.asked.count == 1)
            bench.pass(.seconds(3))
            #expect(bench.identify(token) == Self.identity("x", "a"))
            #expect(bench.reviewer.asked.count == 2)
            // Its pod is gone by now.
            bench.reviewer.state.withLock { $0.verdicts = [token: .refused("its pod is gone")] }
            bench.pass(AgentIdentities.fresh)
            #expect(bench.identify(token) == .refused("its pod is gone"))
        }
    }

    @Test func `without an API server a token counts for ten minutes, but not past its end`() async throws {
        try await Bench.run { bench in
            let end = WallClock(clock: bench.clock).wallTime().nanoseconds / 1_000_000_000 + 300
            let (long, short) = (
                bench.reviewer.token("long", on: "a"), bench.reviewer.token("short", on: "b", expiry: end)
            )
            _ = (bench.identify(long), bench.identify(short))
            bench.fail(.transport("silent"))
            bench.pass(.seconds(240))
            #expect(bench.identify(long) == Self.identity("long", "a"))
            #expect(bench.identify(short) == Self.identity("short", "b"))
            for _ in 0..<5 { #expect(bench.identify(long) == Self.identity("long", "a")) }
            #expect(bench.reviewer.asked.count == 5, "after three failures in a row it is left alone for a while")
            bench.pass(.seconds(61))
            #expect(bench.identify(short) == .refused("it has expired"))
            bench.pass(.seconds(290))
            #expect(bench.identify(long) == Self.identity("long", "a"))
            bench.pass(.seconds(10))
            #expect(bench.identify(long)?.isUnknown == true)
            #expect(bench.log.records.count == 1, "one line for an outage")
            bench.fail(nil)
            bench.pass(AgentIdentities.pauseAfterFailure)
            #expect(bench.identify(long) == Self.identity("long", "a"))
            #expect(bench.log.fields(of: "ServiceAccount tokens are reviewed again").count == 1)
        }
    }

    @Test func `without the permission a token is refused, so that its agent presents the shared one`() async throws {
        try await Bench.run { bench in
            let known = bench.reviewer.token("known", on: "a")
            _ = bench.identify(known)
            bench.fail(.status(Status(code: 403, reason: "Forbidden", message: "tokenreviews is forbidden")))
            #expect(bench.identify(bench.reviewer.token("x", on: "a"))?.isRefused == true)
            #expect(bench.identify(bench.reviewer.token("y", on: "a"))?.isRefused == true)
            #expect(bench.identify(known) == Self.identity("known", "a"))
            #expect(bench.reviewer.asked.count == 2)
        }
    }

    @Test func `a refused token is not asked about again for ten seconds`() async throws {
        try await Bench.run { bench in
            let token = ScriptedReviewer.token("strange")
            for _ in 0..<5 { #expect(bench.identify(token) == .refused("not known")) }
            #expect(bench.reviewer.asked.count == 1)
            bench.pass(AgentIdentities.refusedFor)
            _ = bench.identify(token)
            #expect(bench.reviewer.asked.count == 2)
        }
    }

    @Test(arguments: [
        "", "a.b", "a.b.c", "e30.e30.x", "e30..x", String(repeating: "a", count: 5000),
        ScriptedReviewer.token("x", audience: "https://kubernetes.default.svc"),
        ScriptedReviewer.token("x", expiry: 1), ScriptedReviewer.token("x", expiry: Int64.min),
    ])
    func `what is evident is not asked about`(_ token: String) async throws {
        try await Bench.run { bench in
            #expect(bench.identify(token)?.isRefused == true)
            #expect(bench.reviewer.asked.isEmpty)
        }
    }

    @Test func `all who present a token wait for one review`() async throws {
        try await Bench.run { bench in
            let token = bench.reviewer.token("x", on: "a")
            let count = Mutex(0)
            for _ in 0..<100 { bench.identities.identify(token, from: "p") { _ in count.withLock { $0 += 1 } } }
            bench.executor.drain()
            #expect(count.withLock { $0 } == 100 && bench.reviewer.asked.count == 1)
        }
    }

    @Test func `forged tokens from one address delay another by one turn`() async throws {
        try await Bench.run { bench in
            let refused = Mutex(0)
            for number in 0..<5000 {
                bench.identities.identify(ScriptedReviewer.token("forged\(number)"), from: "attacker") { _ in
                    refused.withLock { $0 += 1 }
                }
            }
            #expect(refused.withLock { $0 } == 5000 - AgentIdentities.maximumWaiting)
            bench.executor.drain()
            #expect(bench.identify(bench.reviewer.token("x", on: "a")) == nil, "it waits for its turn")
            bench.pass(.milliseconds(100))
            #expect(bench.found.withLock { $0 } == [Self.identity("x", "a")])
            // Eight at a time, and a pause after each refusal.
            let before = bench.reviewer.asked.count
            for _ in 0..<10 { bench.pass(.milliseconds(100)) }
            #expect(bench.reviewer.asked.count - before <= 80)
        }
    }

    @Test func `an API server that gives no answer keeps nobody waiting`() async throws {
        try await Bench.run { bench in
            bench.fail(.transport("no answer within 2 s"))
            let found = Mutex<[Finding]>([])
            for number in 0..<500 {
                bench.identities.identify(bench.reviewer.token("x\(number)", on: "a"), from: "\(number)") { finding in
                    found.withLock { $0.append(finding) }
                }
            }
            bench.executor.drain()
            #expect(found.withLock { $0.count } == 500 && found.withLock { $0.allSatisfy(\.isUnknown) })
            #expect(bench.reviewer.asked.count <= 8)
            #expect(bench.log.records.count == 1)
        }
    }

    @Test func `one failure is no outage`() async throws {
        try await Bench.run { bench in
            bench.fail(.transport("slow"))
            #expect(bench.identify(ScriptedReviewer.token("slow"))?.isUnknown == true)
            bench.fail(nil)
            #expect(bench.identify(bench.reviewer.token("x", on: "a")) == Self.identity("x", "a"))
            #expect(bench.log.records.isEmpty)
        }
    }

    @Test func `a token has one spelling`() async throws {
        try await Bench.run { bench in
            let token = bench.reviewer.token("x", on: "a")
            for other in ["\(token) 1", "\(token)=", " \(token)", "\(token)\t", "\(token).", "\(token)%20"] {
                #expect(bench.identify(other)?.isRefused == true)
            }
            #expect(bench.reviewer.asked.isEmpty)
        }
    }

    @Test func `who waits when it stops is answered`() async throws {
        let bench = Bench()
        #expect(bench.identify(bench.reviewer.token("x", on: "a")) == nil)
        bench.identities.close()
        #expect(bench.found.withLock { $0 } == [.unknown("this replica stops")])
        #expect(bench.identify(bench.reviewer.token("y", on: "a"))?.isUnknown == true)
    }

    @Test func `a queue that is full takes from the address that has the most`() {
        var queue = TurnQueue()
        for number in 0..<3 { #expect(queue.add("a\(number)", of: "a", limit: 3) == []) }
        #expect(queue.add("a3", of: "a", limit: 3) == nil)
        #expect(queue.add("b0", of: "b", limit: 3) == ["a2"])
        #expect(queue.add("b1", of: "b", limit: 3) == ["a1"] || queue.count == 3)
        var order: [ExactText] = []
        while let next = queue.next() { order.append(next) }
        #expect(order.prefix(2) == ["a0", "b0"] && queue.count == 0)
        // Addresses that come and go leave nothing behind.
        for number in 0..<20_000 { _ = queue.add("t\(number)", of: "p\(20_000 - number)", limit: 3) }
        var left = 0
        while queue.next() != nil { left += 1 }
        #expect(left == 3)
    }
}

extension AgentIdentities.Finding {
    fileprivate var isRefused: Bool { if case .refused = self { true } else { false } }
    fileprivate var isUnknown: Bool { if case .unknown = self { true } else { false } }
}
