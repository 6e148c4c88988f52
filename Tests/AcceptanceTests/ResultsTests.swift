import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// What the leader shows of the checks of a real node-agent.
@Suite(.timeLimit(.minutes(2))) struct ResultsTests {
    /// A flip must be at the leader within 2 s of the run that shows it; the runs here are a second apart. A machine
    /// under load gets several times that.
    private static let bound = 3.0 * 5

    @Test func `a check that fails is shown with the kind and the reason, and its recovery too`() async throws {
        let directory = try TemporaryDirectory()
        let target = try listenOnLoopback(backlog: 128)
        try directory.write(
            "confd/tcp_check.d/target.yaml",
            """
            cluster_check: true
            instances:
            - {name: target, host: 127.0.0.1, port: \(target.port), min_collection_interval: 1}
            """)
        try directory.write(
            "confd/tcp_check.d/wrong.yaml",
            "cluster_check: true\ninstances:\n- {name: wrong, host: 127.0.0.1, port: 0, min_collection_interval: 1}\n")
        let agent = try RunningClusterAgent(
            "cluster", in: directory,
            [
                "--cluster_checks.warmup_duration=0", "--shutdown_delay=0", "--confd_path=\(directory.path)/confd",
            ])
        let client = try await agent.client()
        let node = try agent.startNodeAgent("node", ["--metrics_port=0", "--listen_host=127.0.0.1"])

        func results() async throws -> [JSONValue] {
            let token = String(decoding: try readFile(agent.operatorTokenPath, atMost: 4096), as: UTF8.self)
            let answer = try await client.send(
                ClientRequest(
                    url: "\(agent.url)/api/v1/clusterchecks", headers: [("Authorization", "Bearer \(token)")]),
                deadline: SystemClock().now() + .seconds(10))
            let state = try JSONValue(parsing: answer.body)
            return (state["nodes"]?.arrayValue ?? []).flatMap { node in
                (node["results"]?.objectValue ?? [:]).sorted { $0.key < $1.key }.map(\.value)
            }
        }
        func wait(_ what: String, until isSo: @escaping @Sendable ([JSONValue]) -> Bool) async throws -> Double {
            let start = SystemClock().now()
            try await eventually(within: .seconds(60), "\(what): \(agent.process.output) \(node.output)") {
                isSo(try await results())
            }
            return (SystemClock().now() - start).seconds
        }
        _ = try await wait("one up, one wrong") { results in
            results.count == 2 && results.contains { $0["up"] == .bool(true) }
                && results.contains { $0["kind"] == .string("config") }
        }
        close(target.descriptor)
        let down = try await wait("the failure") { $0.contains { $0["kind"] == .string("refused") } }
        let shown = try await directory.runClusterAgent([
            "clusterchecks", "--long", "--cluster_agent.listen_host=127.0.0.1",
            "--cluster_agent.cmd_port=\(agent.port)",
            "--cluster_agent.operator_token_file=\(agent.operatorTokenPath)",
        ])
        #expect(shown.output.contains("down (refused) for "), "\(shown.output)")
        #expect(shown.output.contains("down (config) for "), "\(shown.output)")
        #expect(shown.output.contains("Last success: "), "\(shown.output)")
        func table(_ words: String...) async throws -> (end: ChildProcess.End, output: String) {
            try await directory.runClusterAgent(
                ["clusterchecks"] + words + [
                    "--cluster_agent.listen_host", "127.0.0.1", "--cluster_agent.cmd_port", "\(agent.port)",
                    "--cluster_agent.operator_token_file=\(agent.operatorTokenPath)",
                ])
        }
        let all = try await table()
        let lines = all.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(all.end == .exited(0) && lines.count == 3, "\(all.output)")
        #expect(lines.first == ["CHECK", "SOURCE", "NODE", "STATE", "SINCE", "LAST", "ERROR"], "\(all.output)")
        #expect(lines.dropFirst().allSatisfy { $0.contains("Down") && $0.contains("node") }, "\(all.output)")
        #expect(try await table("--failing").end == .exited(1))
        #expect(try await table("--check", "tcp_check", "-o", "wide").output.contains("LAST SUCCESS"))
        #expect(try await table("--check", "tcp_check").end == .exited(1))
        for words in [["--check", "nothing"], ["--namespace", "nowhere"], ["--node", "other"]] {
            let none = try await table(words[0], words[1])
            #expect(none.end == .exited(1) && none.output == "There is no such check.\n", "\(none.output)")
        }
        #expect(try await table("--output", "yaml").output.contains("\n  - \"address\": \"127.0.0.1\"\n"))
        let again = try listenOnLoopback(backlog: 128, port: target.port).descriptor
        let up = try await wait("the recovery") { $0.contains { $0["up"] == .bool(true) } }
        close(again)
        print("a flip is at the leader after \(down) s down, \(up) s up, with runs 1 s apart")
        #expect(max(down, up) < Self.bound)
        await client.shutdown()
    }
}
