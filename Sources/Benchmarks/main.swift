import Glibc

// `Benchmarks` prints what one process can measure of DESIGN §11's budgets. `Benchmarks SCENARIO COUNT` performs the step of one scenario so many
// times, for a tool that counts instructions and allocations.

let arguments = Array(CommandLine.arguments.dropFirst())

func printRows() async throws {
    for row in PlacementBenchmark.rows() { row.print() }
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

// Not awaited here: valgrind 3.19 does not survive what the main thread of an asynchronous program does to itself.
Task { @concurrent in
    do {
        exit(try await perform())
    } catch {
        print("Benchmarks: \(error)")
        exit(1)
    }
}
while true { pause() }
