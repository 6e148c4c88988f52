package import TestKit

extension TemporaryDirectory {
    /// Runs a command of the cluster-agent to its end, in this directory.
    package func runClusterAgent(
        _ arguments: [String], input: String = ""
    ) async throws -> (end: ChildProcess.End, output: String) {
        let work = try TemporaryDirectory()
        let source = try work.write("input", input)
        let words = ([try TestEnvironment.program("cluster-agent")] + arguments).map { "'\($0)'" }
        let process = try ChildProcess(
            "/bin/sh", ["-c", "cd \(path) && exec \(words.joined(separator: " ")) <\(source)"],
            outputPath: "\(work.path)/output")
        return (try await process.wait(within: .seconds(60)), process.output)
    }
}
