import CheckModel
import Leadership
import Platform
import Synchronization
import TestKit
import Testing

@testable import ClusterChecks

/// What the leader keeps of what agents say of their checks.
@Suite struct CheckResultsTests {
    /// Results, and the check IDs that have flipped since the last look.
    private final class Flips: Sendable {
        private let ids = Mutex<[ExactText]>([])

        func results(maximumNodes: Int = 10_000) -> CheckResults {
            CheckResults(maximumNodes: maximumNodes) { ids in self.ids.withLock { $0 += ids } }
        }

        func drain() -> [ExactText] {
            ids.withLock { ids in
                defer { ids = [] }
                return ids
            }
        }
    }

    private static func report(
        _ from: Int64, _ to: Int64, session: Int64 = 1, _ results: [CheckResult] = [], gone: [ExactText] = []
    ) -> ResultsReport {
        ResultsReport(session: session, from: from, to: to, results: results, gone: gone)
    }

    private static let up = CheckResult(id: "a", isUp: true, lasted: .seconds(5), lastSuccess: .seconds(1))
    private static let down = CheckResult(
        id: "a", isUp: false, kind: "timeout", reason: "no answer", lasted: .seconds(2), lastSuccess: .seconds(20))

    private func wall(_ seconds: Int64) -> WallTime { WallTime(nanoseconds: (1_800_000_000 + seconds) * 1_000_000_000) }

    @Test func `a result has the age of the agent's last word, and its times go on`() {
        let flips = Flips()
        let results = flips.results()
        #expect(results.take(Self.report(0, 1, [Self.down]), of: "n", now: at(0), at: wall(0)) == 1)
        #expect(flips.drain() == ["a"])
        var shown = results.of("n", now: at(10))["a"]
        #expect((shown?.age, shown?.lasted, shown?.lastSuccess) == (.seconds(10), .seconds(12), .seconds(30)))
        #expect(shown?.isStale == false)
        // Nothing has changed.
        #expect(results.take(Self.report(1, 1), of: "n", now: at(30), at: wall(30)) == 1)
        #expect(flips.drain().isEmpty)
        shown = results.of("n", now: at(31))["a"]
        #expect((shown?.age, shown?.lasted) == (.seconds(1), .seconds(33)))
        #expect(results.take(Self.report(1, 2, [Self.up]), of: "n", now: at(32), at: wall(32)) == 2)
        #expect(flips.drain() == ["a"])
        #expect(results.of("n", now: at(122))["a"]?.isStale == false)
        #expect(results.of("n", now: at(122))["a"]?.lastSuccess == .seconds(90))
        #expect(results.of("n", now: at(123))["a"]?.isStale == true)
        results.noteState(of: [("n", ["a"]), ("m", ["a"])], now: at(122), at: wall(122))
        #expect(flips.drain() == [])
        for _ in 0..<2 { results.noteState(of: [("n", ["a"]), ("m", ["a"])], now: at(123), at: wall(123)) }
        #expect(flips.drain() == ["a"])
        _ = results.take(Self.report(2, 2), of: "n", now: at(124), at: wall(124))
        #expect(flips.drain() == ["a"])
    }

    @Test func `a strip tells how a check fared by quarters of an hour, whichever node ran it`() {
        let results = CheckResults()
        func slots(_ seconds: Int64) -> String? {
            results.strip(of: "a", at: wall(seconds)).map { String($0.slots.map(\.rawValue)) }
        }
        #expect(slots(0) == nil)
        _ = results.take(Self.report(0, 1, [Self.up]), of: "n", now: at(0), at: wall(0))
        // What no node is to run has no strip.
        results.noteState(of: [("m", ["a"])], now: at(0), at: wall(0))
        #expect(slots(10) == nil)
        results.noteState(of: [("n", ["a"])], now: at(0), at: wall(0))
        #expect(slots(10) == "p")
        _ = results.take(Self.report(1, 2, [Self.down]), of: "n", now: at(20), at: wall(20))
        #expect(slots(899) == "f")
        results.noteState(of: [("n", ["a"]), ("m", ["a"])], now: at(60), at: wall(900))
        #expect(slots(900) == "fF")
        // Nothing is heard for two slots, and what is stale is not counted.
        results.noteState(of: [("n", ["a"]), ("m", ["a"])], now: at(900), at: wall(1_800))
        #expect(slots(1_800) == "fF-")
        _ = results.take(Self.report(0, 1, [Self.up]), of: "m", now: at(2_700), at: wall(2_700))
        #expect(slots(2_700) == "fF--")
        results.noteState(of: [("m", ["a"])], now: at(2_700), at: wall(2_700))
        #expect(slots(2_700) == "fF-p")
        #expect(results.strip(of: "a", at: wall(2_700))?.from == wall(0))
        // A clock that goes back changes nothing.
        _ = results.take(Self.report(1, 2, [Self.down]), of: "m", now: at(2_701), at: wall(1_800))
        #expect(slots(2_700) == "fF-p")
        // After a day the first slots are gone, and after two the strip is.
        results.noteState(of: [("m", ["a"])], now: at(2_702), at: wall(900 * 97))
        #expect(slots(900 * 97) == "-p" + String(repeating: "-", count: 93) + "F")
        results.noteState(of: [("n", ["a"]), ("m", ["a"])], now: at(9_000), at: wall(900 * 97 + 86_400))
        #expect(slots(900 * 97 + 86_400) != nil)
        results.noteState(of: [("n", ["a"]), ("m", ["a"])], now: at(9_000), at: wall(900 * 98 + 86_400))
        #expect(slots(900 * 98 + 86_400) == nil)
    }

