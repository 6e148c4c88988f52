import ClusterChecks
import Platform
import Testing

@testable import Replica

@Suite struct MirrorLogTests {
    private func heard(_ numbers: Range<Int>) -> [StoreChange] { numbers.map { .nodeHeard(id: "n\($0)") } }

    private func names(_ entries: ArraySlice<MirrorLog.Entry>?) -> [String]? {
        entries?.map { if case .nodeHeard(let id) = $0.change { id } else { "?" } }
    }

    @Test func `a follower gets what came after the version that it knows`() {
        var log = MirrorLog(version: 7)
        #expect(names(log.changes(since: 7, atMost: 10)) == [])
        log.append(heard(0..<3), version: 10, now: .distantPast)
        #expect(names(log.changes(since: 7, atMost: 10)) == ["n0", "n1", "n2"])
        #expect(names(log.changes(since: 7, atMost: 2)) == ["n0", "n1"])
        #expect(names(log.changes(since: 9, atMost: 10)) == ["n2"])
        // It has the store of a moment of which the log was not told yet.
        #expect(names(log.changes(since: 12, atMost: 10)) == [])
        #expect(log.changes(since: 6, atMost: 10) == nil)
    }

    @Test func `what everybody knows is forgotten`() {
        var log = MirrorLog(version: 0)
        log.append(heard(0..<5), version: 5, now: .distantPast)
        log.forget(through: 3)
        #expect(log.changes(since: 2, atMost: 10) == nil)
        #expect(names(log.changes(since: 3, atMost: 10)) == ["n3", "n4"])
        log.forget(through: 2)
        log.forget(through: 99)
        #expect(names(log.changes(since: 5, atMost: 10)) == [])
        log.append(heard(5..<6), version: 6, now: .distantPast)
        #expect(names(log.changes(since: 5, atMost: 10)) == ["n5"])
    }

    @Test func `it is bounded`() {
        var log = MirrorLog(version: 0)
        for round in 0..<50 { log.append(heard(0..<1_000), version: UInt64(round + 1) * 1_000, now: .distantPast) }
        #expect(log.changes(since: 0, atMost: 1) == nil)
        #expect(log.changes(since: 49_000, atMost: 2_000)?.count == 1_000)
    }
}
