import Platform
import Simulation
import Testing

@Suite struct DeterminismTests {
    @Test(arguments: 1...20) func `a seed gives one history in this process and in another`(seed: UInt64) async throws {
        let here = try Self.history(seed: seed)
        #expect(try Self.history(seed: seed) == here)
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) { [seed] in
            print("history: \(try DeterminismTests.history(seed: seed))")
        }
        #expect(said(result, "history: ") == here)
    }

    @Test func `two seeds give two histories`() throws {
        let histories = try (1...50).map { try Self.history(seed: $0) }
        #expect(Set(histories).count == 50)
    }

    @Test func `an order that depends on hashing differs between two processes`() async throws {
        let here = try Self.hashedHistory()
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            print("history: \(try DeterminismTests.hashedHistory())")
        }
        #expect(said(result, "history: ") != nil)
        #expect(said(result, "history: ") != here)
    }

    /// Three processes that sleep, wait for each other and crash.
    static func history(seed: UInt64) throws -> String {
        let world = World(seed: seed)
        let board = Watched(0)
        let processes = (1...3).map { SimulatedProcess("p\($0)", in: world) }
        for process in processes {
            process.spawn {
                await withTaskGroup(of: Void.self) { group in
                    for task in 1...3 { group.addTask { await work(process, task, board) } }
                }
            }
        }
        let dice = world.dice("faults")
        world.after(dice.duration(in: .seconds(1) ... .seconds(3))) { dice.pick(processes).crash() }
        world.after(dice.duration(in: .seconds(1) ... .seconds(3))) { dice.pick(processes).pause() }
        try world.run(for: .seconds(10))
        return world.trace.fingerprint
    }

    private static func work(_ process: SimulatedProcess, _ task: Int, _ board: Watched<Int>) async {
        for round in 1...4 {
            let pause = Duration.milliseconds(Int(process.entropy.next() % 500))
            try? await process.clock.sleep(until: process.clock.now() + pause)
            board.update { $0 += 1 }
            let seen = try? await board.next(after: board.current.version - 1).value
            process.log.info("a round is done", ["task": task, "round": round, "board": seen ?? -1])
        }
    }

    static func hashedHistory() throws -> String {
        let world = World(seed: 1)
        let process = SimulatedProcess("p", in: world)
        process.spawn {
            for number in Set(1...100) { process.log.info("a number", ["number": number]) }
        }
        try world.run(for: .seconds(1))
        return world.trace.fingerprint
    }
}

/// What a process said last on its standard output after `label`.
func said(_ result: ExitTest.Result?, _ label: String) -> String? {
    everythingSaid(result, label).last
}

/// All lines of a process's standard output that begin with `label`, without it.
func everythingSaid(_ result: ExitTest.Result?, _ label: String) -> [String] {
    guard let result else { return [] }
    let output = String(decoding: result.standardOutputContent, as: UTF8.self)
    return output.split(separator: "\n").filter { $0.hasPrefix(label) }.map { String($0.dropFirst(label.count)) }
}
