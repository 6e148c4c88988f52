import CheckModel
import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// Two replicas that each believe the other one leads, each with an API server of its own: `clients/two_kubernetes.py`.
@Suite(.serialized, .timeLimit(.minutes(3))) struct MistakenLeaderTests {
    private static let calls = 100
    private let clock = SystemClock()

    /// One of the two, with its metrics' port.
    private struct Replica {
        let agent: RunningClusterAgent
        let client: HTTPClient
        let metricsPort: Int

        init(_ number: Int, in directory: TemporaryDirectory) async throws {
            let port = try TestEnvironment.freePort()
            metricsPort = try TestEnvironment.freePort()
            agent = try RunningClusterAgent(
                "replica-\(number)", in: directory, port: port,
                [
                    "--kubeconfig=\(directory.path)/kubernetes-\(number).json", "--leader_election=true",
                    "--kube_resources_namespace=cluster-agent", "--leader_lease_duration=6s",
                    "--leader_renew_deadline=4s", "--leader_retry_period=800ms",
                    "--cluster_agent.advertise_address=127.0.0.1:\(port)", "--cluster_checks.warmup_duration=0",
                    "--metrics_port=\(metricsPort)", "--shutdown_delay=0",
                ], environment: ["POD_NAME": "replica-\(number)"])
            client = try await agent.client()
        }

        func status() async throws -> ClientResponse {
            try await agent.call(client, "POST", "/api/v1/clusterchecks/status/node", body: #"{"last_change":0}"#)
        }

        func configs() async throws -> ClientResponse {
            try await agent.call(client, "GET", "/api/v1/clusterchecks/configs/node")
        }
    }

    @Test func `a call between two replicas that each believe the other leads is forwarded once`() async throws {
        let directory = try TemporaryDirectory()
        let kubernetes = try ChildProcess.twoKubernetes(in: directory)
        let control = try #require(try await kubernetes.firstLine()["control"]?.integerValue)
        let replicas = [try await Replica(0, in: directory), try await Replica(1, in: directory)]
        for replica in replicas {
            try await eventually(within: .seconds(60), "a leader; \(replica.agent.process.output)") {
                try await replica.status().status == 200
            }
        }
        _ = try await fetch("POST", "http://127.0.0.1:\(control)/swap")
        for replica in replicas {
            try await eventually(within: .seconds(60), "the other one to be believed; \(replica.agent.process.output)")
            {
                try await replica.status().status == 508
            }
        }

        // What they ask of each other of their own accord, while nobody calls.
        let quiet = try await requests(replicas)
        try await clock.sleep(until: clock.now() + .seconds(3))
        let before = try await requests(replicas)
        for replica in replicas {
            for _ in 0..<Self.calls {
                for answer in [try await replica.status(), try await replica.configs()] {
                    #expect(answer.status == 508, "\(answer.status)")
                    let text = String(decoding: answer.body, as: UTF8.self)
                    #expect(text.hasPrefix("Query was already forwarded from: 127.0.0.1:"), "\(text)")
                }
            }
        }
        let received = zip(try await requests(replicas), before).map { $0 - $1 }
        let own = zip(before, quiet).map { $0 - $1 }
        let sent = 2 * Self.calls
        print(
            "each replica was called \(sent) times; together they received \(received) requests; \(own) in 3 s before")
        for (count, own) in zip(received, own) {
            // Its own callers' and the other one's; a second hop would make it three times as many or more.
            #expect(count >= 2 * sent && count <= 2 * sent + 5 * own + 10, "\(received)")
        }
        for replica in replicas { await replica.client.shutdown() }
    }

    /// How many requests each has received so far.
    private func requests(_ replicas: [Replica]) async throws -> [Int] {
        var counts: [Int] = []
        for replica in replicas {
            let page = try await fetch("GET", "http://127.0.0.1:\(replica.metricsPort)/metrics")
            let prefix = #"http_server_requests_total{server="node-agents"} "#
            let line = page.split(separator: "\n").first { $0.hasPrefix(prefix) }
            counts.append(try #require(line.flatMap { Int($0.dropFirst(prefix.utf8.count)) }))
        }
        return counts
    }

    private func fetch(_ method: String, _ url: String) async throws -> String {
        let client = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: clock)
        let answer = try await client.send(ClientRequest(method, url: url), deadline: clock.now() + .seconds(10))
        await client.shutdown()
        return String(decoding: answer.body, as: UTF8.self)
    }
}

extension ChildProcess {
    /// Starts two API servers of `clients/two_kubernetes.py`, which writes `kubernetes-0.json` and `kubernetes-1.json`
    /// into the directory.
    static func twoKubernetes(in directory: TemporaryDirectory) throws -> ChildProcess {
        try ChildProcess(
            "/usr/bin/env",
            ["python3", "\(TestEnvironment.root)/Tests/AcceptanceTests/clients/two_kubernetes.py", directory.path],
            environment: ["PATH": processEnvironment()["PATH"] ?? "/usr/bin:/bin"],
            outputPath: "\(directory.path)/kubernetes.log")
    }
}
