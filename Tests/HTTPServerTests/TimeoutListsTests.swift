import Platform
import Testing

@testable import HTTPServer

@Suite struct TimeoutListsTests {
    @Test func `timeouts expire at their deadlines and not before`() {
        var lists = TimeoutLists()
        lists.set(3, .idle, deadline: Instant(nanoseconds: 100))
        lists.set(0, .header, deadline: Instant(nanoseconds: 50))
        #expect(lists.nextDeadline == Instant(nanoseconds: 50))
        #expect(lists.popExpired(at: Instant(nanoseconds: 49)) == nil)
        let first = lists.popExpired(at: Instant(nanoseconds: 100))
        #expect(first?.index == 0)
        #expect(first?.kind == .header)
        #expect(lists.popExpired(at: Instant(nanoseconds: 100))?.index == 3)
        #expect(lists.nextDeadline == nil)
    }

    @Test func `a new timeout replaces the old one`() {
        var lists = TimeoutLists()
        lists.set(0, .idle, deadline: Instant(nanoseconds: 10))
        lists.set(1, .idle, deadline: Instant(nanoseconds: 20))
        lists.set(0, .idle, deadline: Instant(nanoseconds: 30))
        lists.set(1, .body, deadline: Instant(nanoseconds: 40))
        #expect(lists.nextDeadline == Instant(nanoseconds: 30))
        lists.clear(0)
        lists.clear(0)
        #expect(lists.nextDeadline == Instant(nanoseconds: 40))
        lists.clear(7)
    }

    @Test(arguments: 1...20)
    func `the timeout lists agree with a simple model`(seed: UInt64) {
        let entropy = SeededEntropy(seed: seed)
        var lists = TimeoutLists()
        var model: [Int: (kind: TimeoutKind, deadline: Instant)] = [:]
        var now = Instant(nanoseconds: 0)
        for _ in 0..<500 {
            let index = Int(entropy.next() % 20)
            let kind = TimeoutKind.allCases[Int(entropy.next() % UInt64(TimeoutKind.allCases.count))]
            now = now + .nanoseconds(Int64(entropy.next() % 5))
            if entropy.next() % 4 == 0 {
                lists.clear(index)
                model[index] = nil
            } else {
                let deadline = now + .nanoseconds(10 * (kind.rawValue + 1))
                lists.set(index, kind, deadline: deadline)
                model[index] = (kind, deadline)
            }
            while let (index, kind) = lists.popExpired(at: now) {
                let expected = model.removeValue(forKey: index)
                #expect(expected?.kind == kind)
                #expect(expected.map { $0.deadline <= now } == true)
            }
            #expect(model.values.allSatisfy { $0.deadline > now })
            #expect(lists.nextDeadline == model.values.map(\.deadline).min())
        }
    }
}
