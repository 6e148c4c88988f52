import Glibc

// `Benchmarks` prints the budgets of DESIGN §11 that one process can measure. `Benchmarks SCENARIO COUNT` performs the
// step of a scenario COUNT times, for a tool that counts instructions and allocations.

let arguments = Array(CommandLine.arguments.dropFirst())

func printRows() async throws {
    for row in PlacementBenchmark.rows() { row.print() }
    for row in MovementBenchmark.rows() { row.print() }
    for row in EncodingBenchmark.rows() { row.print() }
    for row in try await DanglingBenchmark.rows() { row.print() }
}

func perform() async throws -> Int32 {
    guard !arguments.isEmpty else {
        try await printRows()
        return 0
    }
    guard let scenario = Scenario.all.first(where: { $0.name == arguments[0] }), arguments.count == 2,
        let count = Int(arguments[1])
    else {
        print("usage: Benchmarks [SCENARIO COUNT]; scenarios: \(Scenario.all.map(\.name).joined(separator: ", "))")
        return 2
    }
    try await scenario.perform(count)
    return 0
}

// Not awaited: valgrind 3.19 crashes when the main thread of an asynchronous program exits.
Task { @concurrent in
    do {
        exit(try await perform())
    } catch {
        print("Benchmarks: \(error)")
        exit(1)
    }
}
while true { pause() }
