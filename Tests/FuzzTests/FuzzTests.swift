import Platform
import TestKit
import TestSupport
import Testing

/// libFuzzer itself, for a few seconds a target: that the targets build, start from their corpora, and find nothing at
/// once.
@Suite(.serialized, .timeLimit(.minutes(15))) struct FuzzTests {
    @Test func `each fuzzing target runs for ten seconds without a finding`() async throws {
        let directory = try TemporaryDirectory()
        let process = try ChildProcess(
            "\(TestEnvironment.root)/Tests/Fuzz/run", ["10"],
            environment: ["PATH": processEnvironment()["PATH"] ?? "/usr/bin:/bin"],
            outputPath: "\(directory.path)/fuzz.log")
        let end = try await process.wait(within: .seconds(800))
        #expect(end == .exited(0), "\(process.output)")
        let lines = process.output.split(separator: "\n").filter { $0.contains(" executions in ") }
        #expect(lines.count == 10, "\(process.output)")
        for line in lines {
            let words = line.split(separator: " ")
            #expect(words.count > 6 && Int(words[1]) ?? 0 > 100 && Int(words[6]) ?? 0 > 100, "\(line)")
        }
    }
}
