import CheckModel
import Glibc
import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

/// A leader and a follower: what an agent gets does not depend on which of them it asks.
@Suite(.serialized, .timeLimit(.minutes(3))) struct FollowerTests {
    @Test func `answers of many megabytes are passed on`() async throws {
        let directory = try TemporaryDirectory()
        let kubernetes = try ChildProcess.twoKubernetes(in: directory)
        _ = try await kubernetes.firstLine()
        let files = "\(directory.path)/conf.d"
        #expect(unsafe mkdir(files, 0o755) == 0)
        for number in 0..<25 { try Self.writeFile(number, to: files, in: directory) }
        var replicas: [(agent: RunningClusterAgent, client: HTTPClient)] = []
        for number in 0..<2 {
            let port = try TestEnvironment.freePort()
            let agent = try RunningClusterAgent(
                "replica-\(number)", in: directory, port: port,
                [
                    "--kubeconfig=\(directory.path)/kubernetes-0.json", "--leader_election=true",
                    "--kube_resources_namespace=cluster-agent", "--leader_lease_duration=3s",
                    "--leader_renew_deadline=2s", "--leader_retry_period=400ms", "--confd_path=\(files)",
                    "--cluster_agent.advertise_address=127.0.0.1:\(port)", "--cluster_checks.warmup_duration=0",
                    "--shutdown_delay=0",
                ], environment: ["POD_NAME": "replica-\(number)"])
            replicas.append((agent, try await agent.client()))
        }
        try await Self.expectSameConfigs(of: replicas, moreThan: 24_000_000)
        for replica in replicas { await replica.client.shutdown() }
    }

    private static func writeFile(_ number: Int, to folder: String, in directory: TemporaryDirectory) throws {
        let filler = String(repeating: "x", count: 1_000_000)
        try directory.write(
            "conf.d/check_\(number).json",
            #"{"cluster_check":true,"init_config":{},"instances":[{"number":\#(number),"filler":"\#(filler)"}]}"#)
    }

    /// Waits until both replicas give an agent the same configs, of more than so many bytes.
    private static func expectSameConfigs(
        of replicas: [(agent: RunningClusterAgent, client: HTTPClient)], moreThan bytes: Int
    ) async throws {
        var answers: [ClientResponse] = []
        let seen = { answers.map { "\($0.status) with \($0.body.count) bytes" } }
        try await eventually(within: .seconds(60), "the same configs from both: \(seen())") {
            answers = []
            for (agent, client) in replicas {
                let status = try await agent.call(
                    client, "POST", "/api/v1/clusterchecks/status/node", body: #"{"last_change":0}"#)
                guard status.status == 200 else { return false }
                answers.append(try await agent.call(client, "GET", "/api/v1/clusterchecks/configs/node"))
            }
            return answers.allSatisfy { $0.status == 200 && $0.body.count > bytes }
                && answers[0].body == answers[1].body
        }
    }
}
