import Glibc
import Platform
import TestKit
import TestSupport
import Testing

/// The manifests and the built image in a hollow cluster: `Tests/hollow`. The steps are in `scenario.py`.
@Suite(.serialized, .timeLimit(.minutes(50))) struct HollowClusterTests {
    private static let tests = "\(TestEnvironment.root)/Tests"
    private static let variables = [
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "PYTHONPATH": tests,
    ].merging(processEnvironment().filter { $0.key == "CLUSTER_AGENT_CACHE" || $0.key == "PATH" }) { $1 }

    private static func start(_ program: String, _ arguments: [String], in directory: TemporaryDirectory) throws
        -> ChildProcess
    {
        try ChildProcess(
            program, arguments, environment: variables,
            outputPath: "\(directory.path)/output-\(UInt32.random(in: 0 ... .max))")
    }

    /// The folder with the built image's root file system and configuration. Building it takes minutes, when anything
    /// in it has changed.
    private static func image(_ directory: TemporaryDirectory) async throws -> String {
        let build = try start("\(tests)/setup/image", [], in: directory)
        let end = try await build.wait(within: .seconds(2400))
        guard end == .exited(0), let folder = build.output.split(separator: "\n").last else {
            throw TestFailure("the image was not built: \(end): \(build.output)")
        }
        return "cluster-agent:0.1.0=\(folder)"
    }

    @Test func `the unit tests of the hollow cluster pass`() async throws {
        let directory = try TemporaryDirectory()
        let python = try Self.start(
            "/usr/bin/python3",
            ["-B", "-m", "unittest", "discover", "-t", Self.tests, "-s", "\(Self.tests)/hollow/tests"], in: directory)
        let end = try await python.wait(within: .seconds(120))
        let output = python.output
        let ran = try #require(output.split(separator: "\n").first { $0.hasPrefix("Ran ") }, "\(output)")
        let count = try #require(ran.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        #expect(end == .exited(0) && count >= 57, "\(output)")
    }

    @Test func `the chart brings up a cluster that survives operations and failures`() async throws {
        let directory = try TemporaryDirectory()
        let image = try await Self.image(directory)
        let scenario = try Self.start(
            "/usr/bin/python3",
            [
                "-B", "-m", "hollow.scenario", "--image=\(image)", "--manifests=\(TestEnvironment.root)/manifests",
                "--transcript=\(TestEnvironment.root)/.build/transcript.md",
            ], in: directory)
        let end = try await scenario.wait(within: .seconds(1200))
        let output = scenario.output
        let lines = output.split(separator: "\n").map(String.init)
        for line in lines where line.hasPrefix("PASSED ") || line.hasPrefix("FAILED ") { print(line) }
        #expect(end == .exited(0), "\(output)")
        #expect(lines.count { $0.hasPrefix("PASSED ") } == 14, "\(output)")
    }

    @Test func `nothing remains of a killed hollow cluster`() async throws {
        let directory = try TemporaryDirectory()
        let folder = "\(directory.path)/cluster"
        let cluster = try Self.start(
            "\(Self.tests)/hollow/cluster",
            ["--image=\(try await Self.image(directory))", "--nodes=1", "--folder=\(folder)"], in: directory)
        try await eventually(within: .seconds(300), "the cluster; \(cluster.output)") {
            if let end = cluster.poll() { throw TestFailure("the cluster \(end): \(cluster.output)") }
            return unsafe access("\(folder)/ready", F_OK) == 0
        }
        #expect(try !Self.processes(of: folder).isEmpty)
        cluster.signal(SIGKILL)
        try await eventually(within: .seconds(30), "its processes to go") {
            try Self.processes(of: folder).isEmpty
        }
        let mounts = String(decoding: try readFile("/proc/self/mountinfo", atMost: 16 << 20), as: UTF8.self)
        #expect(!mounts.contains(folder), "\(mounts)")
        // A link of one of its pods would be named so.
        #expect(unsafe access("/sys/class/net/p1-2", F_OK) != 0)
    }

    /// The ids of processes that run anything in a folder or have it in their arguments.
    private static func processes(of folder: String) throws -> [String] {
        guard let directory = unsafe opendir("/proc") else { throw TestFailure("/proc: \(systemErrorText(errno))") }
        defer { unsafe closedir(directory) }
        var found: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            guard Int(name) != nil, let arguments = try? readFile("/proc/\(name)/cmdline", atMost: 1 << 20) else {
                continue
            }
            if String(decoding: arguments, as: UTF8.self).contains(folder) { found.append(name) }
        }
        return found
    }
}
