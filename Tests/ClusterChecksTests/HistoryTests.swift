import CheckModel
import JSON
import Leadership
import Platform
import TestKit
import Testing

@testable import ClusterChecks

/// What operators are told happened.
@Suite struct HistoryTests {
    private func entry(_ number: Int) -> HistoryEntry {
        HistoryEntry(.joined, node: "n\(number)", time: WallTime(nanoseconds: Int64(number) * 1_000_000))
    }

    /// Kind, node, former node and reason.
    private func told(_ dispatcher: inout Dispatcher) -> [String] {
        dispatcher.drainHistory().map { entry in
            "\(entry.kind) \(entry.check.isEmpty ? "" : entry.config) \(entry.from)>\(entry.node) \(entry.reason)"
        }
    }

    @Test func `a silent node's checks are told with where they went and why`() throws {
        let configs = try encodedConfigs(0..<4)
        var dispatcher = try Dispatcher(nodes: ["a", "b"], configs: configs)
        _ = dispatcher.drainHistory()
        let lost = try dispatcher.configs(of: "a").configs.sorted { $0.key < $1.key }
        for second in 1...31 {
            _ = try dispatcher.report("b", at: Double(second))
            _ = dispatcher.expireNodes(now: at(Double(second)))
        }
        let entries = dispatcher.drainHistory()
        try #require(entries.map(\.kind) == [.lost] + lost.map { _ in .moved })
        #expect(entries[0].node == "a")
        #expect(entries[0].reason == "no heartbeat within the timeout")
        for (entry, config) in zip(entries.dropFirst().sorted { $0.config.isBefore($1.config) }, lost) {
            #expect(entry.check == config.instanceIDs[0])
            #expect(entry.config == config.key.description)
            #expect([entry.from, entry.node, entry.reason] == ["a", "b", "expired"])
        }
    }

    @Test func `edits are told one by one while they are few`() throws {
        var dispatcher = try Dispatcher(nodes: ["a"], configs: try encodedConfigs(0..<2))
        #expect(
            told(&dispatcher) == [
                "joined  >a ", "added test:c0#http_check#0 >a ", "added test:c1#http_check#0 >a ",
            ])
        let edited = try encodedConfig("c1", edition: 1)
        dispatcher.dispatch(EncodedChanges(upserts: [try encodedConfig("c0"), edited], isWhole: true))
        let former = try encodedConfig("c1").checkID
        #expect(told(&dispatcher) == ["changed test:c1#http_check#0 >a was \(former)"])
        dispatcher.dispatch(EncodedChanges(upserts: [edited] + (try encodedConfigs(2..<200)), isWhole: true))
        let entries = dispatcher.drainHistory()
        #expect(entries.map(\.kind) == [.added, .removed])
        #expect(entries.map(\.check)[0] == "198 checks")
    }

    @Test func `a check that has no node is told, and why it moves once there is one`() throws {
        var dispatcher = try Dispatcher(nodes: [], configs: try encodedConfigs(0..<1))
        #expect(
            told(&dispatcher) == [
                "added test:c0#http_check#0 > ", "dangles test:c0#http_check#0 > no node-agent reports",
            ])
        _ = try dispatcher.report("a", at: 1)
        #expect(told(&dispatcher) == ["joined  >a ", "moved test:c0#http_check#0 >a dangled"])
    }

    @Test func `it is bounded, and forgets the oldest`() {
        var history = History()
        let limit = History.pageLimit * HistoryPage.entryLimit
        for number in 0..<(3 * limit) { history.append([entry(number)], version: UInt64(number + 1)) }
        #expect(history.entries.count > limit - HistoryPage.entryLimit)
        #expect(history.entries.count <= limit)
        #expect(history.entries == ((3 * limit - history.entries.count)..<(3 * limit)).map(entry))
        history.append((0..<(2 * limit)).map(entry), version: UInt64(4 * limit))
        #expect(history.entries.count <= limit)
        #expect(history.entries.last == entry(2 * limit - 1))
    }

    @Test func `long texts make it no larger, and are cut where they would fill a page`() {
        var history = History()
        let long = String(repeating: "\u{e9}", count: 5_000)
        for number in 0..<1_000 {
            let entry = HistoryEntry(
                .moved, check: "\(number)", config: long, from: long, node: long, reason: long,
                time: WallTime(nanoseconds: 1))
            history.append([entry], version: UInt64(number + 1))
        }
        #expect(history.entries.map(\.check) == ((1_000 - History.pageLimit)..<1_000).map { "\($0)" })
        #expect(history.entries.allSatisfy { $0.config.utf8.count == 6_400 && long.hasPrefix($0.reason) })
        #expect(history.entries(after: 990, through: 992).map(\.check) == ["990", "991"])
    }

    @Test func `a follower gets what it has not been told`() {
        var history = History([entry(0)])
        history.append([entry(1), entry(2)], version: 3)
        history.append([entry(3)], version: 5)
        #expect(history.entries(after: 0, through: 4) == [entry(1), entry(2)])
        #expect(history.entries(after: 3, through: 5) == [entry(3)])
        #expect(history.entries(after: 5, through: 9).isEmpty)
        #expect(history.entries(through: 3) == [entry(0), entry(1), entry(2)])
    }

    @Test func `the newer of two histories goes on`() {
        let (older, newer) = (History([entry(0), entry(1)]), History([entry(0), entry(2)]))
        #expect(older.continued(or: newer).entries == newer.entries)
        #expect(newer.continued(or: older).entries == newer.entries)
        #expect(older.continued(or: nil).entries == older.entries)
        #expect(History().continued(or: older).entries == older.entries)
    }

    @Test func `a new leader goes on with the history that it was told`() async throws {
        let told = History([entry(0)])
        let fixture = HandlerTests.Fixture(
            succession: Succession(mirror: { nil }, dispatched: { nil }, readAnew: { _ in }, history: { told }))
        try await fixture.run {
            try await fixture.dispatch(0..<1, to: ["a"], in: .unending(token: "t"))
            let entries = try fixture.handler.history(now: fixture.clock.now()).value.entries
            #expect(entries.map(\.kind) == [.joined, .leader, .joined, .added])
            #expect(entries[1].node == "replica")
            #expect(entries.dropFirst().allSatisfy { $0.time == fixture.clock.wallTime() || $0.time > entry(0).time })
        }
    }

    @Test(arguments: HistoryEntry.Kind.allCases) func `an entry arrives as it was sent`(kind: HistoryEntry.Kind) {
        let time = WallTime(nanoseconds: 1_800_000_000_123_000_000)
        let entry = HistoryEntry(
            kind, check: "c:\u{e9}", config: "s#c#0", from: "a", node: "b", reason: "r", time: time)
        #expect(HistoryEntry(entry.encoded) == entry)
        #expect(entry.encoded["time"] == .string("2027-01-15T08:00:00.123Z"))
        #expect(entry.line.hasPrefix("2027-01-15T08:00:00.123Z  \(kind)"))
        #expect(entry.line.hasSuffix("(r)"))
        #expect(HistoryEntry(HistoryEntry(kind, node: "n").encoded) == HistoryEntry(kind, node: "n"))
    }
}