    @Test func `what another leader knew counts with its age until the agent speaks`() {
        let flips = Flips()
        let results = flips.results()
        let known = [CheckResults.Remembered(result: Self.down, age: .seconds(20))]
        results.remember(known, of: "n", now: at(0))
        #expect(flips.drain() == ["a"])
        var shown = results.of("n", now: at(5))["a"]
        #expect((shown?.age, shown?.lasted, shown?.lastSuccess) == (.seconds(25), .seconds(27), .seconds(45)))
        #expect(shown?.isStale == false && results.of("n", now: at(100))["a"]?.isStale == true)
        #expect(!results.reportsItself("n", now: at(1)))
        // The agent goes on from what the former leader had: it is asked for everything.
        #expect(results.take(Self.report(7, 8, [Self.up]), of: "n", now: at(6), at: wall(6)) == 0)
        #expect(results.take(Self.report(0, 8, [Self.up]), of: "n", now: at(7), at: wall(7)) == 8)
        results.remember(known, of: "n", now: at(8))
        shown = results.of("n", now: at(8))["a"]
        #expect(shown?.result.isUp == true && shown?.age == .seconds(1))
    }

    @Test func `only what a node is to run is counted`() {
        let results = CheckResults()
        let other = CheckResult(id: "b", isUp: false, kind: "made up", lasted: .zero)
        for node in ["n", "m"] {
            _ = results.take(Self.report(0, 1, [Self.down, other]), of: node, now: at(0), at: wall(0))
        }
        var writer = MetricsWriter()
        results.collect([("n", ["a", "c"]), ("m", ["b"]), ("gone", ["a"])], into: &writer, now: at(1))
        let lines = writer.text.split(separator: "\n")
        #expect(lines.contains("cluster_checks_failing{kind=\"timeout\"} 1"))
        #expect(lines.contains("cluster_checks_failing{kind=\"error\"} 1"))
        #expect(lines.contains("cluster_checks_passing 0"))
    }

    @Test func `the texts of one node are bounded`() {
        let results = CheckResults()
        let long = String(repeating: "x", count: 4_000)
        let many = (0..<2_000).map { CheckResult(id: "\($0)\(long)", isUp: true) }
        _ = results.take(Self.report(0, 1, many), of: "n", now: at(0), at: wall(0))
        let kept = results.of("n", now: at(0)).count
        #expect((900...1_100).contains(kept), "\(kept)")
        // What goes makes room.
        _ = results.take(
            Self.report(1, 2, gone: many.map { ExactText($0.id) }), of: "n", now: at(1), at: wall(1))
        _ = results.take(Self.report(2, 3, [Self.up]), of: "n", now: at(1), at: wall(1))
        #expect(results.of("n", now: at(1)).count == 1)
    }

    @Test func `a check that has not run again succeeded when it did`() {
        let results = CheckResults()
        let slow = CheckResult(
            id: "a", isUp: true, lasted: .seconds(60), lastSuccess: .seconds(4), nextRun: .seconds(596))
        _ = results.take(Self.report(0, 1, [slow]), of: "n", now: at(0), at: wall(0))
        _ = results.take(Self.report(1, 1), of: "n", now: at(30), at: wall(30))
        #expect(results.of("n", now: at(31))["a"]?.lastSuccess == .seconds(35))
        _ = results.take(Self.report(1, 1), of: "n", now: at(600), at: wall(600))
        #expect(results.of("n", now: at(601))["a"]?.lastSuccess == .seconds(1))
    }

    @Test func `an agent's word is not stale before it speaks again, however often runners are asked`() {
        let results = CheckResults(period: .seconds(5))
        _ = results.take(Self.report(0, 1, [Self.up]), of: "n", now: at(0), at: wall(0))
        #expect(results.of("n", now: at(90))["a"]?.isStale == false)
        #expect(results.of("n", now: at(91))["a"]?.isStale == true)
    }

