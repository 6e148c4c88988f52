import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// Targets of a discovery server (`clients/discovery.py`) that works, lies, floods and hangs.
@Suite(.timeLimit(.minutes(4))) struct DiscoveryTests {
    private static let template =
        #"{"name":"openmetrics","instances":[{"openmetrics_endpoint":"http://%%host%%:%%port%%/metrics"}]}"#

    /// How much an answer of 1 GiB may add to the memory: the 16 MiB that are read of it, in an array that grows by
    /// doubling.
    private static let memoryLimit = 64 << 10

    @Test func `targets are checked, and whatever the server answers, the last good ones stay`() async throws {
        let directory = try TemporaryDirectory()
        func serve(_ mode: String) throws { try directory.write("mode", mode) }
        try serve("300")
        let server = try ChildProcess(
            "/usr/bin/python3", ["\(TestEnvironment.root)/Tests/AcceptanceTests/clients/discovery.py", directory.path],
            outputPath: "\(directory.path)/discovery.log")
        let port = try await eventually(within: .seconds(30), "the port: \(server.output)") {
            try? String(decoding: readFile("\(directory.path)/port", atMost: 16), as: UTF8.self)
        }
        let agent = try RunningClusterAgent(
            "cluster", in: directory,
            [
                "--cluster_checks.warmup_duration=0", "--shutdown_delay=0", "--ad_config_poll_interval=1",
                "--prometheus_http_sd.url=http://127.0.0.1:\(port)/sd",
                "--prometheus_http_sd.check_template=\(Self.template)",
            ])
        let client = try await agent.client()
        let node = try ProtocolAgent("a", in: directory, url: agent.url)
        try await eventually(within: .seconds(60), "300 checks: \(agent.process.output)") {
            node.instances.count == 300
        }
        #expect(
            node.instances.contains {
                $0.contains("http://10.0.1.49:9100/metrics") && $0.contains("env:prod") && $0.contains("rack:r1")
            })
        try await eventually(within: .seconds(20), "304: \(server.output)") {
            server.output.contains("\"300\" 304 1\n")
        }

        let before = try Self.peakKiB(agent.process.id)
        for (mode, reason) in [
            ("html", "the answer is no list of targets: line 1, column 1"),
            ("half", "the answer is no list of targets: line 1"),
            ("huge", "the response body is larger than the 16777216 bytes allowed"), ("hang", "timed out"),
        ] {
            try serve(mode)
            try await eventually(within: .seconds(60), "\(mode) to be told: \(agent.process.output)") {
                agent.process.output.contains(reason)
            }
            #expect(node.instances.count == 300, "\(mode)")
        }
        let grown = try Self.peakKiB(agent.process.id) - before
        print("peak memory: \(before >> 10) MiB with 300 targets, \(grown >> 10) MiB more for hostile answers")
        #expect(grown < Self.memoryLimit)

        try serve("2")
        try await eventually(within: .seconds(60), "two checks: \(agent.process.output)") { node.instances.count == 2 }
        try await eventually(within: .seconds(10), "the end of the problem: \(agent.process.output)") {
            agent.process.output.contains("config problem solved")
        }
        for line in node.lines { #expect(line["error"] == nil, "\(node.process.output)") }
        await client.shutdown()
    }

    /// The most memory that a process has had, in KiB.
    private static func peakKiB(_ process: pid_t) throws -> Int {
        let status = String(decoding: try readFile("/proc/\(process)/status", atMost: 1 << 16), as: UTF8.self)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(line.split(separator: " ").compactMap { Int($0) }.first)
    }
}
