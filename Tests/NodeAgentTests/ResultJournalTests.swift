import CheckModel
import Platform
import TestKit
import Testing

@testable import NodeAgent

/// What an agent tells of its results, and when.
@Suite struct ResultJournalTests {
    private static func at(_ seconds: Double) -> Instant {
        Instant(nanoseconds: 0) + .milliseconds(Int64((seconds * 1_000).rounded()))
    }

    private static func result(_ id: String, _ isUp: Bool = true, reason: String = "") -> InstanceResult {
        InstanceResult(
            id: id, isUp: isUp, kind: isUp ? "" : "timeout", reason: reason, since: at(0), duration: .milliseconds(5))
    }

    @Test func `a flip is told within a second, and each change once`() {
        var journal = ResultJournal(session: 7)
        #expect(journal.nextReport == .distantFuture)
        journal.note([Self.result("a"), Self.result("b")], gone: [], now: Self.at(10))
        #expect(journal.nextReport == Self.at(10.2))
        let first = journal.report(Self.at(10.2))
        #expect((first.session, first.from, first.to) == (7, 0, 2))
        #expect(first.results.map(\.id) == ["a", "b"])
        #expect(first.results.allSatisfy { $0.lasted == .milliseconds(10_200) })
        journal.acknowledge(2, now: Self.at(10.3))
        // Nothing has changed: that is told now and then.
        #expect(journal.nextReport == Self.at(40.2))
        journal.note([Self.result("a", false)], gone: [], now: Self.at(10.4))
        #expect(journal.nextReport == Self.at(11.2))
        let second = journal.report(Self.at(11.2))
        #expect((second.from, second.to) == (2, 3))
        #expect(second.results.map(\.id) == ["a"])
        #expect(second.results.first?.isUp == false)
    }

    @Test func `a report that was lost is told again, with what came since`() {
        var journal = ResultJournal(session: 7)
        journal.note([Self.result("a")], gone: [], now: Self.at(0))
        _ = journal.report(Self.at(1))
        #expect(journal.nextReport == Self.at(11))
        journal.note([Self.result("b")], gone: ["a"], now: Self.at(2))
        let again = journal.report(Self.at(2.2))
        #expect((again.from, again.to) == (0, 3))
        #expect(again.results.map(\.id) == ["b"])
        // Before the leader has anything, nothing can be gone from it.
        #expect(again.gone.isEmpty)
    }

    @Test func `a leader that knows nothing gets everything, and what is gone is named`() {
        var journal = ResultJournal(session: 7)
        journal.note([Self.result("a"), Self.result("b")], gone: [], now: Self.at(0))
        _ = journal.report(Self.at(1))
        journal.acknowledge(2, now: Self.at(1))
        journal.note([], gone: ["a", "unknown"], now: Self.at(2))
        let report = journal.report(Self.at(3))
        #expect((report.from, report.to, report.gone) == (2, 3, ["a"]))
        journal.acknowledge(0, now: Self.at(3))
        #expect(journal.nextReport == Self.at(4))
        let whole = journal.report(Self.at(4))
        #expect((whole.from, whole.to) == (0, 3))
        #expect(whole.results.map(\.id) == ["b"])
    }

    @Test func `many results are told in parts, in order`() {
        var journal = ResultJournal(session: 7)
        journal.note((0..<2_500).map { Self.result("c\($0)") }, gone: [], now: Self.at(0))
        var (told, time) = ([String](), 1.0)
        for expected in [1_000, 2_000, 2_500] {
            let report = journal.report(Self.at(time))
            #expect(report.to == Int64(expected))
            told += report.results.map(\.id)
            journal.acknowledge(report.to, now: Self.at(time))
            time += 1
            #expect(journal.nextReport == (expected == 2_500 ? Self.at(time + 29) : Self.at(time)))
        }
        #expect(told == (0..<2_500).map { "c\($0)" })
        // By bytes, too.
        let reason = String(repeating: "\"", count: 400)
        journal.note((0..<1_000).map { Self.result("c\($0)", false, reason: reason) }, gone: [], now: Self.at(60))
        let part = journal.report(Self.at(60))
        let body = NodeStatusRequest(lastChange: -1, results: part).encoded()
        #expect(part.results.count > 500 && part.results.count < 1_000)
        #expect(body.count < 1 << 20)
    }

    @Test func `long and quoted check IDs fit into a body, and one that is too long takes no other away`() throws {
        var journal = ResultJournal(session: 7)
        let quotes = String(repeating: "\"", count: 3_900)
        journal.note(
            (0..<300).map { Self.result("\($0)\(quotes)") } + [Self.result(String(repeating: "x", count: 5_000))],
            gone: [], now: Self.at(0))
        let report = journal.report(Self.at(1))
        #expect(report.results.count > 50 && report.results.count < 300)
        #expect(NodeStatusRequest(lastChange: -1, results: report).encoded().count < 1 << 20)
        let long = CheckResult(id: String(repeating: "x", count: 5_000), isUp: true)
        let body = NodeStatusRequest(
            lastChange: -1,
            results: ResultsReport(session: 1, from: 0, to: 2, results: [long, CheckResult(id: "a", isUp: true)]))
        let read = try NodeStatusRequest(parsing: body.encoded())
        #expect(read.results?.results.map(\.id) == ["a"])
    }

    @Test func `a cluster-agent that keeps no results is asked again after a while`() {
        var journal = ResultJournal(session: 7)
        journal.note([Self.result("a")], gone: [], now: Self.at(0))
        _ = journal.report(Self.at(1))
        journal.acknowledge(nil, now: Self.at(1))
        #expect(journal.nextReport == Self.at(11))
    }

    @Test func `an agent that waits for changes tells flips beside its long poll`() throws {
        var session = AgentSession.running(["a"]) { $0.waitsForChanges = true }
        session.handle(.results([Self.result("a", false, reason: "no answer")], gone: []))
        session.pass(.milliseconds(250))
        let heartbeat = try #require(session.heartbeats.last)
        let body = try NodeStatusRequest(parsing: try #require(heartbeat.body))
        #expect(body.lastChange == NodeStatusRequest.heartbeatOnly)
        #expect(body.results?.results.map(\.reason) == ["no answer"])
        #expect(body.results?.results.first?.kind == "timeout")
        session.handle(.answered(heartbeat.id, .status(isUpToDate: true, resultsVersion: 1)))
        let count = session.heartbeats.count
        session.pass(.seconds(20)) { call in if case .wait = call { .unchanged } else { .status(isUpToDate: true) } }
        #expect(session.heartbeats.count == count)
        session.pass(.seconds(12)) { call in if case .wait = call { .unchanged } else { .status(isUpToDate: true) } }
        #expect(session.heartbeats.count == count + 1)
    }
}
