import CheckModel
package import HTTPClient
package import JSON
import Platform
package import TestKit

/// A cluster-agent as a process of its own, with its own port, and a client that trusts exactly its certificate.
package final class RunningClusterAgent: Sendable {
    /// The token that all test agents share.
    package static let token = "0123456789abcdef0123456789abcdef"

    /// The process.
    package let process: ChildProcess
    /// The port of its API.
    package let port: Int
    /// The port of its probes; 0 when they are off.
    package let healthPort: Int
    private let directory: TemporaryDirectory
    private let tokenPath: String
    private let certificatePath: String
    /// The file of the operator's token, which the process makes.
    package let operatorTokenPath: String
    private let clock = SystemClock()

    /// Starts one.
    ///
    /// - Parameters:
    ///   - name: tells its files apart from those of others in `directory`.
    ///   - directory: where its files go.
    ///   - port: the port of its API; nil for a free one.
    ///   - arguments: further options.
    ///   - environment: variables beside `PATH`.
    ///   - hasProbes: whether it answers probes.
    ///   - serviceAccount: a folder that it finds where a pod finds its service account, in a mount namespace of its
    ///     own (root).
    ///   - descriptors: how many descriptors it may have: the soft and the hard limit, such as `1024:12000`; nil for
    ///     the test's own.
    ///   - shell: the script of a shell that becomes the program, such as `exec "$0" "$@" 2>&-`; nil for no shell.
    ///   - hasReader: whether anybody reads its log; if not, its standard error is a pipe that is already full.
    package init(
        _ name: String, in directory: TemporaryDirectory, port: Int? = nil, _ arguments: [String],
        environment: [String: String] = [:], hasProbes: Bool = false, serviceAccount: String? = nil,
        descriptors: String? = nil, shell: String? = nil, hasReader: Bool = true
    ) throws {
        let port = try port ?? TestEnvironment.freePort()
        self.directory = directory
        tokenPath = try directory.write("\(name).token", Self.token)
        operatorTokenPath = "\(directory.path)/\(name).operator"
        certificatePath = "\(directory.path)/\(name).pem"
        self.port = port
        healthPort = hasProbes ? try TestEnvironment.freePort() : 0
        var words = [try TestEnvironment.program("cluster-agent")]
        if let descriptors { words = ["/usr/bin/prlimit", "--nofile=\(descriptors)"] + words }
        if let serviceAccount { words = Self.asPod(serviceAccount) + words }
        if let shell { words = ["/bin/sh", "-c", shell] + words }
        if !hasReader { words = Self.withFullPipe("\(directory.path)/\(name).pipe") + words }
        process = try ChildProcess(
            words[0],
            words.dropFirst() + [
                "run", "--cluster_agent.listen_host=127.0.0.1", "--cluster_agent.cmd_port=\(port)",
                "--cluster_agent.auth_token_file=\(tokenPath)",
                "--cluster_agent.tls_certificate_out=\(certificatePath)",
                "--cluster_agent.operator_token_file=\(operatorTokenPath)",
                "--health_port=\(healthPort)", "--metrics_port=0",
            ] + arguments,
            environment: environment.merging(["PATH": "/usr/bin:/bin"]) { given, _ in given },
            outputPath: "\(directory.path)/\(name).log")
    }

    /// Starts a node-agent that reports to this cluster-agent and writes its log to `NAME.log` in the same directory.
    ///
    /// - Throws: if the program cannot be started.
    package func startNodeAgent(
        _ name: String, port: Int = 0, _ arguments: [String]
    ) throws -> ChildProcess {
        try ChildProcess(
            try TestEnvironment.program("node-agent"),
            [
                "run", "--cluster_agent.url=\(url)", "--cluster_agent.auth_token_file=\(tokenPath)",
                "--cluster_agent.ca_file=\(certificatePath)", "--hostname=\(name)", "--cmd_port=\(port)",
            ] + arguments, outputPath: "\(directory.path)/\(name).log")
    }

    /// What starts a program whose standard error is a pipe without any room. The program has the reading end too, so
    /// that the pipe does not break.
    private static func withFullPipe(_ path: String) -> [String] {
        let script = """
            mkfifo "$0" && exec 9<>"$0" && dd if=/dev/zero of=/dev/fd/9 bs=65536 count=1 status=none && exec "$@" 2>&9
            """
        return ["/bin/sh", "-c", script, path]
    }

    /// What starts a program with `directory` in the place of a service account. The program takes over the process, so
    /// that its id is the one that was started; `/run` is its own, so that nothing is made on this machine.
    private static func asPod(_ directory: String) -> [String] {
        let script = """
            set -e; place=/run/secrets/kubernetes.io/serviceaccount; mount -t tmpfs none /run; mkdir -p "$place"
            mount --bind "$1" "$place"; shift; exec "$@"
            """
        return ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, "sh", directory]
    }

    /// What the probe `path` (such as `/readyz`) says: its status and its text. Status 0 when it does not answer within
    /// 2 s.
    package func probe(_ path: String) async throws -> (status: Int, text: String) {
        let client = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: clock)
        let answer = try? await client.send(
            ClientRequest(url: "http://127.0.0.1:\(healthPort)\(path)"), deadline: clock.now() + .seconds(2))
        await client.shutdown()
        return (answer?.status ?? 0, String(decoding: answer?.body ?? [], as: UTF8.self))
    }

    /// Its address, such as `https://127.0.0.1:5005`.
    package var url: String {
        "https://127.0.0.1:\(port)"
    }

    /// Waits until it answers `/version`, and returns a client for it.
    ///
    /// - Throws: `TestFailure` with what the process said if it ends, or does not answer within a minute.
    package func client() async throws -> HTTPClient {
        let certificate = try await eventually(within: .seconds(60), "\(certificatePath); \(process.output)") {
            try? readFile(self.certificatePath, atMost: 1 << 20)
        }
        let client = try HTTPClient(
            options: HTTPClientOptions(trust: TLSTrust(caPEM: certificate), bearerToken: { Self.token }), clock: clock)
        _ = try await eventually(within: .seconds(60), "an answer from \(url)/version; \(process.output)") {
            if let end = self.process.poll() { throw TestFailure("\(end) before it answered; \(self.process.output)") }
            return try? await client.send(
                ClientRequest(url: "\(self.url)/version"), deadline: self.clock.now() + .seconds(2))
        }
        return client
    }

    /// The answer to one call, within 10 s.
    package func call(
        _ client: HTTPClient, _ method: String = "GET", _ path: String, body: String? = nil
    ) async throws -> ClientResponse {
        try await client.send(
            ClientRequest(
                method, url: url + path, body: body.map { Array($0.utf8) }, maximumResponseBytes: 128 << 20),
            deadline: clock.now() + .seconds(10))
    }

    /// The state that it shows: which node holds how many configs, and how many dangle.
    package func placements(_ client: HTTPClient) async throws -> (nodes: [String: [String]], dangling: Int) {
        let token = String(decoding: try readFile(operatorTokenPath, atMost: 4096), as: UTF8.self)
        let request = ClientRequest(
            url: "\(url)/api/v1/clusterchecks", headers: [("Authorization", "Bearer \(token)")])
        let answer = try await client.send(request, deadline: clock.now() + .seconds(10))
        guard answer.status == 200 else { throw TestFailure("state: \(answer.status)") }
        let state = try JSONValue(parsing: answer.body)
        var nodes: [String: [String]] = [:]
        for node in state["nodes"]?.arrayValue ?? [] {
            let identifiers = (node["configs"]?.arrayValue ?? []).flatMap { $0["instance_ids"]?.arrayValue ?? [] }
            nodes[node["name"]?.stringValue ?? ""] = identifiers.compactMap(\.stringValue).sorted()
        }
        return (nodes, state["dangling"]?.arrayValue?.count ?? 0)
    }
}

