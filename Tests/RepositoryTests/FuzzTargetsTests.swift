import Platform
import TestKit
import TestSupport
import Testing

/// The fuzzing targets list the sources that they are compiled with; to build them takes minutes, and is done last.
@Suite(.timeLimit(.minutes(5))) struct FuzzTargetsTests {
    @Test func `each fuzzing target compiles with the sources that it lists`() async throws {
        let directory = try TemporaryDirectory()
        let process = try ChildProcess(
            "\(TestEnvironment.root)/Tests/Fuzz/run", ["--check"],
            environment: ["PATH": processEnvironment()["PATH"] ?? "/usr/bin:/bin"],
            outputPath: "\(directory.path)/check.log")
        let end = try await process.wait(within: .seconds(280))
        #expect(end == .exited(0), "\(process.output)")
    }
}
