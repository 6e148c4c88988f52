import CheckModel
import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// A pool of eight, of which one takes 30 s for its statistics: `clients/slow_runner.py`.
@Suite(.serialized, .timeLimit(.minutes(3))) struct SlowRunnerTests {
    private let clock = SystemClock()

    @Test func `one of eight that answers after half a minute slows nothing else`() async throws {
        let directory = try TemporaryDirectory()
        let port = try TestEnvironment.freePort()
        let script = "\(TestEnvironment.root)/Tests/AcceptanceTests/clients/slow_runner.py"
        let slow = try ChildProcess(
            "/usr/bin/env", ["python3", script, directory.path, "127.0.1.8", "\(port)"],
            environment: ["PATH": processEnvironment()["PATH"] ?? "/usr/bin:/bin"],
            outputPath: "\(directory.path)/slow.log")
        let web = try #require(try await slow.firstLine()["web"]?.integerValue)
        for number in 0..<16 {
            try directory.write(
                "conf.d/http_check.d/\(number).json",
                """
                {"cluster_check": true, "init_config": {}, "instances": [{"name": "c\(number)", "min_collection_interval": 1,
                "url": "http://127.0.0.1:\(web)/\(number)"}]}
                """)
        }
        let agent = try RunningClusterAgent(
            "one", in: directory,
            [
                "--confd_path=\(directory.path)/conf.d", "--cluster_checks.warmup_duration=2", "--shutdown_delay=0",
                "--cluster_checks.clc_runners_port=\(port)", "--cluster_checks.send_token_to_unknown_runners=true",
            ])
        let client = try await agent.client()
        let others = try (1...7).map { number in
            let host = "127.0.1.\(number)"
            return try agent.startNodeAgent(
                "node-\(number)", port: port,
                [
                    "--listen_host=\(host)", "--clc_runner_host=\(host)", "--metrics_port=0",
                    "--ad_config_poll_interval=500ms",
                ])
        }
        func report() async throws -> Int {
            let request = ClientRequest(
                "POST", url: "\(agent.url)/api/v1/clusterchecks/status/slow", headers: [("X-Real-Ip", "127.0.1.8")],
                body: Array(#"{"last_change":-1,"node_type":1}"#.utf8))
            return try await client.send(request, deadline: clock.now() + .seconds(10)).status
        }
        try await eventually(within: .seconds(60), "all eight to have two checks; \(agent.process.output)") {
            _ = try? await report()
            let nodes = try await agent.placements(client).nodes
            return nodes.count == 8 && nodes.values.allSatisfy { $0.count == 2 }
        }

        func start(_ words: String...) throws -> ChildProcess {
            try ChildProcess(
                try TestEnvironment.program("cluster-agent"),
                ["clusterchecks"] + words + [
                    "--cluster_agent.listen_host=127.0.0.1", "--cluster_agent.cmd_port=\(agent.port)",
                    "--cluster_agent.operator_token_file=\(agent.operatorTokenPath)",
                ], outputPath: "\(directory.path)/output-\(UInt32.random(in: 0 ... .max))")
        }
        // Who waits for the slow one holds up nobody who reports meanwhile, and nobody's statistics.
        try await eventually(within: .seconds(90), "the statistics of seven; \(agent.process.output)") {
            let preview = try start("rebalance", "--dry-run")
            var reports = 0
            try await eventually(within: .seconds(25), "an answer long before the slow one's") {
                if try await report() == 200 { reports += 1 }
                return preview.poll() != nil
            }
            // Had they waited for the slow one, there would be one or two.
            guard reports > 20, preview.output.contains("1 of 8 nodes gave no statistics") else { return false }
            let shown = try start("--long")
            _ = try await shown.wait(within: .seconds(30))
            return shown.output.split(separator: "\n").count { $0.contains("Average Execution Time") } == 14
        }
        for process in others + [agent.process, slow] { process.signal(SIGTERM) }
        for process in others + [agent.process] { _ = try await process.wait(within: .seconds(30)) }
        await client.shutdown()
    }
}
