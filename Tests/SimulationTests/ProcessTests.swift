import Platform
import Simulation
import Synchronization
import Testing

@Suite struct ProcessTests {
    @Test func `a crash drops everything and runs no defer`() throws {
        let world = World(seed: 3)
        let process = SimulatedProcess("p", in: world)
        let other = SimulatedProcess("q", in: world)
        let seen = Notes()
        let changes = Watched(0)
        process.spawn {
            defer { seen.add("defer") }
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    defer { seen.add("child's defer") }
                    _ = try? await changes.next(after: 1)
                    seen.add("woken")
                }
                group.addTask {
                    seen.add("asleep")
                    try? await process.clock.sleep(until: process.clock.now() + .seconds(2))
                    seen.add("slept")
                }
            }
        }
        world.after(.seconds(1)) {
            process.post { seen.add("a job of the crashed process") }
            process.crash()
        }
        other.spawn {
            try? await other.clock.sleep(until: other.clock.now() + .seconds(3))
            changes.set(1)
            process.post { seen.add("a job after the crash") }
            seen.add("the other one goes on")
        }
        try world.run(for: .seconds(10))
        #expect(seen.all == ["asleep", "the other one goes on"])
        #expect(process.status == .crashed)
    }

    @Test func `a pause holds jobs and timers while time goes on`() throws {
        let world = World(seed: 4, jobCost: .zero ... .zero)
        let process = SimulatedProcess("p", in: world)
        let start = process.clock.now()
        let seen = Notes()
        process.spawn {
            try? await process.clock.sleep(until: start + .seconds(5))
            seen.add("timer at \((process.clock.now() - start).seconds)")
        }
        world.after(.seconds(2)) { process.pause() }
        world.after(.seconds(6)) {
            process.post { seen.add("request at \((process.clock.now() - start).seconds)") }
        }
        world.after(.seconds(20)) {
            #expect(seen.all.isEmpty)
            process.resume()
        }
        try world.run(for: .seconds(30))
        #expect(seen.all.sorted() == ["request at 20.0", "timer at 20.0"])
    }

    @Test func `held jobs run in an order drawn from the seed`() throws {
        let orders = try (1...20).map { (seed: UInt64) in
            let world = World(seed: seed)
            let process = SimulatedProcess("p", in: world)
            let seen = Notes()
            process.pause()
            for number in 1...4 { process.post { seen.add("\(number)") } }
            world.after(.seconds(1)) { process.resume() }
            try world.run(for: .seconds(2))
            return seen.all.joined()
        }
        #expect(Set(orders).count > 5)
        #expect(Set(orders.map { $0.sorted() }) == [Array("1234")])
    }

    @Test func `the clocks of two processes differ in zero and wall time, not in rate`() throws {
        let world = World(seed: 5)
        let (one, two) = (SimulatedProcess("one", in: world), SimulatedProcess("two", in: world))
        let before = (one.clock.now(), two.clock.now())
        #expect(before.0 != before.1)
        #expect(one.clock.wallTime() != two.clock.wallTime())
        try world.run(for: .seconds(7))
        #expect(one.clock.now() - before.0 == .seconds(7))
        #expect(two.clock.now() - before.1 == .seconds(7))
    }

    @Test func `a sleep until the distant future does not make time jump`() throws {
        let world = World(seed: 6)
        let process = SimulatedProcess("p", in: world)
        let sleeper = process.spawn { try? await process.clock.sleep(until: .distantFuture) }
        let seen = Notes()
        process.spawn {
            try? await process.clock.sleep(until: process.clock.now() + .seconds(1))
            sleeper.cancel()
            await sleeper.value
            seen.add("cancelled")
        }
        try world.run(for: .seconds(2))
        #expect(seen.all == ["cancelled"])
        #expect(world.now == Instant(nanoseconds: 2_000_000_000))
    }
}

/// Lines in the order in which they were added.
final class Notes: Sendable {
    private let lines = Mutex<[String]>([])

    func add(_ line: String) {
        lines.withLock { $0.append(line) }
    }

    var all: [String] {
        lines.withLock { $0 }
    }
}