    @Test func `what is not known before a report, or comes from another process, is asked for`() {
        let results = CheckResults()
        #expect(results.take(Self.report(5, 6, [Self.up]), of: "n", now: at(0), at: wall(0)) == 0)
        #expect(results.of("n", now: at(0)).isEmpty)
        #expect(results.take(Self.report(0, 6, [Self.up]), of: "n", now: at(1), at: wall(1)) == 6)
        #expect(results.take(Self.report(6, 7, session: 2), of: "n", now: at(2), at: wall(2)) == 0)
        #expect(results.of("n", now: at(2)).count == 1)
        let other = CheckResult(id: "b", isUp: true)
        #expect(results.take(Self.report(0, 1, session: 2, [other]), of: "n", now: at(3), at: wall(3)) == 1)
        #expect(results.of("n", now: at(3)).keys.sortedTexts() == ["b"])
        #expect(results.take(Self.report(1, 2, session: 2, gone: ["b"]), of: "n", now: at(4), at: wall(4)) == 2)
        #expect(results.of("n", now: at(4)).isEmpty)
    }

    @Test func `a node and a term that are gone leave nothing`() {
        let results = CheckResults()
        for node in ["m", "n"] { _ = results.take(Self.report(0, 1, [Self.up]), of: node, now: at(0), at: wall(0)) }
        let term = Term(token: "1.uid", validUntil: Deadline(.distantFuture))
        results.handle(.changed([.nodeExpired(id: "m", .silence)], in: term, version: 3))
        #expect(results.of("m", now: at(0)).isEmpty && results.of("n", now: at(0)).count == 1)
        results.handle(.termBegan(term, keepsPlacements: true, version: 0))
        #expect(results.of("n", now: at(0)).isEmpty)
        #expect(results.take(Self.report(1, 2), of: "n", now: at(1), at: wall(1)) == 0)
    }

    @Test func `one agent, and many, fill only so much`() {
        let results = CheckResults(maximumNodes: 2)
        for part in 0..<12 {
            let some = (0..<1_000).map { CheckResult(id: "\(part)-\($0)", isUp: true) }
            _ = results.take(Self.report(Int64(part), Int64(part + 1), some), of: "n", now: at(0), at: wall(0))
        }
        #expect(results.of("n", now: at(0)).count == NodeResults.most)
        _ = results.take(Self.report(0, 1, [Self.up]), of: "m", now: at(0), at: wall(0))
        #expect(results.take(Self.report(0, 1, [Self.up]), of: "o", now: at(0), at: wall(0)) == 0)
        #expect(results.of("o", now: at(0)).isEmpty)
    }

    @Test func `a runner's statistics say what fails, since when at the latest, and why without secrets`() {
        let flips = Flips()
        let results = flips.results()
        let now = WallTime(nanoseconds: 1_000_000_000_000)
        var failing = RunnerStats()
        failing.lastExecFailed = true
        failing.lastError = "http://user:secret@host failed"
        failing.lastSuccessDate = 940
        func take(_ stats: [ExactText: RunnerStats], at seconds: Double) {
            let reading = StatisticsReading(id: "r", .success(NodeStatistics(workers: 4, checks: stats)))
            results.take(
                [reading], now: at(seconds), at: WallTime(nanoseconds: now.nanoseconds + Int64(seconds * 1e9)))
        }
        take(["a": failing, "b": RunnerStats()], at: 0)
        #expect(flips.drain() == ["a", "b"])
        let shown = results.of("r", now: at(10))
        #expect(shown["a"]?.result.kind == "error")
        #expect(shown["a"]?.result.reason.contains("secret") == false)
        #expect(shown["a"]?.lasted == .seconds(70))
        #expect(shown["b"]?.result.isUp == true)
        take(["a": RunnerStats()], at: 30)
        #expect(flips.drain() == ["a", "b"])
        // An agent that speaks for itself is not asked, and its statistics count for nothing.
        _ = results.take(Self.report(0, 1, [Self.down]), of: "r", now: at(31), at: wall(31))
        #expect(results.reportsItself("r", now: at(31)))
        take(["a": RunnerStats()], at: 32)
        #expect(results.of("r", now: at(32))["a"]?.result.isUp == false)
        // A runner that has taken its name is asked once nothing has been heard of it for three periods.
        #expect(!results.reportsItself("r", now: at(122)))
        take(["a": RunnerStats()], at: 122)
        #expect(results.of("r", now: at(122))["a"]?.result.isUp == true)
    }
}
