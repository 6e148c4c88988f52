import Glibc
import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

/// The real program beside an API server whose objects are as large as they may be: `clients/large_objects.py`.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LargeObjectsTests {
    @Test func `large objects that have nothing to do with checks are listed within 64 MiB`() async throws {
        let run = try await run("unrelated")
        #expect(run.configs == 1 && run.grown < 64 << 10, "\(run)")
    }

    @Test func `what one annotation makes is bounded, reported, and hurts nothing else`() async throws {
        let run = try await run("many")
        #expect(run.configs == 1_001 && run.grown < 64 << 10, "\(run)")
        let reason = "of its 1800000 configs are left out: one object may give 1000 configs of 4194304 bytes together"
        #expect(run.log.contains(reason))
    }

    @Test func `large checks are bounded together, within the memory limit of the manifests`() async throws {
        let run = try await run("related")
        #expect(run.configs == 320 && run.peak < 256 << 10, "\(run)")
    }

    private struct Run {
        let configs: Int
        /// RssAnon at most, and beyond that of an idle agent, in KiB.
        let peak: Int
        let grown: Int
        let log: String
    }

    private func run(_ kind: String) async throws -> Run {
        let directory = try TemporaryDirectory()
        let server = try ChildProcess(
            "/usr/bin/env",
            [
                "python3", "\(TestEnvironment.root)/Tests/AcceptanceTests/clients/large_objects.py", directory.path,
                kind,
            ], outputPath: "\(directory.path)/server.log")
        try await eventually("the server: \(server.output)") { server.output.contains("serving") }
        let idle = try RunningClusterAgent("idle", in: directory, ["--confd_path=\(directory.path)"])
        await (try await idle.client()).shutdown()
        let idleMemory = try Self.memory(of: idle.process)
        let agent = try RunningClusterAgent(
            "one", in: directory,
            [
                "--kubeconfig=\(directory.path)/kubeconfig.json", "--node_agents.selector=",
                "--cluster_checks.warmup_duration=0", "--shutdown_delay=0",
            ], hasProbes: true)
        await (try await agent.client()).shutdown()
        var peak = 0
        try await eventually(within: .seconds(120), "the sources to be read: \(agent.process.output)") {
            peak = max(peak, try Self.memory(of: agent.process))
            return try await agent.probe("/readyz").status == 200
        }
        // The state of large configs is scrubbed for long: the log says how many there are.
        let configs = try await eventually("the configs to be dispatched: \(agent.process.output)") {
            let words = agent.process.output.split(separator: " ").filter { $0.hasPrefix("scheduled=") }
            let count = words.compactMap { Int($0.dropFirst("scheduled=".count)) }.reduce(0, +)
            return count > 0 ? count : nil
        }
        peak = max(peak, try Self.memory(of: agent.process))
        agent.process.signal(SIGTERM)
        #expect(try await agent.process.wait(within: .seconds(60)) == .exited(0), "\(agent.process.output)")
        server.signal(SIGKILL)
        return Run(configs: configs, peak: peak, grown: peak - idleMemory, log: agent.process.output)
    }

    /// RssAnon, in KiB.
    private static func memory(of process: ChildProcess) throws -> Int {
        let text = String(decoding: try readFile("/proc/\(process.id)/status", atMost: 1 << 16), as: UTF8.self)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("RssAnon:") })
        return try #require(line.split(separator: " ").compactMap { Int($0) }.first)
    }
}
