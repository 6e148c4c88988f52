import Platform
import TestKit

/// How a run of `Tests/Fuzz/run` ended, and what it wrote.
///
/// - Throws: `TestFailure` if it still runs after `limit`.
package func fuzzingRun(
    _ argument: String, within limit: Duration
) async throws -> (end: ChildProcess.End, output: String) {
    let directory = try TemporaryDirectory()
    let process = try ChildProcess(
        "\(TestEnvironment.root)/Tests/Fuzz/run", [argument],
        environment: ["PATH": processEnvironment()["PATH"] ?? "/usr/bin:/bin"],
        outputPath: "\(directory.path)/fuzz.log")
    return (try await process.wait(within: limit), process.output)
}
