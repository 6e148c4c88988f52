import CheckModel
import Glibc
import Platform
import TestKit
import TestSupport

/// The manifests as kubectl 1.20 renders them, and the programs that look at them.
enum Rendered {
    /// Every folder that can be given to `kubectl apply --kustomize`.
    static let folders = [
        "base", "overlays/runners", "overlays/kubernetes-1.20", "overlays/kubernetes-1.21", "flow-schema/v1",
        "flow-schema/v1beta3", "flow-schema/v1beta1", "monitoring",
    ]

    /// What was rendered before: nothing changes it while the tests run.
    private actor Memory {
        var texts: [String: String] = [:]

        func remember(_ text: String, of folder: String) {
            texts[folder] = text
        }
    }

    private static let memory = Memory()

    /// A folder's objects in YAML.
    ///
    /// - Throws: `TestFailure` if kubectl cannot read the folder.
    static func text(_ folder: String) async throws -> String {
        if let known = await memory.texts[folder] { return known }
        let kubectl = try await setup("kubectl")
        let text = try await output(kubectl, ["kustomize", "\(TestEnvironment.root)/manifests/\(folder)"])
        await memory.remember(text, of: folder)
        return text
    }

    /// The same in a file of `directory`; returns its path.
    static func file(_ folder: String, in directory: TemporaryDirectory) async throws -> String {
        let name = String(folder.map { $0 == "/" ? "-" : $0 })
        return try directory.write("\(name).yaml", try await text(folder))
    }

    /// One YAML text for each object.
    static func objects(_ folder: String) async throws -> [String] {
        let lines = try await text(folder).split(separator: "\n", omittingEmptySubsequences: false)
        return lines.split(separator: "---").map { $0.joined(separator: "\n") }
    }

    /// What `cluster-agent secret` prints.
    static func secret(_ arguments: String..., input: String = "") async throws -> String {
        let directory = try TemporaryDirectory()
        let given = try directory.write("input", input)
        return try await output(
            "/bin/sh",
            ["-c", #"exec "$0" secret "$@" <\#(given)"#, try TestEnvironment.program("cluster-agent")] + arguments)
    }

    /// The path that a script of `Tests/setup` prints.
    static func setup(_ script: String, within limit: Duration = .seconds(300)) async throws -> String {
        let printed = try await output("\(TestEnvironment.root)/Tests/setup/\(script)", [], within: limit)
        // What it did comes before, on standard error.
        guard let path = printed.split(separator: "\n").last else { throw TestFailure("\(script) printed nothing") }
        return String(path)
    }

    /// What a program printed.
    ///
    /// - Throws: `TestFailure` with it, if it fails.
    static func output(
        _ program: String, _ arguments: [String], within limit: Duration = .seconds(120)
    ) async throws -> String {
        let (end, text) = try await run(program, arguments, within: limit)
        guard end == .exited(0) else { throw TestFailure("\(program) \(arguments): \(end): \(text.suffix(4000))") }
        return text
    }

    /// Runs a program to its end, and returns how it ended and what it printed.
    static func run(
        _ program: String, _ arguments: [String], within limit: Duration = .seconds(120)
    ) async throws -> (end: ChildProcess.End, output: String) {
        let directory = try TemporaryDirectory()
        var environment = processEnvironment()
        // Nothing is left in the checkout.
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        let process = try ChildProcess(
            program, arguments, environment: environment, outputPath: "\(directory.path)/output")
        let end = try await process.wait(within: limit)
        return (end, process.output)
    }
}
