import CheckModel
import Glibc
import HTTPClient
import JSON
import Platform
import Synchronization
import TestKit
import TestSupport
import Testing

extension RealClusterTests {
    /// Thousands of annotated Services that come as fast as eight connections can make them, and go again.
    ///
    /// The short form looks for what grows or hangs. `TEST_SERVICES=5000` is the whole: three rounds, and memory as
    /// DESIGN wants it; meant for release builds of the programs, by `TEST_PROGRAMS`.
    @Suite(.timeLimit(.minutes(30))) struct ManyServicesTests {
        private static let wanted = processEnvironment()["TEST_SERVICES"].flatMap { Int($0) }
        private static let count = wanted ?? 500
        private static let rounds = wanted == nil ? 1 : 3
        /// How long after the last deletion memory is compared with the start's.
        private static let rest = Duration.seconds(wanted == nil ? 5 : 60)
        /// How much more than at the start may be left then, in kB: with thousands of Services the whole history, which
        /// remembers them (2.7 MB), what the making of their overviews leaves (2 MiB were seen), and 1 MiB.
        private static let growth = wanted == nil ? 4_096 : 2_700 + 2_048 + 1_024
        private static let nodes = 5

        @Test func `thousands of configs are placed and their memory is freed when they are gone`() async throws {
            let clock = SystemClock()
            let plane = try await ControlPlane.start()
            let port = try TestEnvironment.freePort()
            let agent = try RunningClusterAgent(
                "one", in: plane.directory, port: port,
                [
                    "--kubeconfig=\(plane.agentKubeconfig)", "--leader_election=true",
                    "--kube_resources_namespace=cluster-agent",
                    "--cluster_agent.advertise_address=127.0.0.1:\(port)", "--cluster_checks.warmup_duration=2",
                ], environment: try Self.imageEnvironment(), hasProbes: true)
            let client = try await agent.client()
            await client.shutdown()
            let holders = try Self.client(
                "holders.py", [agent.url, RunningClusterAgent.token, "\(Self.nodes)", "0.5"], plane)
            try await eventually(within: .seconds(60), "node-agents that are served; \(holders.output)") {
                try await agent.probe("/readyz").status == 200
            }
            try await clock.sleep(until: clock.now() + .seconds(5))
            let start = agent.process.anonymousKilobytes
            print("start: \(start) kB anonymous")
            for round in 1...Self.rounds {
                let peak = Peak()
                try await peak.whileSampling(agent.process) {
                    let made = try await Self.change(plane, "create", Self.count)
                    let placed = try await Self.held(holders, Self.count)
                    print(
                        "round \(round): \(Self.count) Services made in \(rounded((made.last - made.first).seconds)) s; "
                            + "all on node-agents \(rounded((placed - made.last).seconds)) s after the last")
                    #expect(placed - made.last < .seconds(30))
                }
                let full = agent.process.anonymousKilobytes
                try await Self.change(plane, "delete", Self.count)
                try await Self.held(holders, 0)
                try await clock.sleep(until: clock.now() + Self.rest)
                let left = agent.process.anonymousKilobytes
                print(
                    "round \(round): anonymous \(peak.kilobytes) kB at the peak, \(full) kB with all, "
                        + "\(left) kB \(rounded(Self.rest.seconds)) s after the last was gone "
                        + "(\(rounded(Double(left) / Double(start))) of the start)")
                #expect(left <= start + Self.growth)
            }
            #expect(agent.process.poll() == nil)
            try await plane.stop()
        }

        /// The variables that the image sets.
        private static func imageEnvironment() throws -> [String: String] {
            let text = String(
                decoding: try readFile("\(TestEnvironment.root)/Dockerfile", atMost: 1 << 20), as: UTF8.self)
            var variables: [String: String] = [:]
            for line in text.split(separator: "\n") where line.hasPrefix("ENV ") {
                let parts = line.dropFirst(4).split(separator: "=", maxSplits: 1)
                variables[String(parts[0])] = String(parts.last ?? "")
            }
            return variables
        }

        /// Waits until the node-agents together hold exactly `count` different configs, and returns when they did.
        @discardableResult
        private static func held(_ holders: ChildProcess, _ count: Int) async throws -> Instant {
            var last = ""
            return try await eventually(within: .seconds(180), "\(count) configs held; \(last)") {
                // The newest line is what they hold now.
                last = String(holders.output.split(separator: "\n").last ?? "")
                guard let line = try? JSONValue(parsing: Array(last.utf8)), let time = line["time"]?.integerValue,
                    line["held"]?.integerValue == Int64(count), line["distinct"]?.integerValue == Int64(count)
                else { return nil }
                return Instant(nanoseconds: time)
            }
        }

        @discardableResult
        private static func change(
            _ plane: ControlPlane, _ action: String, _ count: Int
        ) async throws -> (first: Instant, last: Instant) {
            let script = try client("services.py", [plane.adminKubeconfig, action, "\(count)"], plane)
            let end = try await script.wait(within: .seconds(600))
            guard end == .exited(0), let line = try? JSONValue(parsing: Array(script.output.utf8)),
                let first = line["first"]?.integerValue, let last = line["last"]?.integerValue
            else { throw TestFailure("\(action): \(end): \(script.output)") }
            return (Instant(nanoseconds: first), Instant(nanoseconds: last))
        }

        private static func client(_ name: String, _ arguments: [String], _ plane: ControlPlane) throws -> ChildProcess
        {
            try ChildProcess(
                "/usr/bin/env",
                ["python3", "\(TestEnvironment.root)/Tests/IntegrationTests/clients/\(name)"] + arguments,
                environment: ["PATH": processEnvironment()["PATH"] ?? "/usr/bin:/bin"],
                outputPath: "\(plane.directory.path)/\(name)-\(UInt32.random(in: 0 ... .max)).log")
        }
    }
}

/// The most memory that a process was seen to use.
private final class Peak: Sendable {
    private let most = Atomic<Int>(0)

    var kilobytes: Int {
        most.load(ordering: .relaxed)
    }

    /// Looks every 20 ms while `body` runs.
    func whileSampling(_ process: ChildProcess, _ body: @Sendable () async throws -> Void) async throws {
        let clock = SystemClock()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    self.most.max(process.anonymousKilobytes, ordering: .relaxed)
                    try? await clock.sleep(until: clock.now() + .milliseconds(20))
                }
            }
            defer { group.cancelAll() }
            try await body()
        }
    }
}
