import Glibc
import HTTPClient
import TestKit
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct CommandLineTests {
    private func run(_ program: String, _ arguments: [String], _ environment: [String: String] = [:]) async throws
        -> (end: ChildProcess.End, output: String)
    {
        let directory = try TemporaryDirectory()
        let process = try ChildProcess(
            try TestEnvironment.program(program), arguments, environment: environment,
            outputPath: "\(directory.path)/output")
        return (try await process.wait(within: .seconds(30)), process.output)
    }

    @Test(arguments: [
        (["run", "--nonsense=1"], "--nonsense: unknown option"),
        (["run", "--cluster_agent.cmd_port=70000"], "--cluster_agent.cmd_port=70000: not allowed"),
        (["run", "--cluster_checks.warmup_duration=soon"], "--cluster_checks.warmup_duration=soon: not allowed"),
        (["run", "--leader_election=perhaps"], "--leader_election=perhaps: not allowed"),
        (["run", "confd_path=x"], "confd_path=…: options are written --key=value"),
        (["run", "--leader_election", "S3cr3t"], "an argument alone: options are written --key=value"),
        (["run", "--config=/nonexistent/file.json"], "/nonexistent/file.json: No such file"),
        (["run"], "--cluster_agent.auth_token_file=FILE is needed"),
        (["run", "--cluster_agent.auth_token=short"], "--cluster_agent.auth_token: not allowed"),
        (["fly"], "fly: unknown command"),
        (["stauts"], "stauts: unknown command, do you mean `status`?"),
        (["clusterchecks", "explan"], "clusterchecks explan: unknown command, do you mean `clusterchecks explain`?"),
        (["run", "--metrics_port", "many"], "--metrics_port=many: not allowed"),
        (["run", "--metrics_port", "--json"], "--metrics_port: needs a value"),
        (["clusterchecks", "--node="], "--node=: not allowed; it takes: a text that is not empty"),
        (["clusterchecks", "simulate", "--remove-node="], "--remove-node=: not allowed"),
        ([], "a command is missing"),
    ])
    func `a wrong command line exits with status 2 and names the mistake`(arguments: [String], line: String)
        async throws
    {
        let (end, output) = try await run("cluster-agent", arguments)
        #expect(end == .exited(2))
        #expect(output.contains(line), "\(output)")
    }

    /// In a real bash.
    @Test(arguments: [
        (["clusterchecks", "exp"], ["explain"]), (["clusterchecks", "--fai"], ["--failing"]), (["sta"], ["status"]),
        (["clusterchecks", "--node", "node-1", "-o", "json", "--fai"], ["--failing"]),
        (["status", "nothing"], []),
    ])
    func `bash completes commands and options`(words: [String], completions: [String]) async throws {
        let directory = try TemporaryDirectory()
        let program = try TestEnvironment.program("cluster-agent")
        let script = """
            source <("\(program)" completion); COMP_WORDS=(cluster-agent \(words.map { "'\($0)'" }.joined(separator: " ")))
            COMP_CWORD=\(words.count); _cluster_agent; printf '%s\\n' "${COMPREPLY[@]}"
            """
        let bash = try ChildProcess("/bin/bash", ["-c", script], outputPath: "\(directory.path)/output")
        #expect(try await bash.wait(within: .seconds(30)) == .exited(0), "\(bash.output)")
        #expect(bash.output.split(separator: "\n").map(String.init) == completions)
    }

    @Test(arguments: ["-oxml", "-o=xml", "--output=xml", "--output xml"])
    func `an option may be written as kubectl takes it`(option: String) async throws {
        let words = option.split(separator: " ").map(String.init)
        let (end, output) = try await run("cluster-agent", ["clusterchecks"] + words)
        #expect(end == .exited(2))
        #expect(output.contains("--output=xml: not allowed; it takes: one of table"), "\(output)")
    }

    @Test func `an error in an environment variable names the variable`() async throws {
        let (end, output) = try await run("cluster-agent", ["run"], ["DD_METRICS_PORT": "many"])
        #expect(end == .exited(2))
        #expect(output.contains("DD_METRICS_PORT=many: not allowed"), "\(output)")
    }

    /// Both programs read it alike.
    @Test(arguments: ["cluster-agent", "node-agent"])
    func `an option in a YAML file counts, and a wrong one is named with its file`(program: String) async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("agent.yaml", "log_level: loud\nmetrics_port: 0\nmetrics:\n  prt: 1\n")
        let (end, output) = try await run(program, ["run", "--config=\(file)"])
        #expect(end == .exited(2))
        #expect(output.contains("\(file): log_level: not allowed; it takes: one of debug"), "\(output)")
        #expect(output.contains("\(file): metrics.prt: unknown option"), "\(output)")
        #expect(!output.contains("metrics_port") && !output.contains("loud"), "\(output)")
        let broken = try directory.write("broken.yaml", "log_level: debug\n log_format_json: true\n")
        let refused = try await run(program, ["run", "--config=\(broken)"])
        #expect(refused.end == .exited(2) && refused.output.contains("\(broken):2:"), "\(refused.output)")
    }

    /// YAML would make another token of most of these.
    @Test(arguments: ["cluster-agent", "node-agent"])
    func `a token that is a number is refused without its text`(program: String) async throws {
        let directory = try TemporaryDirectory()
        let digits = "12345678901234567890123456789012"
        for token in ["0\(digits)", digits, "0x\(digits)", "\(digits)e1", "1_\(digits)", "on"] {
            let file = try directory.write("agent.yaml", "cluster_agent: {auth_token: \(token)}\n")
            let (end, output) = try await run(program, ["run", "--config=\(file)"])
            #expect(end == .exited(2) && output.contains("\(file): cluster_agent.auth_token: it is a "), "\(output)")
            #expect(output.contains(", not a text: put it in quotes; ") && !output.contains("345678"), "\(output)")
        }
    }

    /// It would be a file without options.
    @Test(arguments: ["cluster-agent", "node-agent"])
    func `an option file that is not a regular file is refused`(program: String) async throws {
        let directory = try TemporaryDirectory()
        let pipe = "\(directory.path)/pipe"
        let made = unsafe mkfifo(pipe, 0o600)
        try #require(made == 0)
        for file in [pipe, "/dev/null", directory.path] {
            let (end, output) = try await run(program, ["run", "--config=\(file)"])
            #expect(end == .exited(2) && output.contains("\(file): not a regular file"), "\(output)")
        }
    }

    @Test func `leader election without Kubernetes is refused`() async throws {
        let directory = try TemporaryDirectory()
        let token = try directory.write("token", RunningClusterAgent.token)
        let (end, output) = try await run(
            "cluster-agent",
            ["run", "--leader_election=true", "--cluster_agent.auth_token_file=\(token)", "--cluster_agent.cmd_port=0"])
        #expect(end == .exited(2))
        #expect(output.contains("leader_election"), "\(output)")
    }

    @Test(
        arguments: [["version"], ["help"], ["run", "--help"]],
        [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")])
    func `output that cannot be written is an error`(
        arguments: [String], output: (redirection: String, reason: String)
    ) async throws {
        let directory = try TemporaryDirectory()
        let process = try ChildProcess(
            "/bin/sh",
            ["-c", "exec \"$0\" \"$@\" \(output.redirection)", try TestEnvironment.program("cluster-agent")]
                + arguments,
            outputPath: "\(directory.path)/output")
        #expect(try await process.wait(within: .seconds(30)) == .exited(1))
        #expect(process.output == "cluster-agent: standard output: \(output.reason)\n")
    }

    @Test(arguments: ["cluster-agent", "node-agent"])
    func `the version and the help are printed`(program: String) async throws {
        let version = try await run(program, ["version"])
        #expect(version.end == .exited(0))
        #expect(version.output.hasPrefix(program))
        let help = try await run(program, ["run", "--help"])
        #expect(help.end == .exited(0))
        #expect(help.output.contains("--log_level"))
    }

    @Test func `a port in use is an error that names the port`() async throws {
        let directory = try TemporaryDirectory()
        let first = try RunningClusterAgent("one", in: directory, ["--shutdown_delay=0"])
        let client = try await first.client()
        let second = try RunningClusterAgent("two", in: directory, port: first.port, ["--shutdown_delay=0"])
        #expect(try await second.process.wait(within: .seconds(30)) == .exited(1))
        #expect(second.process.output.contains("\(first.port)"), "\(second.process.output)")
        await client.shutdown()
    }
}
