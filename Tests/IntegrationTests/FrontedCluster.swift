import Glibc
import HTTPClient
import Platform
import Synchronization
import TestKit
import TestSupport
import Testing

/// Replicas that elect a leader on a real API server, behind one Service, and node agents that were written from the
/// protocol's description alone and know only that Service.
final class FrontedCluster: Sendable {
    private static let leaseSeconds = 6
    /// A poll every 200 ms, a client that is built anew every 24 s, and 1.2 s of grace.
    private static let scale = 0.02
    let plane: ControlPlane
    let service: FaultyService
    private let expirationSeconds: Int
    private let agentsByStart: Mutex<[DatadogAgent]>
    private let ports: [Int]
    private let replicas: Mutex<[RunningClusterAgent]>
    private let starts = Mutex(0)
    private let wanted = Mutex(WantedChecks())
    private let clock = SystemClock()

    /// A Service without a replica, and agents that ask it in vain.
    ///
    /// - Parameter expirationSeconds: how long an agent may be silent before others get its checks.
    init(
        _ plane: ControlPlane, replicas count: Int, agents ids: [String], expirationSeconds: Int
    ) async throws {
        self.plane = plane
        self.expirationSeconds = expirationSeconds
        let ports = try (0..<count).map { _ in try TestEnvironment.freePort() }
        self.ports = ports
        replicas = Mutex([])
        let service = try await FaultyService.start(before: ports, seed: 1, in: plane.directory)
        self.service = service
        agentsByStart = Mutex([])
        for id in ids { try join(id) }
    }

    /// All agents, in the order in which they were started.
    var agents: [DatadogAgent] {
        agentsByStart.withLock { $0 }
    }

    /// Starts an agent.
    func join(_ id: String) throws {
        let agent = try DatadogAgent(
            id, in: plane.directory, url: service.url,
            ["--scale=\(Self.scale)", "--node=node-\(id)", "--expiration=\(expirationSeconds)"])
        agentsByStart.withLock { $0.append(agent) }
    }

    /// Starts all replicas.
    func start() throws {
        for number in ports.indices {
            // An agent that asked in vain for long tries again after 5 min, which are 6 s here.
            let replica = try start(number, warmUpSeconds: 8)
            replicas.withLock { $0.append(replica) }
        }
    }

    private func start(_ number: Int, warmUpSeconds: Int = 3) throws -> RunningClusterAgent {
        let run = starts.withLock { starts in
            starts += 1
            return starts
        }
        return try RunningClusterAgent(
            "replica-\(number)-\(run)", in: plane.directory, port: ports[number],
            [
                "--kubeconfig=\(plane.agentKubeconfig)", "--leader_election=true",
                "--kube_resources_namespace=cluster-agent", "--leader_lease_duration=\(Self.leaseSeconds)s",
                "--leader_renew_deadline=\(Self.leaseSeconds * 2 / 3)s", "--leader_retry_period=800ms",
                "--cluster_agent.advertise_address=127.0.0.1:\(ports[number])",
                "--cluster_checks.warmup_duration=\(warmUpSeconds)",
                "--cluster_checks.node_expiration_timeout=\(expirationSeconds)", "--shutdown_delay=1",
            ], environment: ["POD_NAME": "replica-\(number)"], hasProbes: true)
    }

    func replica(_ number: Int) -> RunningClusterAgent {
        replicas.withLock { $0[number] }
    }

    /// The replica that holds the Lease.
    func leader() async throws -> Int {
        let holder = try await plane.kubectl(
            "--namespace=cluster-agent", "get", "lease", "cluster-agent", "-o", "jsonpath={.spec.holderIdentity}")
        let number = holder.dropFirst("replica-".utf8.count).prefix { $0 != "_" }
        guard let leader = Int(number) else { throw TestFailure("nobody holds the Lease: \(holder)") }
        return leader
    }

    /// The backends of the Service are from now on all replicas but `excluded`.
    func serve(without excluded: Int? = nil) async throws {
        try await service.set(backends: ports.indices.filter { $0 != excluded }.map { ports[$0] })
    }

    /// Every connection goes to this replica alone.
    func serve(only number: Int) async throws {
        try await service.move(to: [ports[number]])
    }

    /// Waits until a replica says that it can answer or forward.
    func awaitReady(_ number: Int) async throws {
        try await eventually(within: .seconds(60), "replica \(number); \(replica(number).process.output.suffix(2000))")
        {
            try await replica(number).probe("/readyz").status == 200
        }
    }

    /// Ends a replica by a signal, has it away for `absence`, and starts it again.
    func restart(_ number: Int, by signal: Int32, absence: Duration = .zero) async throws {
        let old = replica(number)
        old.process.signal(signal)
        try await old.process.wait(within: .seconds(30))
        try await clock.sleep(until: clock.now() + absence)
        let new = try start(number)
        replicas.withLock { $0[number] = new }
        try await awaitReady(number)
    }

    /// Makes `service-N` with a check called `sN.EDITION`, or edits it; from now on that is wanted, and no older
    /// edition.
    func want(_ number: Int, edition: Int = 0) async throws {
        let object =
            #"{"apiVersion":"v1","kind":"Service","metadata":{"name":"service-\#(number)","namespace":"default","#
            + #""annotations":{"ad.datadoghq.com/service.checks":"{\"http_check\":{\"instances\":["#
            + #"{\"name\":\"s\#(number).\#(edition)\",\"url\":\"http://%%host%%/\"}]}}"}},"spec":{"ports":[{"port":80}]}}"#
        let path = try plane.directory.write("service-\(number).json", object)
        let before = clock.now()
        try await plane.kubectl("apply", "-f", path)
        wanted.withLock { $0.want(number, edition: edition, since: before) }
    }

    /// Removes `service-N`.
    func dismiss(_ number: Int) async throws {
        let before = clock.now()
        try await plane.kubectl("delete", "service", "service-\(number)")
        wanted.withLock { $0.dismiss(number, since: before) }
    }

    /// Waits until the agents run what is wanted, each check once, and each agent's calls have been answered since.
    func settle(_ phase: String, within limit: Duration = .seconds(60)) async throws {
        let start = clock.now()
        let names = wanted.withLock { $0.names }
        try await eventually(within: limit, "\(names.sorted()) on the agents after \(phase); \(agents.map(\.running))")
        {
            let held = agents.map(\.running)
            let isRun =
                held.map(\.count).reduce(0, +) == names.count && held.reduce(into: []) { $0.formUnion($1) } == names
            let isAnswered = agents.allSatisfy {
                $0.answers("status", since: start) > 1 && $0.answers("endpoints", since: start) > 1
            }
            return isRun && isAnswered
        }
        let errors = agents.map { agent in agent.events.count { $0.kind == "error" } }
        print("\(phase): settled after \(rounded((clock.now() - start).seconds)) s; errors so far \(errors)")
    }

    /// What the agents did against what was wanted, in words; empty when all is well.
    func violations(mayMove: Bool) -> [String] {
        wanted.withLock { $0.violations(agents, mayMove: mayMove) }
    }

    /// How often a check went from one agent to another.
    var moves: Int {
        wanted.withLock { $0.moves(agents) }
    }

    /// Ends everything.
    func stop() async throws {
        for replica in replicas.withLock({ $0 }) {
            replica.process.signal(SIGTERM)
            try await replica.process.wait(within: .seconds(30))
        }
        await service.stop()
        try await plane.stop()
    }
}
