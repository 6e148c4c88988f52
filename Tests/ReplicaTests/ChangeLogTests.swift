import Platform
import Testing

@testable import Replica

@Suite struct ChangeLogTests {
    @Test func `the change log names each node that changed since a version and no other`() {
        let random = SeededEntropy(seed: 11)
        func draw(below bound: UInt64) -> Int { Int(random.next() % bound) }
        var log = ChangeLog(limit: 1_000)
        var all: [(version: UInt64, node: String)] = []
        for _ in 0..<2_000 {
            let changed = (0..<draw(below: 4)).map { _ in "node\(draw(below: 30))" }
            log.append(changed)
            for node in changed { all.append(((all.last?.version ?? 1) + 1, node)) }
            #expect(log.version == all.last?.version ?? 1)
            let known = 1 + UInt64(draw(below: log.version))
            #expect(log.changes(since: known) == Set(texts: all.filter { $0.version > known }.map(\.node)))
        }
        #expect(log.changes(since: log.version + 1) == nil)
    }

    @Test func `a reader older than the change log is told that everything changed`() {
        var log = ChangeLog(limit: 10)
        for number in 0..<100 { log.append(["node\(number)"]) }
        #expect(log.changes(since: 1) == nil)
        #expect(log.changes(since: log.version - 3) == ["node97", "node98", "node99"])
        let last = log.version
        log.restart()
        #expect(log.changes(since: last) == nil)
        #expect(log.changes(since: log.version) == [])
    }
}
