import CheckModel
import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// The operator's commands against a real agent on the same machine, found by its options.
@Suite(.timeLimit(.minutes(2))) struct OperatorCommandTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func run(_ arguments: [String]) async throws -> (end: ChildProcess.End, output: String) {
        try await directory.runClusterAgent(arguments)
    }

    private func writeCheck(_ password: String) throws {
        try directory.write(
            "conf.d/postgres.json",
            #"{"cluster_check": true, "init_config": {}, "instances": [{"host": "127.0.0.1", "password": "\#(password)"}]}"#
        )
    }

    @Test func `the command finds the agent by its options and prints who runs what, without secrets`() async throws {
        try writeCheck("s3cr3t")
        let agent = try RunningClusterAgent(
            "one", in: directory,
            ["--confd_path=\(directory.path)/conf.d", "--cluster_checks.warmup_duration=0", "--shutdown_delay=0"])
        let client = try await agent.client()
        let options = [
            "--cluster_agent.listen_host=127.0.0.1", "--cluster_agent.cmd_port=\(agent.port)",
            "--cluster_agent.operator_token_file=\(agent.operatorTokenPath)",
        ]
        try await eventually(within: .seconds(20), "the config to be dispatched") {
            try await agent.placements(client).dangling == 1
        }
        let before = try await run(["clusterchecks", "--long"] + options)
        #expect(before.end == .exited(0), "\(before.output)")
        #expect(before.output.contains("=== Unassigned configurations ==="))
        #expect(before.output.contains("Unassigned because: no node-agent reports"))
        #expect(before.output.contains("=== Zero agent reporting ==="))

        let status = #"{"last_change": 0, "node_type": 2}"#
        #expect(try await agent.call(client, "POST", "/api/v1/clusterchecks/status/node-1", body: status).status == 200)
        let after = try await run(["clusterchecks", "--long", "--check", "postgres"] + options)
        #expect(after.output.contains("===== Checks on node-1 ====="), "\(after.output)")
        #expect(after.output.contains("Config for instance ID: postgres:"))
        #expect(after.output.contains("********"))
        #expect(!after.output.contains("s3cr3t"))
        let json = try JSONValue(parsing: Array(try await run(["clusterchecks", "--json"] + options).output.utf8))
        #expect(json["nodes"]?.arrayValue?.count == 1)
        let told = try await run(["status"] + options)
        let lines = told.output.split(separator: "\n").map(String.init)
        #expect(
            lines.filter { !$0.hasPrefix("Leader: the only replica, for ") } == [
                "Status: Leader, serving requests", "Active agents: 1", "Check Configurations: 1", "  - Dispatched: 1",
                "  - Unassigned: 0", "Check Instances: 0 up, 0 down, 0 stale, 1 not heard of yet",
            ])
        // The agent itself is given the whole.
        let configs = try await agent.call(client, "GET", "/api/v1/clusterchecks/configs/node-1")
        let answer = try ConfigsAnswer(parsing: configs.body)
        #expect(
            answer.configs.first.map { String(decoding: $0.instances[0], as: UTF8.self) }?.contains("s3cr3t") == true)

        // A broken edit is told wherever people look, and the check goes on.
        try directory.write("conf.d/postgres.json", #"{"cluster_check": true, "instances": {}}"#)
        let path = "\(directory.path)/conf.d/postgres.json"
        let reason =
            "error: file:\(path): instances is an object, not a list; what was valid last stays in use (since 20"
        try await eventually(within: .seconds(30), "the problem in the output of clusterchecks") {
            let output = try await run(["clusterchecks", "--long"] + options).output
            return output.contains("=== Wrong configurations ===\n\(reason)") && output.contains("postgres check")
        }
        #expect(
            try await run(["status"] + options).output.hasSuffix(
                "Wrong configurations: 1 (errors: 1; of them, what was valid last stays in use: 1)\n"))
        let wrong = try JSONValue(parsing: Array(try await run(["clusterchecks", "--json"] + options).output.utf8))
        let problem = try #require(wrong["problems"]?.arrayValue?.first)
        #expect(problem["object"] == .string("file:\(path)") && problem["keeps_last"] == .bool(true))
        #expect(wrong["nodes"]?.arrayValue?.first?["configs"]?.arrayValue?.count == 1)
        await client.shutdown()
    }

    @Test func `the token file is created for its owner only, and one that everybody can read is refused`() async throws
    {
        let agent = try RunningClusterAgent("one", in: directory, ["--shutdown_delay=0"])
        let client = try await agent.client()
        var status = stat()
        #expect(unsafe stat(agent.operatorTokenPath, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(try readFile(agent.operatorTokenPath, atMost: 100).count == 64)
        await client.shutdown()
        let open = try directory.write("open", String(repeating: "x", count: 40), mode: 0o644)
        let token = try directory.write("token", RunningClusterAgent.token)
        let refused = try await run([
            "run", "--cluster_agent.auth_token_file=\(token)", "--cluster_agent.operator_token_file=\(open)",
            "--cluster_agent.cmd_port=0", "--health_port=0", "--metrics_port=0",
        ])
        #expect(refused.end == .exited(1))
        #expect(refused.output.contains("chmod o= \(open)"), "\(refused.output)")
    }

    @Test func `the command says so when no agent is running`() async throws {
        let port = try TestEnvironment.freePort()
        let none = try await run(["status", "--cluster_agent.cmd_port=\(port)"])
        #expect(none.end == .exited(2))
        #expect(none.output.contains("--cluster_agent.operator_token_file=FILE is needed"), "\(none.output)")
        let missing = try await run(["status", "--cluster_agent.operator_token_file=\(directory.path)/nothing"])
        #expect(missing.end == .exited(1))
        #expect(missing.output.contains("does the cluster-agent run here"), "\(missing.output)")
    }
}
