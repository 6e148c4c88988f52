import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// The reference node-agent's checks against targets that lie, stall, flood or expire (`clients/targets.py`), all on
/// one agent: each has its verdict beside upstream's, memory is bounded, and no other check is late.
@Suite(.timeLimit(.minutes(5))) struct CheckTargetTests {
    private struct Target {
        let name: String
        let check: String
        let instance: JSONValue
        let upstream: String
        /// `up`, or a kind of failure.
        let expected: String

        init?(_ value: JSONValue) {
            guard let members = value.objectValue, let name = members["name"]?.stringValue,
                let check = members["check"]?.stringValue, let instance = members["instance"],
                let upstream = members["upstream"]?.stringValue, let expected = members["expected"]?.stringValue
            else { return nil }
            (self.name, self.check, self.instance) = (name, check, instance)
            (self.upstream, self.expected) = (upstream, expected)
        }

        /// The beginning of the labels of its samples, up to the digest in the check ID.
        var labels: String { "{check_id=\"\(check):\(name):" }
    }

    /// What the agent's memory may grow to: a debug build, with four pages of 16 MiB in arrays that grow by doubling,
    /// and the CAs of its clients.
    private static let memoryLimit = 256 << 10

    @Test func `each target has its verdict, in bounded memory, and no other check is late`() async throws {
        let directory = try TemporaryDirectory()
        let (server, targets) = try await Self.startTargets(directory)
        let cluster = try RunningClusterAgent(
            "cluster", in: directory,
            ["--confd_path=\(directory.path)/conf.d", "--cluster_checks.warmup_duration=0", "--shutdown_delay=0"])
        let client = try await cluster.client()
        let port = try TestEnvironment.freePort()
        let agent = try cluster.startNodeAgent(
            "node", ["--metrics_port=\(port)", "--listen_host=127.0.0.1", "--ad_config_poll_interval=500ms"])
        var lines: [Substring] = []
        func value(_ family: String, _ target: Target) -> Double? {
            let line = lines.first { $0.hasPrefix(family + target.labels) }
            return line.flatMap { Double($0.split(separator: " ").last ?? "") }
        }
        let clock = SystemClock()
        // The tenth run of the check that is due each second has been made, if nothing holds it up.
        try await eventually(within: .seconds(120), "every target to be checked: \(agent.output)") {
            lines = try await Self.metrics(port)
            return targets.allSatisfy { value("node_agent_check_runs_total", $0) ?? 0 >= 2 }
        }
        let before = clock.now()
        let firstRuns = targets.map { value("node_agent_check_runs_total", $0) ?? 0 }
        try await clock.sleep(until: before + .seconds(10))
        lines = try await Self.metrics(port)
        let elapsed = (clock.now() - before).seconds
        print("| target | upstream | here |\n|---|---|---|")
        for (target, runs) in zip(targets, firstRuns) {
            let kinds = lines.filter { $0.hasPrefix("node_agent_check_failures_total" + target.labels) }.compactMap {
                $0.split(separator: "kind=\"").last?.split(separator: "\"").first
            }
            let verdict = value("node_agent_check_up", target) == 1 ? "up" : kinds.joined(separator: ", ")
            print("| \(target.name) | \(target.upstream) | \(verdict) |")
            #expect(verdict == target.expected, "\(target.name): \(agent.output)")
            guard target.name.hasPrefix("well ") else { continue }
            let made = (value("node_agent_check_runs_total", target) ?? 0) - runs
            #expect(made >= elapsed / 2, "\(target.name): \(made) runs in \(elapsed) s")
        }
        let memory = try Self.peakKiB(agent.id)
        print("peak memory: \(memory >> 10) MiB")
        #expect(memory < Self.memoryLimit)
        #expect(server.output == "")
        await client.shutdown()
    }

    /// Starts the targets and writes a config of each check for them.
    private static func startTargets(_ directory: TemporaryDirectory) async throws -> (ChildProcess, [Target]) {
        let server = try ChildProcess(
            "/usr/bin/python3", ["\(TestEnvironment.root)/Tests/AcceptanceTests/clients/targets.py", directory.path],
            outputPath: "\(directory.path)/targets.log")
        let contents = try await eventually(within: .seconds(60), "targets: \(server.output)") {
            try? readFile("\(directory.path)/targets.json", atMost: 1 << 20)
        }
        guard case .array(let values) = try JSONValue(parsing: contents) else { throw TestFailure("not a list") }
        let targets = try values.map { try #require(Target($0)) }
        for check in ["http_check", "prometheus", "tls"] {
            let instances = JSONValue.array(targets.filter { $0.check == check }.map(\.instance)).encoded()
            let text = #"{"cluster_check": true, "init_config": {}, "instances": "#
            try directory.write("conf.d/\(check).json", text + String(decoding: instances, as: UTF8.self) + "}")
        }
        return (server, targets)
    }

    private static func metrics(_ port: Int) async throws -> [Substring] {
        let clock = SystemClock()
        let client = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: clock)
        let request = ClientRequest(url: "http://127.0.0.1:\(port)/metrics")
        let answer = try? await client.send(request, deadline: clock.now() + .seconds(5))
        await client.shutdown()
        return answer.map { String(decoding: $0.body, as: UTF8.self).split(separator: "\n") } ?? []
    }

    /// The most memory that a process has had, in KiB.
    private static func peakKiB(_ process: pid_t) throws -> Int {
        let status = String(decoding: try readFile("/proc/\(process)/status", atMost: 1 << 16), as: UTF8.self)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(line.split(separator: " ").compactMap { Int($0) }.first)
    }
}