/// A node-agent that knows only the public protocol, written in another language: `clients/agent.py`.
package final class ProtocolAgent: Sendable {
    /// The process.
    package let process: ChildProcess
    /// Its id.
    package let id: String

    /// Starts one that polls `url` every `pollSeconds`.
    package init(_ id: String, in directory: TemporaryDirectory, url: String, pollSeconds: Double = 0.5) throws {
        self.id = id
        process = try ChildProcess(
            "/usr/bin/env",
            [
                "python3", "\(TestEnvironment.root)/Tests/AcceptanceTests/clients/agent.py", url,
                RunningClusterAgent.token, id, "\(pollSeconds)",
            ],
            environment: ["PATH": processEnvironment()["PATH"] ?? "/usr/bin:/bin"],
            outputPath: "\(directory.path)/agent-\(id).log")
    }

    /// Everything it said: one JSON object a line.
    package var lines: [JSONValue] {
        process.output.split(separator: "\n").compactMap { try? JSONValue(parsing: Array($0.utf8)) }
    }

    /// Each set of configs that it held, in order: per config its check name, service id and instances.
    package var sets: [[[JSONValue]]] {
        lines.compactMap { $0["configs"]?.arrayValue?.compactMap(\.arrayValue) }
    }

    /// The instances (as text) that it would run now.
    package var instances: [String] {
        (sets.last ?? []).flatMap { $0.count > 2 ? $0[2].arrayValue ?? [] : [] }.compactMap(\.stringValue).sorted()
    }

    /// The instances that all of `agents` would run now.
    package static func instances(of agents: [ProtocolAgent]) -> [String] {
        agents.flatMap { $0.instances }
    }
}
