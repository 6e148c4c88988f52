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

    private func run(_ arguments: [String], input: String? = nil) async throws -> (
        end: ChildProcess.End, output: String
    ) {
        let output = "\(directory.path)/output-\(UInt64.random(in: 0 ... .max))"
        let program = try TestEnvironment.program("cluster-agent")
        let words = arguments.map { "'\($0)'" }.joined(separator: " ")
        let source = try directory.write("input-\(UInt64.random(in: 0 ... .max))", input ?? "")
        let process = try ChildProcess("/bin/sh", ["-c", "exec \(program) \(words) <\(source)"], outputPath: output)
        return (try await process.wait(within: .seconds(60)), process.output)
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
        let before = try await run(["clusterchecks"] + options)
        #expect(before.end == .exited(0), "\(before.output)")
        #expect(before.output.contains("=== Unassigned configurations ==="))
        #expect(before.output.contains("Unassigned because: no node-agent reports"))
        #expect(before.output.contains("=== Zero agent reporting ==="))

        let status = #"{"last_change": 0, "node_type": 2}"#
        #expect(try await agent.call(client, "POST", "/api/v1/clusterchecks/status/node-1", body: status).status == 200)
        let after = try await run(["clusterchecks", "--check", "postgres"] + options)
        #expect(after.output.contains("===== Checks on node-1 ====="), "\(after.output)")
        #expect(after.output.contains("Config for instance ID: postgres:"))
        #expect(after.output.contains("********"))
        #expect(!after.output.contains("s3cr3t"))
        let json = try JSONValue(parsing: Array(try await run(["clusterchecks", "--json"] + options).output.utf8))
        #expect(json["nodes"]?.arrayValue?.count == 1)
        let told = try await run(["status"] + options)
        #expect(
            told.output
                == "Status: Leader, serving requests\nActive agents: 1\nCheck Configurations: 1\n  - Dispatched: 1\n  - Unassigned: 0\n"
        )
        // The agent itself is given the whole.
        let configs = try await agent.call(client, "GET", "/api/v1/clusterchecks/configs/node-1")
        let answer = try ConfigsAnswer(parsing: configs.body)
        #expect(
            answer.configs.first.map { String(decoding: $0.instances[0], as: UTF8.self) }?.contains("s3cr3t") == true)
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

    @Test func `configcheck checks files without a cluster`() async throws {
        try writeCheck("s3cr3t")
        let good = try await run(["configcheck", "\(directory.path)/conf.d"])
        #expect(good.end == .exited(0), "\(good.output)")
        #expect(good.output.contains("1 configs, 0 errors, 0 warnings"))
        #expect(!good.output.contains("s3cr3t"))
        let bad = try directory.write("conf.d/http_check.json", #"{"cluster_check": true, "instances": 3}"#)
        let both = try await run(["configcheck", "\(directory.path)/conf.d"])
        #expect(both.end == .exited(1))
        #expect(both.output.contains("error: file:\(bad): instances"), "\(both.output)")
        let one = try await run(["configcheck", "\(directory.path)/conf.d/postgres.json"])
        #expect(one.end == .exited(0), "\(one.output)")
        let half = try await run([
            "configcheck", "\(directory.path)/conf.d/postgres.json", "\(directory.path)/none.json",
        ])
        #expect(half.end == .exited(1))
        #expect(half.output.contains("error: \(directory.path)/none.json: No such file or directory"), "\(half.output)")
        #expect(half.output.contains("1 configs, 1 errors, 0 warnings"), "\(half.output)")
    }

    @Test func `an item of a list that is no Service does not affect the others, and no name begins a line`()
        async throws
    {
        let item = { (name: String, checks: String) in
            #"{"metadata":{"name":"\#(name)","namespace":"shop","annotations":{"ad.datadoghq.com/service.checks":"\#(checks)"}},"spec":{"clusterIP":"127.96.0.9"}}"#
        }
        let list = [
            item("web", #"{\"a\\nerror: forged\\u001b[2J\":{\"instances\":[{}]}}"#), #"{"metadata":{"name":3}}"#,
            item(#"x\nerror: forged"#, #"{\"b\":{}}"#),
        ]
        let read = try await run(
            ["configcheck", "-"], input: #"{"kind":"List","items":[\#(list.joined(separator: ","))]}"#)
        #expect(read.end == .exited(1))
        #expect(
            read.output.contains("error: standard input: items[1].metadata.name is a number, not a string\n"),
            "\(read.output)")
        #expect(read.output.contains("1 configs, 2 errors, 0 warnings"), "\(read.output)")
        #expect(read.output.contains(#"=== a\u{a}error: forged\u{1b}[2J check ==="#), "\(read.output)")
        #expect(!read.output.contains("\nerror: forged") && !read.output.contains("Kubernetes API"), "\(read.output)")
    }

    @Test func `configcheck says what the reference node-agent will say of a check's options`() async throws {
        let file = try directory.write(
            "conf.d/http_check.json",
            #"{"cluster_check":true,"instances":[{"url":"http://a/","contentmatch":"x"},{"url":"http://a/","ntlm_domain":"d"}]}"#
        )
        let read = try await run(["configcheck", file])
        #expect(read.end == .exited(0), "\(read.output)")
        let place = "warning: file:\(file): http_check: instances"
        let lines = [
            "\(place)[0]: unknown option contentmatch, do you mean content_match?",
            "\(place)[1]: the reference node-agent does not run it: ntlm_domain is not supported by this agent",
        ]
        for line in lines { #expect(read.output.contains(line), "\(read.output)") }
    }

    @Test func `configcheck checks the annotations of a Service on standard input`() async throws {
        let service = { (checks: String) in
            #"{"kind": "Service", "metadata": {"name": "web", "namespace": "shop", "annotations": {"ad.datadoghq.com/service.checks": "\#(checks)"}},"#
                + #" "spec": {"clusterIP": "127.96.0.9", "ports": [{"port": 80}]}}"#
        }
        let good = try await run(
            ["configcheck", "-", "--json"],
            input: service(#"{\"http_check\": {\"instances\": [{\"url\": \"http://%%host%%:%%port%%\"}]}}"#))
        #expect(good.end == .exited(0), "\(good.output)")
        let configs = try JSONValue(parsing: Array(good.output.utf8))["configs"]?.arrayValue ?? []
        #expect(configs.first?["check_name"]?.stringValue == "http_check")
        let bad = try await run(["configcheck", "-"], input: service(#"{\"http_check\": 3}"#))
        #expect(bad.end == .exited(1))
        #expect(bad.output.contains("kube_service://shop/web"), "\(bad.output)")
        let nonsense = try await run(["configcheck", "-"], input: "nonsense")
        #expect(nonsense.end == .exited(1))
        #expect(nonsense.output.contains("standard input: "), "\(nonsense.output)")
    }
}
