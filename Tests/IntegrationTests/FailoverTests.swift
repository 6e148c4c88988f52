import CheckModel
import Glibc
import HTTPClient
import Platform
import TestSupport
import Testing

/// Two replicas that elect a leader on a real API server, node-agents, and a prober that asks both replicas each 10 ms.
@Suite(.serialized, .timeLimit(.minutes(10))) struct FailoverTests {
    private static let configs = 6

    /// Lease duration, renew deadline and retry period in the proportions of client-go's defaults (15, 10 and 2 s), but shorter, so that
    /// the test is too; `TEST_LEASE_SECONDS=15` makes them the defaults.
    private static let lease = processEnvironment()["TEST_LEASE_SECONDS"].flatMap { Int($0) } ?? 6

    private static func start(_ name: String, _ plane: ControlPlane, port: Int) throws -> RunningClusterAgent {
        try RunningClusterAgent(
            name, in: plane.directory, port: port,
            [
                "--kubeconfig=\(plane.agentKubeconfig)", "--leader_election=true",
                "--kube_resources_namespace=cluster-agent", "--leader_lease_duration=\(lease)s",
                "--leader_renew_deadline=\(lease * 2 / 3)s", "--leader_retry_period=\(lease * 2000 / 15)ms",
                "--cluster_agent.advertise_address=127.0.0.1:\(port)",
                "--cluster_checks.warmup_duration=2", "--cluster_checks.node_expiration_timeout=10",
                "--confd_path=\(plane.directory.path)/conf.d",
            ], environment: ["POD_NAME": name])
    }

    private struct Cluster {
        let plane: ControlPlane
        var replicas: [(agent: RunningClusterAgent, client: HTTPClient)]
        let nodes: [ProtocolAgent]
        let prober = LeaderProber()

        /// The index of the replica that the Lease names as its holder.
        func leader() async throws -> Int {
            let holder = try await plane.kubectl(
                "-n", "cluster-agent", "get", "lease", "cluster-agent", "-o", "jsonpath={.spec.holderIdentity}")
            return try #require(
                ["replica-0", "replica-1"].firstIndex { holder.hasPrefix($0 + "_") }, "holder: \(holder)")
        }

        func assertAllHeld() async throws {
            try await eventually(within: .seconds(60), "every config on one of two agents") {
                let held = ProtocolAgent.instances(of: nodes)
                return held.count == FailoverTests.configs && Set(held).count == FailoverTests.configs ? true : nil
            }
        }
    }

    private static func withCluster(_ body: (Cluster) async throws -> Void) async throws {
        let plane = try await ControlPlane.start()
        for number in 0..<configs {
            try plane.directory.write(
                "conf.d/tcp_check.d/\(number).json",
                #"{"cluster_check": true, "init_config": {}, "instances": [{"name": "c\#(number)", "host": "127.0.0.1", "port": 1}]}"#
            )
        }
        var replicas: [(agent: RunningClusterAgent, client: HTTPClient)] = []
        for number in 0..<2 {
            let agent = try start("replica-\(number)", plane, port: try TestEnvironment.freePort())
            replicas.append((agent, try await agent.client()))
        }
        let urls = replicas.map(\.agent.url).joined(separator: ",")
        let nodes = try ["a", "b"].map { try ProtocolAgent($0, in: plane.directory, url: urls) }
        let cluster = Cluster(plane: plane, replicas: replicas, nodes: nodes)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await cluster.prober.run(cluster.replicas, nodes: ["a", "b"]) }
            do { try await body(cluster) } catch {
                for replica in replicas { print("== replica\n\(replica.agent.process.output.suffix(4000))") }
                throw error
            }
            group.cancelAll()
        }
        for replica in replicas { await replica.client.shutdown() }
        let violations = try cluster.prober.violations(expected: configs)
        #expect(violations.isEmpty, "\(violations.prefix(5))")
        try await plane.stop()
    }

    @Test func aLeaderThatIsAskedToStopHandsOverAtOnceAndNoTwoTermsAnswer() async throws {
        try await Self.withCluster { cluster in
            try await cluster.assertAllHeld()
            let before = cluster.prober.newestTerm
            let leader = try await cluster.leader()
            let clock = SystemClock()
            let asked = clock.now()
            cluster.replicas[leader].agent.process.signal(SIGTERM)
            let answer = try await eventually(within: .seconds(20), "an answer under the next term") {
                cluster.prober.firstAnswer(ofTermAfter: before, since: asked)
            }
            #expect(try await cluster.replicas[leader].agent.process.wait(within: .seconds(30)) == .exited(0))
            print(
                "SIGTERM to first answer under the next term: \((answer.received - asked).seconds) s; "
                    + "to exit: \((clock.now() - asked).seconds) s")
            #expect(try await cluster.leader() == 1 - leader)
        }
    }

    @Test func aKilledLeaderIsReplacedWithinTheLeaseDuration() async throws {
        try await Self.withCluster { cluster in
            try await cluster.assertAllHeld()
            let before = cluster.prober.newestTerm
            let leader = try await cluster.leader()
            let killed = SystemClock().now()
            cluster.replicas[leader].agent.process.signal(SIGKILL)
            let answer = try await eventually(within: .seconds(60), "an answer under the next term") {
                cluster.prober.firstAnswer(ofTermAfter: before, since: killed)
            }
            print(
                "SIGKILL to first answer under the next term: \((answer.received - killed).seconds) s of a Lease of 6 s"
            )
            #expect(try await cluster.leader() == 1 - leader)
        }
    }

    @Test func aLeaderFrozenPastItsTermAnswersNothingAsALeaderWhenItThaws() async throws {
        try await Self.withCluster { cluster in
            try await cluster.assertAllHeld()
            let before = cluster.prober.newestTerm
            let leader = try await cluster.leader()
            let frozen = SystemClock().now()
            cluster.replicas[leader].agent.process.signal(SIGSTOP)
            let answer = try await eventually(within: .seconds(60), "an answer under the next term") {
                cluster.prober.firstAnswer(ofTermAfter: before, since: frozen)
            }
            try await cluster.assertAllHeld()
            let thawed = SystemClock().now()
            cluster.replicas[leader].agent.process.signal(SIGCONT)
            let queued = try await eventually(within: .seconds(30), "the thawed replica's answer to a queued request") {
                cluster.prober.all.first { $0.replica == leader && $0.sent < thawed && $0.received > thawed }
            }
            #expect(queued.status != 200 || queued.termNumber > before, "\(queued.status) \(queued.term)")
            print(
                "SIGSTOP to first answer under the next term: \((answer.received - frozen).seconds) s; "
                    + "the thawed leader answered a queued request with \(queued.status)")
            try await eventually(within: .seconds(30), "the thawed replica to forward") {
                cluster.prober.all.first { $0.replica == leader && $0.sent > thawed && $0.status == 200 }
            }
        }
    }
}
