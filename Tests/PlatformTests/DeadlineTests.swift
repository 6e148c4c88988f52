import Platform
import Testing

@Suite struct DeadlineTests {
    @Test func `a deadline moves only forward`() {
        let deadline = Deadline(Instant(nanoseconds: 10))
        deadline.extend(to: Instant(nanoseconds: 20))
        #expect(deadline.instant == Instant(nanoseconds: 20))
        deadline.extend(to: Instant(nanoseconds: 15))
        #expect(deadline.instant == Instant(nanoseconds: 20))
    }

    @Test func `a deadline has not passed before its instant`() {
        let deadline = Deadline(Instant(nanoseconds: 10))
        #expect(deadline.isAhead(of: Instant(nanoseconds: 9)))
        #expect(!deadline.isAhead(of: Instant(nanoseconds: 10)))
    }

    @Test func `an ended deadline stays ended`() {
        let deadline = Deadline(.distantFuture)
        deadline.end()
        deadline.extend(to: .distantFuture)
        #expect(deadline.instant == .distantPast)
        #expect(!deadline.isAhead(of: Instant(nanoseconds: .min + 1)))
    }

    @Test func `concurrent extensions give the latest deadline`() async {
        let deadline = Deadline(Instant(nanoseconds: 0))
        await withDiscardingTaskGroup { group in
            for task in 0..<8 {
                group.addTask {
                    for step in 0..<1000 { deadline.extend(to: Instant(nanoseconds: Int64(step * 8 + task))) }
                }
            }
        }
        #expect(deadline.instant == Instant(nanoseconds: 7999))
    }

    @Test func `an extension does not undo a concurrent end`() async {
        for _ in 0..<50 {
            let deadline = Deadline(Instant(nanoseconds: 0))
            await withDiscardingTaskGroup { group in
                group.addTask { for step in 1..<200 { deadline.extend(to: Instant(nanoseconds: Int64(step))) } }
                group.addTask { deadline.end() }
            }
            #expect(deadline.instant == .distantPast)
        }
    }
}
