import Platform
import TestSupport
import Testing

/// libFuzzer itself, for a few seconds a target: that the targets build, start from their corpora, and find nothing at
/// once.
@Suite(.serialized, .timeLimit(.minutes(15))) struct FuzzTests {
    @Test func `each fuzzing target runs for ten seconds without a finding`() async throws {
        let (end, output) = try await fuzzingRun("10", within: .seconds(800))
        #expect(end == .exited(0), "\(output)")
        let lines = output.split(separator: "\n").filter { $0.contains(" executions in ") }
        #expect(lines.count == 10, "\(output)")
        for line in lines {
            let words = line.split(separator: " ")
            #expect(words.count > 6 && Int(words[1]) ?? 0 > 100 && Int(words[6]) ?? 0 > 100, "\(line)")
        }
    }
}
