import CheckModel
import Glibc
import HTTPClient
import Platform
import Synchronization
import TestKit
import TestSupport
import Testing

/// Replicas that elect a leader on a real API server, each by a way of its own through a proxy; annotated Services; two
/// node-agents that know only the protocol; and a prober that asks every replica each 10 ms.
final class ReplicatedCluster: Sendable {
    /// Lease duration, renew deadline and retry period in the proportions of client-go's defaults (15, 10 and 2 s), but
    /// shorter, so that the tests are too; `TEST_LEASE_SECONDS=15` makes them the defaults.
    static let leaseSeconds = processEnvironment()["TEST_LEASE_SECONDS"].flatMap { Int($0) } ?? 6
    static let leaseDuration = Duration.seconds(leaseSeconds)
    static let renewDeadline = Duration.seconds(leaseSeconds * 2 / 3)
    static let retryPeriod = Duration.milliseconds(leaseSeconds * 2000 / 15)

    private static let replicaToken = "fedcba9876543210fedcba9876543210"

    let plane: ControlPlane
    let proxy: APIProxy
    let ports: [Int]
    let nodes: [ProtocolAgent]
    let prober = LeaderProber()
    private let replicas: Mutex<[RunningClusterAgent]>
    private let starts = Mutex(0)
    private let client: HTTPClient
    private let clock = SystemClock()

