import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// What people see, in a real browser and by the commands, of two real replicas and two real node-agents on a real API
/// server: a check that fails, a node and a leader that die, and an API server that is away.
@Suite(.timeLimit(.minutes(5))) struct PageTests {
    /// A flip must be at the leader within 2 s of the run that shows it, and the runs are a second apart. A machine
    /// under load gets several times that.
    private static let bound = Duration.seconds(30)

    private let clock = SystemClock()

    @Test func `a flip, a lost node and a lost leader are seen on the page and by the commands`() async throws {
        let people = try await People()
        let leader = try await people.leader()
        let target = try listenOnLoopback(backlog: 128)
        try await people.plane.kubectl(
            "apply", "-f",
            try people.plane.directory.write(
                "check.yaml",
                #"{"apiVersion": "cluster-agent.dev/v1alpha1", "kind": "ClusterCheck", "#
                    + #""metadata": {"name": "db", "namespace": "default"}, "spec": {"check": "tcp_check", "instances": "#
                    + #"[{"name": "db", "host": "127.0.0.1", "port": \#(target.port), "#
                    + #""min_collection_interval": 1}]}}"#))
        let nodes = try ["a", "b"].map {
            ($0, try people.replicas[1 - leader].startNodeAgent($0, ["--metrics_port=0", "--listen_host=127.0.0.1"]))
        }
        let page = try await people.look(at: 1 - leader)
        try await page.shows("a check that passes", within: Self.bound) {
            $0["verdict"]?.stringValue?.contains("pass") == true
        }
        #expect(try await people.command(1 - leader, "clusterchecks", "--failing").end == .exited(0))

        close(target.descriptor)
        try await people.timeFlip(leader, page, Self.bound)
        let failing = try #require(page.last["failing"]?.arrayValue?.first)
        #expect(failing["source"]?.stringValue?.contains("default/db") == true, "\(failing)")

        // The page says who had it, and where it went.
        let holder = try #require(nodes.first { $0.0 == failing["node"]?.stringValue })
        holder.1.signal(SIGKILL)
        let other = holder.0 == "a" ? "b" : "a"
        try await page.shows("the move to \(other)", within: Self.bound * 2) {
            $0.texts("history").contains { $0.contains("moved") && $0.contains(other) }
        }

        // Of the leader that dies the page of the other one knows at once what was known last.
        people.replicas[leader].process.signal(SIGKILL)
        let heir = people.name(1 - leader)
        try await page.shows("the next leader", within: Self.bound * 2) {
            $0["leader"]?.stringValue?.hasPrefix(heir) == true && $0["connection"] == .string("well")
        }
        try await page.shows("the failure, as the node-agent tells the next leader", within: Self.bound * 2) {
            $0["failing"]?.arrayValue?.count == 1
        }
        #expect(page.lines.allSatisfy { $0["script_error"] == nil }, "\(page.lines)")

        // Without an API server nobody leads after a while, and everything is still to be seen, with its age.
        _ = try await people.plane.stopAPIServer()
        try await page.shows("what was known last", within: Self.bound * 2) {
            $0["connection"]?.stringValue != "well" && $0["failing"]?.arrayValue?.count == 1
        }
        try await eventually(within: Self.bound, "the reason") {
            let status = try await people.command(1 - leader, "status")
            return status.end == .exited(1) && status.output.contains("no word from the API server")
        }
        let table = try await people.command(1 - leader, "clusterchecks")
        #expect(table.end == .exited(1) && table.output.contains("nobody leads"), "\(table.output)")
        #expect(table.output.contains("Down") && table.output.contains("refused"), "\(table.output)")
        let json = try await people.command(1 - leader, "clusterchecks", "-ojson")
        let known = try JSONValue(parsing: Array(json.output.utf8))["last_known"]
        #expect(json.end == .exited(1) && known?["counts"] != nil, "\(json.output)")
        let long = try await people.command(1 - leader, "clusterchecks", "--long")
        #expect(long.end == .exited(1) && long.output.contains("nobody leads"), "\(long.output)")
        try await people.plane.startAPIServer()
        try await page.shows("a leader again", within: Self.bound * 2) { $0["connection"] == .string("well") }
        page.end()
        for (_, node) in nodes { node.signal(SIGTERM) }
        try await people.plane.stop()
    }
}

/// Two replicas, and who looks at them.
private final class People: Sendable {
    let plane: ControlPlane
    let replicas: [RunningClusterAgent]
    private let clock = SystemClock()
    private let metricsPorts: [Int]

    /// What one command printed.
    typealias Answer = (end: ChildProcess.End, output: String)

    init() async throws {
        let plane = try await ControlPlane.start()
        try await plane.kubectl("apply", "-f", "\(TestEnvironment.root)/manifests/base/cluster-agent/crd.yaml")
        for name in ["one", "two"] {
            try plane.directory.write("\(name).operator", "an-operators-token-of-32-characters", mode: 0o600)
        }
        let ports = try (0..<2).map { _ in try TestEnvironment.freePort() }
        let metricsPorts = try (0..<2).map { _ in try TestEnvironment.freePort() }
        let secret = try plane.directory.write("replicas", "fedcba9876543210fedcba9876543210", mode: 0o600)
        replicas = try zip(["one", "two"], zip(ports, metricsPorts)).map { name, ports in
            try RunningClusterAgent(
                name, in: plane.directory, port: ports.0,
                [
                    "--kubeconfig=\(plane.agentKubeconfig)", "--leader_election=true",
                    "--kube_resources_namespace=cluster-agent", "--leader_lease_duration=6s",
                    "--leader_renew_deadline=4s", "--leader_retry_period=800ms",
                    "--cluster_agent.advertise_address=127.0.0.1:\(ports.0)", "--cluster_checks.warmup_duration=2",
                    "--cluster_checks.node_expiration_timeout=15", "--metrics_port=\(ports.1)",
                    "--cluster_agent.replica_token_file=\(secret)",
                ], environment: ["POD_NAME": name])
        }
        (self.plane, self.metricsPorts) = (plane, metricsPorts)
        for replica in replicas { await (try await replica.client()).shutdown() }
    }

    func name(_ number: Int) -> String { ["one", "two"][number] }

    /// The number of the replica that leads, once the other one may take over.
    func leader() async throws -> Int {
        try await eventually(within: .seconds(60), "a leader that may be followed") {
            let output = try await self.command(0, "status").output
            guard output.contains("may take over") else { return nil }
            return output.contains("Leader: one") ? 0 : 1
        }
    }

    func command(_ replica: Int, _ words: String...) async throws -> Answer {
        try await plane.directory.runClusterAgent(
            words + [
                "--cluster_agent.listen_host=127.0.0.1", "--cluster_agent.cmd_port=\(replicas[replica].port)",
                "--cluster_agent.operator_token_file=\(replicas[replica].operatorTokenPath)",
                "--cluster_agent.tls_certificate_out=\(plane.directory.path)/\(name(replica)).pem",
            ])
    }

    /// Opens the page of a replica in a browser.
    func look(at replica: Int) async throws -> ObservedPage {
        try await ObservedPage(replicas[replica].url, in: plane.directory)
    }

    /// Prints how long it takes until a flip is told in each way.
    func timeFlip(_ leader: Int, _ page: ObservedPage, _ bound: Duration) async throws {
        let start = clock.now()
        func time(_ what: String, isSo: @escaping @Sendable () async throws -> Bool) async throws {
            try await eventually(within: bound, what) { try await isSo() }
            print("a flip is told by \(what) after \(rounded((clock.now() - start).seconds)) s")
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await time("the page") { page.last["failing"]?.arrayValue?.isEmpty == false }
            }
            group.addTask {
                try await time("clusterchecks --failing") {
                    try await self.command(1 - leader, "clusterchecks", "--failing").end == .exited(1)
                }
            }
            group.addTask {
                try await time("the metric") {
                    try await self.metric(leader, "cluster_checks_failing{kind=\"refused\"} 1")
                }
            }
            group.addTask {
                try await time("the condition of the ClusterCheck") {
                    try await self.plane.kubectl(
                        "get", "clustercheck", "db", "-o",
                        #"jsonpath={.status.conditions[?(@.type=="Passing")].status}"#
                    ) == "False"
                }
            }
            try await group.waitForAll()
        }
    }

    private func metric(_ replica: Int, _ line: String) async throws -> Bool {
        let client = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: clock)
        let page = try? await client.send(
            ClientRequest(url: "http://127.0.0.1:\(metricsPorts[replica])/metrics"), deadline: clock.now() + .seconds(5)
        )
        await client.shutdown()
        return String(decoding: page?.body ?? [], as: UTF8.self).split(separator: "\n").contains { $0 == line }
    }
}

