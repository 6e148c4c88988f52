import Platform
package import TestKit

/// A config whose instances are easily changed on their way, and a comparison by parsers that share nothing with this
/// package: `AcceptanceTests/clients/instances.py`.
package struct HardInstances: Sendable {
    private static let script = "\(TestEnvironment.root)/Tests/AcceptanceTests/clients/instances.py"

    /// `"init_config":…,"instances":[…]`, as its author wrote it.
    package let members: String
    private let path: String

    /// Makes it in `directory`.
    ///
    /// - Throws: `TestFailure` if Debian's Python, or its package python3-yaml, is missing.
    package init(in directory: TemporaryDirectory) async throws {
        path = "\(directory.path)/instances.json"
        let text = try await Self.run(["make"], outputPath: path)
        members = String(text.dropFirst().dropLast())
    }

    /// What `agent` received, read by libyaml, compared with what was written.
    ///
    /// - Returns: how many instances are unchanged, in words.
    /// - Throws: `TestFailure` with the first difference.
    package func compare(with agent: DatadogAgent) async throws -> String {
        try await Self.run(["compare", path, agent.process.outputPath], outputPath: "\(path).compared")
    }

    private static func run(_ arguments: [String], outputPath: String) async throws -> String {
        let process = try ChildProcess("/usr/bin/python3", [script] + arguments, outputPath: outputPath)
        guard try await process.wait(within: .seconds(60)) == .exited(0) else { throw TestFailure(process.output) }
        return process.output
    }
}