    /// Runs `body` with a cluster of `count` replicas and `services` annotated Services, and checks afterwards what
    /// must hold at all times.
    ///
    /// - Parameter drained: the nodes that may be told to run nothing.
    static func run(
        replicas count: Int, services: Int, apiServer options: String? = nil, drained: Set<String> = [],
        _ body: (ReplicatedCluster) async throws -> Void
    ) async throws {
        let plane = if let options { try await ControlPlane.start(options) } else { try await ControlPlane.start() }
        try await plane.apply(annotatedServices: 0..<services)
        let cluster = try await ReplicatedCluster(plane, count)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await cluster.prober.run(cluster.urls, nodes: cluster.nodes.map(\.id)) }
            do {
                try await body(cluster)
            } catch {
                for replica in cluster.replicas.withLock({ $0 }) {
                    print("== replica on \(replica.port)\n\(replica.process.output.suffix(4000))")
                }
                throw error
            }
            group.cancelAll()
        }
        try await cluster.checkTerms()
        cluster.checkSets(except: drained)
        await cluster.client.shutdown()
        await cluster.proxy.stop()
        try await plane.stop()
    }

    private init(_ plane: ControlPlane, _ count: Int) async throws {
        self.plane = plane
        proxy = try await APIProxy.start(before: plane, ways: count)
        ports = try (0..<count).map { _ in try TestEnvironment.freePort() }
        let urls = ports.map { "https://127.0.0.1:\($0)" }
        nodes = try ["a", "b"].map { try ProtocolAgent($0, in: plane.directory, url: urls.joined(separator: ",")) }
        replicas = Mutex([])
        // A replica that is started again has another certificate.
        client = try HTTPClient(
            options: HTTPClientOptions(
                trust: TLSTrust(verifies: false), bearerToken: { RunningClusterAgent.token }), clock: clock)
        for number in 0..<count {
            let replica = try start(number)
            replicas.withLock { $0.append(replica) }
        }
    }

    var urls: [String] {
        ports.map { "https://127.0.0.1:\($0)" }
    }

    func replica(_ number: Int) -> RunningClusterAgent {
        replicas.withLock { $0[number] }
    }

    /// Starts a replica again that has ended, with further options.
    func restart(_ number: Int, _ options: [String] = []) throws {
        let replica = try start(number, options)
        replicas.withLock { $0[number] = replica }
    }

    private func start(_ number: Int, _ options: [String] = []) throws -> RunningClusterAgent {
        let run = starts.withLock { starts in
            starts += 1
            return starts
        }
        return try RunningClusterAgent(
            "replica-\(number)-\(run)", in: plane.directory, port: ports[number],
            [
                "--kubeconfig=\(try proxy.kubeconfig(number))", "--leader_election=true",
                "--kube_resources_namespace=cluster-agent",
                "--leader_lease_duration=\(Self.leaseSeconds)s",
                "--leader_renew_deadline=\(Self.renewDeadline.nanoseconds / 1_000_000)ms",
                "--leader_retry_period=\(Self.retryPeriod.nanoseconds / 1_000_000)ms",
                "--cluster_agent.advertise_address=127.0.0.1:\(ports[number])",
                "--cluster_agent.replica_token_file=\(try plane.directory.write("replicas.token", Self.replicaToken))",
                "--cluster_checks.warmup_duration=2", "--cluster_checks.node_expiration_timeout=10",
                "--shutdown_delay=1",
            ] + options, environment: ["POD_NAME": "replica-\(number)"], hasProbes: true)
    }

    /// The replica that wrote the Lease last, by the proxy's record.
    func leader() async throws -> Int {
        let last = try #require(try await proxy.leaseWrites().last)
        try #require(last.lease?.holder.hasPrefix("replica-\(last.way)_") == true, "\(String(describing: last.lease))")
        return last.way
    }

    /// Which node has which instances, by the leader's state.
    func placements() async throws -> [String: [String]] {
        try await eventually("a leader's state") {
            for replica in self.replicas.withLock({ $0 }) {
                if let state = try? await replica.placements(self.client), !state.nodes.isEmpty { return state.nodes }
            }
            return nil
        }
    }

    /// Waits until every replica serves node-agents, some replica's state shows all of `configs` on agents that report,
    /// and they hold them.
    func settle(configs: Int, within limit: Duration = .seconds(90)) async throws {
        let start = clock.now()
        try await eventually(within: limit, "every replica to serve") {
            self.ports.indices.allSatisfy { self.prober.isServed(by: $0, since: start) }
        }
        var shown = "none"
        try await eventually(within: limit, "\(configs) configs on two nodes; the state shows \(shown)") {
            for replica in self.replicas.withLock({ $0 }) {
                guard let state = try? await replica.placements(self.client), !state.nodes.isEmpty else { continue }
                shown = "\(state.nodes.mapValues(\.count)), \(state.dangling) dangling"
                let placed = state.nodes.filter { ["a", "b"].contains($0.key) }.values.flatMap { $0 }
                if Set(placed).count == configs, placed.count == configs, state.dangling == 0 { return true }
            }
            try await self.clock.sleep(until: self.clock.now() + .milliseconds(100))
            return nil
        }
        try await eventually(within: limit, "\(configs) configs held by two agents") {
            let held = ProtocolAgent.instances(of: self.nodes)
            if held.count == configs, Set(held).count == configs { return true }
            try await self.clock.sleep(until: self.clock.now() + .milliseconds(100))
            return nil
        }
    }

    /// No two terms at once, by the Lease's writes and by what was answered.
    private func checkTerms() async throws {
        let history = LeaseHistory(try await proxy.leaseWrites(), renewDeadline: Self.renewDeadline)
        let violations = history.violations(prober.all)
        #expect(violations.isEmpty, "\(violations.count): \(violations.prefix(5))")
        let overlaps = try prober.violations(expected: nil)
        #expect(overlaps.isEmpty, "\(overlaps.count): \(overlaps.prefix(5))")
    }

    /// Nobody else was ever told "nothing".
    private func checkSets(except drained: Set<String>) {
        for node in nodes where !drained.contains(node.id) {
            let sets = node.sets.drop { $0.isEmpty }
            #expect(!sets.isEmpty && sets.allSatisfy { !$0.isEmpty }, "\(node.process.output.suffix(4000))")
        }
    }
}

extension ControlPlane {
    /// Makes the Services `service-N`, each annotated with one check.
    func apply(annotatedServices numbers: Range<Int>) async throws {
        let services = numbers.map { number in
            #"{"apiVersion":"v1","kind":"Service","metadata":{"name":"service-\#(number)","namespace":"default","#
                + #""annotations":{"ad.datadoghq.com/service.checks":"#
                + #""{\"http_check\":{\"instances\":[{\"name\":\"s\#(number)\",\"url\":\"http://%%host%%/\"}]}}"}},"#
                + #""spec":{"ports":[{"port":80}]}}"#
        }
        let list = #"{"apiVersion":"v1","kind":"List","items":[\#(services.joined(separator: ","))]}"#
        try await kubectl("apply", "-f", try directory.write("services-\(numbers.lowerBound).json", list))
    }
}
