import Glibc
import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

/// Starts in surroundings that lack something: the program says so and ends, or works as ever.
@Suite(.timeLimit(.minutes(5))) struct StartTests {
    /// kubernetes/enhancements#6217: a limit on processes and threads.
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 64])
    func `with too few threads it ends with an error, and never stays without answering`(limit: Int) async throws {
        let directory = try TemporaryDirectory()
        // A user of its own, since the limit counts all processes of a user.
        let user = 61_000 + limit
        let program = "\(directory.path)/cluster-agent"
        try await Self.run(["/bin/cp", try TestEnvironment.program("cluster-agent"), program], in: directory)
        try await Self.run(["/bin/chown", "\(user)", directory.path], in: directory)
        let port = try TestEnvironment.freePort()
        try directory.write("token", RunningClusterAgent.token)
        try await Self.run(["/bin/chown", "\(user)", "\(directory.path)/token"], in: directory)
        let agent = try ChildProcess(
            "/usr/bin/setpriv",
            [
                "--reuid=\(user)", "--clear-groups", "/usr/bin/prlimit", "--nproc=\(limit)", program, "run",
                "--cluster_agent.listen_host=127.0.0.1", "--cluster_agent.cmd_port=\(port)",
                "--cluster_agent.auth_token_file=\(directory.path)/token",
                "--cluster_agent.operator_token_file=\(directory.path)/operator",
                "--cluster_agent.tls_certificate_out=\(directory.path)/certificate.pem", "--health_port=0",
                "--metrics_port=0", "--confd_path=\(directory.path)", "--shutdown_delay=0",
            ], outputPath: "\(directory.path)/log")
        try await eventually(within: .seconds(60), "an end or a start: \(agent.output)") {
            agent.poll() != nil || agent.output.contains("started")
        }
        if let end = agent.poll() {
            #expect(end == .exited(1) && agent.output.contains("cannot start"), "\(agent.output)")
            #expect(limit < 64)
        } else {
            agent.signal(SIGTERM)
            let end = try await agent.wait(within: .seconds(60))
            // The last thread that it starts is the one that watches over its stop.
            let isRefused = end == .exited(1) && agent.output.contains("cannot start")
            #expect(end == .exited(0) || isRefused, "\(end): \(agent.output)")
            #expect(limit < 64 || end == .exited(0))
        }
    }

    /// libfuse/libfuse#1167: the next descriptor that is opened must not get the number of a closed one.
    @Test(arguments: ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
    func `closed standard descriptors are replaced before anything is opened`(redirections: String) async throws {
        let directory = try TemporaryDirectory()
        let agent = try RunningClusterAgent(
            "one", in: directory, ["--confd_path=\(directory.path)", "--shutdown_delay=0", "--log_level=debug"],
            shell: "exec \"$0\" \"$@\" \(redirections)")
        let client = try await agent.client()
        #expect(try await agent.call(client, "POST", "/api/v1/clusterchecks/status/n", body: "{}").status == 200)
        await client.shutdown()
        for (number, redirection) in [(0, "0<"), (1, "1>"), (2, "2>")] where redirections.contains(redirection) {
            #expect(try Self.target(of: number, agent.process.id) == "/dev/null")
        }
        agent.process.signal(SIGTERM)
        #expect(try await agent.process.wait(within: .seconds(60)) == .exited(0), "\(agent.process.output)")
    }

    /// IPv6-only clusters: both families by default, probes and metrics too.
    @Test func `every port is served on IPv6 and IPv4`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("token", RunningClusterAgent.token)
        let ports = [try TestEnvironment.freePort(), try TestEnvironment.freePort(), try TestEnvironment.freePort()]
        let agent = try ChildProcess(
            try TestEnvironment.program("cluster-agent"),
            [
                "run", "--cluster_agent.auth_token_file=\(directory.path)/token",
                "--cluster_agent.tls_certificate_out=\(directory.path)/certificate.pem",
                "--cluster_agent.operator_token_file=\(directory.path)/operator", "--confd_path=\(directory.path)",
                "--cluster_agent.cmd_port=\(ports[0])", "--health_port=\(ports[1])", "--metrics_port=\(ports[2])",
                "--shutdown_delay=0",
            ], outputPath: "\(directory.path)/log")
        let options = HTTPClientOptions(trust: TLSTrust(verifies: false), allowsPlainHTTP: true)
        let (clock, client) = (SystemClock(), try HTTPClient(options: options, clock: SystemClock()))
        for host in ["127.0.0.1", "[::1]"] {
            for (scheme, port, path) in [
                ("https", ports[0], "/version"), ("http", ports[1], "/livez"), ("http", ports[2], "/metrics"),
            ] {
                var request = ClientRequest(url: "\(scheme)://\(host):\(port)\(path)")
                request.headers = [("Authorization", "Bearer \(RunningClusterAgent.token)")]
                try await eventually(within: .seconds(60), "\(request.url): \(agent.output)") {
                    let answer = try? await client.send(request, deadline: clock.now() + .seconds(5))
                    return answer?.status == 200
                }
            }
        }
        let command = try ChildProcess(
            try TestEnvironment.program("cluster-agent"),
            [
                "status", "--cluster_agent.tls_certificate_out=\(directory.path)/certificate.pem",
                "--cluster_agent.operator_token_file=\(directory.path)/operator",
                "--cluster_agent.cmd_port=\(ports[0])",
            ], outputPath: "\(directory.path)/status")
        #expect(try await command.wait(within: .seconds(60)) == .exited(0), "\(command.output)")
        await client.shutdown()
        agent.signal(SIGTERM)
        #expect(try await agent.wait(within: .seconds(60)) == .exited(0))
    }

    @Test(arguments: [
        (["KUBERNETES_SERVICE_HOST": ""], "", true), (["KUBERNETES_SERVICE_HOST": "127.0.0.1"], "", true),
        (["KUBERNETES_SERVICE_HOST": "127.0.0.1"], "--leader_election=true", false),
    ])
    func `without a ServiceAccount it runs on files alone, unless Kubernetes is needed`(
        environment: [String: String], option: String, runs: Bool
    ) async throws {
        let directory = try TemporaryDirectory()
        let agent = try RunningClusterAgent(
            "one", in: directory,
            ["--confd_path=\(directory.path)", "--shutdown_delay=0", "--cluster_checks.warmup_duration=0"]
                + (option.isEmpty ? [] : [option]),
            environment: environment.merging(["KUBERNETES_SERVICE_PORT": "443"]) { $1 }, hasProbes: true)
        if runs {
            try await eventually(within: .seconds(60), "readiness: \(agent.process.output)") {
                try await agent.probe("/readyz").status == 200
            }
            #expect(agent.process.output.contains("running on config files alone"))
            agent.process.signal(SIGTERM)
        }
        #expect(try await agent.process.wait(within: .seconds(60)) == .exited(runs ? 0 : 2), "\(agent.process.output)")
        #expect(runs || agent.process.output.contains("run as a pod with a ServiceAccount"))
    }

    @Test func `a pod without a ServiceAccount and without config files is told how to do without`() async throws {
        let directory = try TemporaryDirectory()
        let agent = try RunningClusterAgent(
            "one", in: directory, ["--confd_path="],
            environment: ["KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "443"])
        #expect(try await agent.process.wait(within: .seconds(60)) == .exited(1))
        #expect(
            agent.process.output.contains(
                "to run without Kubernetes, name a directory of config files: --confd_path=PATH"))
    }

    @Test(arguments: ["[::1]", "::ffff:127.0.0.1", "::FFFF:7f00:1", "[::]"])
    func `an address to listen on may be written as in a URL, and IPv4 as IPv6`(host: String) async throws {
        let directory = try TemporaryDirectory()
        let agent = try RunningClusterAgent(
            "one", in: directory,
            ["--confd_path=\(directory.path)", "--shutdown_delay=0", "--cluster_agent.listen_host=\(host)"])
        try await eventually(within: .seconds(60), "a start: \(agent.process.output)") {
            agent.process.output.contains("started")
        }
        agent.process.signal(SIGTERM)
        #expect(try await agent.process.wait(within: .seconds(60)) == .exited(0), "\(agent.process.output)")
    }

    /// A machine may start with a wrong clock.
    @Test func `the generated certificate is valid at any time, and a hangup is an orderly end`() async throws {
        let directory = try TemporaryDirectory()
        let agent = try RunningClusterAgent(
            "one", in: directory, ["--confd_path=\(directory.path)", "--shutdown_delay=0"])
        await (try await agent.client()).shutdown()
        let openssl = try ChildProcess(
            "/usr/bin/openssl", ["x509", "-noout", "-dates", "-in", "\(directory.path)/one.pem"],
            outputPath: "\(directory.path)/dates")
        #expect(try await openssl.wait(within: .seconds(60)) == .exited(0))
        #expect(
            openssl.output == "notBefore=Jan  1 00:00:00 1970 GMT\nnotAfter=Dec 31 23:59:59 9999 GMT\n")
        agent.process.signal(SIGHUP)
        #expect(try await agent.process.wait(within: .seconds(60)) == .exited(0), "\(agent.process.output)")
    }

    @Test func `a hangup that is ignored stays so`() async throws {
        let directory = try TemporaryDirectory()
        let agent = try RunningClusterAgent(
            "one", in: directory, ["--confd_path=\(directory.path)", "--shutdown_delay=0"],
            shell: "trap '' HUP; exec \"$0\" \"$@\"")
        let client = try await agent.client()
        agent.process.signal(SIGHUP)
        #expect(try await agent.call(client, "GET", "/version").status == 200)
        await client.shutdown()
        agent.process.signal(SIGTERM)
        #expect(try await agent.process.wait(within: .seconds(60)) == .exited(0), "\(agent.process.output)")
    }

    @Test func `the operator's token may not be the agents'`() async throws {
        let directory = try TemporaryDirectory()
        let token = try directory.write("token", RunningClusterAgent.token)
        let agent = try ChildProcess(
            try TestEnvironment.program("cluster-agent"),
            [
                "run", "--cluster_agent.cmd_port=0", "--cluster_agent.auth_token_file=\(token)", "--health_port=0",
                "--cluster_agent.operator_token_file=\(token)", "--metrics_port=0",
            ], outputPath: "\(directory.path)/log")
        #expect(try await agent.wait(within: .seconds(60)) == .exited(2))
        #expect(agent.output.contains("operator_token_file: it holds the agents' token"), "\(agent.output)")
    }

    private static func run(_ words: [String], in directory: TemporaryDirectory) async throws {
        let process = try ChildProcess(words[0], Array(words.dropFirst()), outputPath: "\(directory.path)/setup.log")
        let end = try await process.wait(within: .seconds(60))
        guard end == .exited(0) else { throw TestFailure("\(words): \(end): \(process.output)") }
    }

    /// What a descriptor of a process refers to.
    private static func target(of number: Int, _ process: pid_t) throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/\(process)/fd/\(number)", &buffer, buffer.count)
        guard count > 0 else { throw SystemCallError("readlink") }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
