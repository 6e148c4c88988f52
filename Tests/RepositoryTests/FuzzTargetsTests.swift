import Platform
import TestSupport
import Testing

/// The fuzzing targets list the sources that they are compiled with; to build them takes minutes, and is done last.
@Suite(.timeLimit(.minutes(5))) struct FuzzTargetsTests {
    @Test func `each fuzzing target compiles with the sources that it lists`() async throws {
        let (end, output) = try await fuzzingRun("--check", within: .seconds(280))
        #expect(end == .exited(0), "\(output)")
    }
}
