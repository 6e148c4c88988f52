import Platform
import Testing

@Suite struct WatchedTests {
    @Test func `versions start at 1 and grow by 1`() {
        let watched = Watched("a")
        #expect(watched.current.version == 1)
        watched.set("b")
        watched.update { $0 += "c" }
        #expect(watched.current.version == 3)
        #expect(watched.value == "bc")
    }

    @Test func `a reader that is behind gets the newest value at once`() async throws {
        let watched = Watched(0)
        for number in 1...5 { watched.set(number) }
        let newest = try await watched.next(after: 2)
        #expect(newest.value == 5)
        #expect(newest.version == 6)
    }

    @Test func `every waiting task is woken`() async throws {
        let watched = Watched(0)
        let ready = Counter()
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    ready.add()
                    return try await watched.next(after: 1).value
                }
            }
            while ready.value < 100 { await Task.yield() }
            watched.set(7)
            for try await value in group { #expect(value == 7) }
        }
    }

    @Test func `a cancelled waiter throws and the others keep waiting`() async throws {
        let watched = Watched(0)
        let patient = Task { try await watched.next(after: 1).value }
        let impatient = Task { try await watched.next(after: 1).value }
        impatient.cancel()
        await #expect(throws: CancellationError.self) { try await impatient.value }
        watched.set(3)
        #expect(try await patient.value == 3)
    }

    @Test func `a waiter that was cancelled before waiting throws`() async {
        let watched = Watched(0)
        let waiter = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await watched.next(after: 1).value
        }
        waiter.cancel()
        await #expect(throws: CancellationError.self) { try await waiter.value }
    }

    @Test func `concurrent changes and cancellations lose no waiter`() async {
        for round in 0..<200 {
            let watched = Watched(0)
            let waiters = (0..<4).map { _ in Task { try? await watched.next(after: 1).value } }
            let change = Task { watched.set(round) }
            waiters[round % 4].cancel()
            await change.value
            for (index, waiter) in waiters.enumerated() where index != round % 4 {
                #expect(await waiter.value == round)
            }
            _ = await waiters[round % 4].value
        }
    }

    @Test func `a reader that follows sees the last value`() async throws {
        let watched = Watched(0)
        let reader = Task {
            var seen = watched.current
            while seen.value < 1000 { seen = try await watched.next(after: seen.version) }
            return seen.value
        }
        for number in 1...1000 { watched.set(number) }
        #expect(try await reader.value == 1000)
    }

    @Test func `a wait with a deadline ends with a change before the deadline`() async {
        let watched = Watched(0)
        let waiter = Task { await watched.change(after: 1, until: .distantFuture, clock: SystemClock()) }
        watched.set(1)
        await waiter.value
        await watched.change(after: 1, until: .distantFuture, clock: SystemClock())
    }

    @Test func `a wait with a deadline ends at the deadline without a change`() async {
        let clock = SystemClock()
        let deadline = clock.now() + .milliseconds(20)
        await Watched(0).change(after: 1, until: deadline, clock: clock)
        #expect(clock.now() >= deadline)
    }

    @Test func `a wait with a deadline ends when its task is cancelled`() async {
        let waiter = Task { await Watched(0).change(after: 1, until: .distantFuture, clock: SystemClock()) }
        waiter.cancel()
        await waiter.value
    }
}
