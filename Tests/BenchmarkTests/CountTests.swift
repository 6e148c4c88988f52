import Testing

/// The budget of one step of a scenario: a little above what was measured on x86-64 with Swift 6.3.1, but less than one
/// allocation more.
struct CountBudget: Sendable, CustomTestStringConvertible {
    /// A scenario of `Benchmarks`.
    let scenario: String
    /// How many steps are measured: enough that rare costs, such as of arrays that grow, do not matter.
    let count: Int
    let allocations: Double
    let instructions: Double

    var testDescription: String { scenario }

    static let all = [
        // A status POST without TLS, from socket to socket. Measured: 6 (the bytes of the head and of the body, the
        // header fields, the request's box, two strings: path and node) and 31,600.
        CountBudget(scenario: "status-post", count: 500, allocations: 6.5, instructions: 40_000),
        // A configs GET of 20 configs. Measured: 11 (beside the POST's the sorted list of configs and the pieces of the
        // answer) and 59,100.
        CountBudget(scenario: "configs-get", count: 500, allocations: 11.5, instructions: 70_000),
        // One config placed, of 2,000 on 200 nodes. Measured: 0 (the lists get their room before) and 3,050, a fifth of
        // which finds the node by the ID that the change names.
        CountBudget(scenario: "placement", count: 1_000, allocations: 0.5, instructions: 3_350),
        // One config patched and encoded. Measured: 35 and 74,000.
        CountBudget(scenario: "encoding", count: 200, allocations: 35.5, instructions: 80_000),
    ]
}

/// Counts are the same on any machine, so they are gated. Times are not: `make benchmark` prints them.
@Suite(.timeLimit(.minutes(5))) struct CountTests {
    @Test(arguments: CountBudget.all)
    func `a step costs no more than its budget`(budget: CountBudget) async throws {
        let counts = try await Callgrind.step(of: budget.scenario, budget.count)
        print("\(budget.scenario): \(counts.allocations) allocations, \(counts.instructions) instructions")
        #expect(counts.allocations <= budget.allocations)
        #expect(counts.instructions <= budget.instructions)
    }

    /// The Handler's lock must not be held for longer if more configs dangle.
    @Test func `a tick and a status POST cost the same, however many configs dangle`() async throws {
        let none = try await Callgrind.step(of: "tick", 20).instructions
        let many = try await Callgrind.step(of: "tick-dangling", 20).instructions
        print("tick: \(none) instructions; with 2,000 dangling configs: \(many)")
        #expect(many <= none * 1.2)
    }

    /// Without this, a gate that counts nothing would pass.
    @Test func `an allocation is counted`() async throws {
        let allocations = try await Callgrind.step(of: "allocation", 100).allocations
        // A start may take one more than another.
        #expect(abs(allocations - 1) < 0.1, "\(allocations)")
    }
}
