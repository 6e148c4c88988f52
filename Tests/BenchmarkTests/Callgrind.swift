import Platform
import TestKit
import TestSupport

/// Counts what a scenario of the benchmarks costs, by callgrind of valgrind: the same numbers on any machine, however
/// busy it is.
struct Callgrind {
    /// What was counted: of a whole run, or of one step.
    struct Counts {
        var instructions: Double
        var allocations: Double
    }

    private static let allocators: Set<Substring> = [
        "malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc",
    ]

    /// The cost of one step: what a run with twice the number costs more, so that start and preparation cancel out.
    static func step(of scenario: String, _ count: Int) async throws -> Counts {
        let once = try await run(scenario, count)
        let twice = try await run(scenario, 2 * count)
        return Counts(
            instructions: (twice.instructions - once.instructions) / Double(count),
            allocations: (twice.allocations - once.allocations) / Double(count))
    }

    private static func run(_ scenario: String, _ count: Int) async throws -> Counts {
        let directory = try TemporaryDirectory()
        let profile = "\(directory.path)/profile"
        let process = try ChildProcess(
            "/usr/bin/valgrind",
            [
                "--tool=callgrind", "--callgrind-out-file=\(profile)", try TestEnvironment.program("Benchmarks"),
                scenario, "\(count)",
            ],
            // Otherwise a dictionary's collisions differ from run to run.
            environment: ["PATH": "/usr/bin:/bin", "SWIFT_DETERMINISTIC_HASHING": "1"],
            outputPath: "\(directory.path)/output")
        let end = try await process.wait(within: .seconds(120))
        guard end == .exited(0) else { throw TestFailure("valgrind: \(end): \(process.output.suffix(2000))") }
        return try counts(in: String(decoding: try readFile(profile, atMost: 64 << 20), as: UTF8.self))
    }

    /// Reads a profile: the instructions in all, and the calls of the C library's allocating functions.
    static func counts(in profile: String) throws -> Counts {
        var names: [Substring: Substring] = [:]
        var callee: Substring = ""
        var counts = Counts(instructions: 0, allocations: 0)
        for line in profile.split(separator: "\n") {
            if line.hasPrefix("fn=(") || line.hasPrefix("cfn=(") {
                // A name is written out where it comes first, "(number) name"; later its number stands for it.
                let parts = line.drop { $0 != "(" }.split(separator: " ", maxSplits: 1)
                if parts.count == 2 { names[parts[0]] = parts[1] }
                if line.hasPrefix("c") { callee = names[parts[0]] ?? "" }
            } else if line.hasPrefix("calls="), allocators.contains(callee) {
                counts.allocations += Double(line.dropFirst(6).prefix { $0 != " " }) ?? 0
            } else if line.hasPrefix("totals: ") {
                counts.instructions = Double(line.dropFirst(8)) ?? 0
            }
        }
        guard counts.instructions > 0, counts.allocations > 0 else { throw TestFailure("a profile without totals") }
        return counts
    }
}