/// A real browser that shows the page, and tells what it shows.
private final class ObservedPage: Sendable {
    private let process: ChildProcess

    init(_ url: String, in directory: TemporaryDirectory) async throws {
        let setup = try ChildProcess(
            "\(TestEnvironment.root)/Tests/setup/browser", [], outputPath: "\(directory.path)/browser.log")
        try await setup.wait(within: .seconds(300))
        let python = setup.output.split(separator: "\n").last.map(String.init) ?? ""
        guard python.hasPrefix("/") else { throw TestFailure(setup.output) }
        process = try ChildProcess(
            python,
            [
                "-B", "\(TestEnvironment.root)/Tests/page/observe.py", "\(url)/",
                "an-operators-token-of-32-characters",
            ],
            environment: ["PATH": "/usr/bin:/bin", "HOME": directory.path], outputPath: "\(directory.path)/page.log")
    }

    /// All that it showed, in order.
    var lines: [JSONValue] {
        process.output.split(separator: "\n").compactMap { try? JSONValue(parsing: Array($0.utf8)) }
    }

    /// What it shows now.
    var last: JSONValue { lines.last ?? .null }

    func shows(_ what: String, within bound: Duration, isSo: @escaping @Sendable (JSONValue) -> Bool) async throws {
        try await eventually(within: bound, "\(what) on the page; \(process.output.suffix(2000))") {
            if let end = self.process.poll() { throw TestFailure("\(end): \(self.process.output.suffix(2000))") }
            return isSo(self.last)
        }
    }

    func end() { process.signal(SIGTERM) }
}

extension JSONValue {
    fileprivate func texts(_ key: String) -> [String] { (self[key]?.arrayValue ?? []).compactMap(\.stringValue) }
}
