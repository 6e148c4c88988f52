import Glibc
import Platform
import Simulation
import Synchronization
import Testing

/// Everything that concurrent code does must stay on the world's thread; what Swift's runtime does with a preferred
/// executor is not promised for ever, so it is tried here, one kind of suspension at a time.
@Suite struct ContainmentTests {
    @Test func `every kind of suspension resumes on the world's thread`() throws {
        let world = World(seed: 1)
        let process = SimulatedProcess("p", in: world)
        let probe = Probe()
        process.spawn { await Self.everyKind(probe, process) }
        try world.run(for: .seconds(60))
        #expect(probe.seen == Set(Probe.Kind.allCases))
        #expect(probe.threads == [pthread_self()])
    }

    @Test func `a job from another thread ends the run`() {
        let world = World(seed: 1)
        let process = SimulatedProcess("p", in: world)
        let watched = Watched(0)
        process.spawn { _ = try? await watched.next(after: 1) }
        world.after(.seconds(1)) { setOnAnotherThread(watched) }
        let failure = #expect(throws: SimulationFailure.self) { try world.run(for: .seconds(2)) }
        #expect(failure?.reason == "a job of p came from another thread: something left the simulation")
    }

    @Test func `a wait that only another thread could end is a deadlock`() {
        let world = World(seed: 9)
        let process = SimulatedProcess("p", in: world)
        process.spawn { _ = try? await Watched(0).next(after: 1) }
        let failure = #expect(throws: SimulationFailure.self) { try world.run(for: .seconds(1)) }
        #expect(failure?.reason == "deadlock: nothing is ready and nobody sleeps, yet tasks wait in p (1)")
        #expect(failure?.description.contains("SIMULATION_SEED=9") == true)
    }

    @Test func `a loop that never waits is noticed`() {
        let world = World(seed: 1, maximumSteps: 1000)
        let process = SimulatedProcess("p", in: world)
        process.spawn {
            while true { try? await process.clock.sleep(until: .distantPast) }
        }
        let failure = #expect(throws: SimulationFailure.self) { try world.run(for: .seconds(3600)) }
        #expect(failure?.reason == "1000 steps, and no end")
    }

    private static func everyKind(_ probe: Probe, _ process: SimulatedProcess) async {
        probe.note(.start)
        await withTaskGroup(of: Void.self) { group in
            for milliseconds in 1...3 {
                group.addTask {
                    try? await process.clock.sleep(until: process.clock.now() + .milliseconds(milliseconds))
                    probe.note(.group)
                }
            }
            await group.waitForAll()
            probe.note(.afterGroup)
        }
        await withDiscardingTaskGroup { group in
            group.addTask {
                await Task.yield()
                probe.note(.discardingGroup)
            }
        }
        async let value = probe.noted(.asyncLet)
        async let other = probe.notedConcurrently(.concurrent)
        _ = await (value, other)
        probe.note(.afterAsyncLet)
        let counter = Counting()
        await counter.count(probe)
        probe.note(.afterActor)
        await Task.yield()
        probe.note(.yield)
        await withCheckedContinuation { continuation in process.post { continuation.resume() } }
        probe.note(.continuation)
        try? await Watched(0).next(after: 0).value == 0 ? probe.note(.watched) : ()
        try? await process.clock.sleep(until: process.clock.now() + .seconds(1))
        probe.note(.sleep)
        await cancelledSleep(probe, process)
    }

    private static func cancelledSleep(_ probe: Probe, _ process: SimulatedProcess) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await process.clock.sleep(until: .distantFuture)
                } catch {
                    probe.note(.cancellation)
                }
            }
            await Task.yield()
            group.cancelAll()
        }
    }
}

/// Notes on which threads code runs.
private final class Probe: Sendable {
    enum Kind: CaseIterable {
        case start, group, afterGroup, discardingGroup, asyncLet, concurrent, afterAsyncLet, actor, afterActor, yield
        case continuation, watched, sleep, cancellation
    }

    private let state = Mutex<(seen: Set<Kind>, threads: Set<pthread_t>)>(([], []))

    var seen: Set<Kind> { state.withLock { $0.seen } }
    var threads: Set<pthread_t> { state.withLock { $0.threads } }

    func note(_ kind: Kind) {
        state.withLock {
            $0.seen.insert(kind)
            $0.threads.insert(pthread_self())
        }
    }

    func noted(_ kind: Kind) async -> Int {
        note(kind)
        return 1
    }

    @concurrent func notedConcurrently(_ kind: Kind) async -> Int {
        note(kind)
        await Task.yield()
        note(kind)
        return 2
    }
}

private actor Counting {
    private var number = 0

    func count(_ probe: Probe) async {
        number += 1
        probe.note(.actor)
        await Task.yield()
        probe.note(.actor)
    }
}

/// What `setOnAnotherThread` hands to its thread: a C function captures nothing.
private let handedOver = Mutex<Watched<Int>?>(nil)

private func setOnAnotherThread(_ watched: Watched<Int>) {
    handedOver.withLock { $0 = watched }
    var thread = pthread_t()
    unsafe pthread_create(
        &thread, nil,
        { _ in
            handedOver.withLock { $0 }?.set(1)
            return nil
        }, nil)
    pthread_join(thread, nil)
}
