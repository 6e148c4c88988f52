import Platform
import Testing

@Suite struct DeadlineTests {
    @Test func aDeadlineMovesOnlyForward() {
        let deadline = Deadline(Instant(nanoseconds: 10))
        deadline.extend(to: Instant(nanoseconds: 20))
        #expect(deadline.instant == Instant(nanoseconds: 20))
        deadline.extend(to: Instant(nanoseconds: 15))
        #expect(deadline.instant == Instant(nanoseconds: 20))
    }

    @Test func aDeadlineIsAheadUntilItsInstant() {
        let deadline = Deadline(Instant(nanoseconds: 10))
        #expect(deadline.isAhead(of: Instant(nanoseconds: 9)))
        #expect(!deadline.isAhead(of: Instant(nanoseconds: 10)))
    }

    @Test func anEndedDeadlineStaysEnded() {
        let deadline = Deadline(.distantFuture)
        deadline.end()
        deadline.extend(to: .distantFuture)
        #expect(deadline.instant == .distantPast)
        #expect(!deadline.isAhead(of: Instant(nanoseconds: .min + 1)))
    }

    @Test func extensionsFromManyTasksEndAtTheLatest() async {
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

    @Test func anEndDuringExtensionsIsNotUndone() async {
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
