import CheckModel
import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// A pod's token and CA are replaced under a running cluster-agent, as a kubelet does it, and the old ones are refused
/// at once.
@Suite(.serialized, .timeLimit(.minutes(10))) struct CredentialTests {
    /// How old a reading of a credential may be, and what the retries after it may take.
    private static let bound = Duration.seconds(75)

    @Test func `a revoked token and a new CA are replaced without a restart`() async throws {
        let clock = SystemClock()
        let plane = try await ControlPlane.start()
        try await plane.apply(annotatedServices: 0..<1)
        let account = try await ServiceAccountVolume(plane)
        try account.write(token: try await plane.token(boundTo: "session-0"))
        let agent = try Self.start(plane, account)
        let node = try ProtocolAgent("a", in: plane.directory, url: agent.url)
        try await Self.settle(agent, node, configs: 1)

        // The new one is there before the old one is refused: nothing happens.
        try account.write(token: try await plane.token(boundTo: "session-1"))
        let term = try await Self.transitions(plane)
        try await plane.kubectl("-n", "cluster-agent", "delete", "secret", "session-0")
        try await clock.sleep(until: clock.now() + .seconds(15))
        #expect(try await agent.probe("/readyz").status == 200, "\(agent.process.output.suffix(3000))")
        #expect(try await Self.transitions(plane) == term)

        // The old one is refused before the new one is there: leadership is lost, and nothing else.
        try await plane.kubectl("-n", "cluster-agent", "delete", "secret", "session-1")
        try await Self.expectLoss(agent)
        let token = try await plane.token(boundTo: "session-2")
        try account.write(token: token)
        let replaced = clock.now()
        try await plane.apply(annotatedServices: 1..<2)
        try await Self.settle(agent, node, configs: 2)
        print("a refused token was replaced: it worked again after \(rounded((clock.now() - replaced).seconds)) s")
        #expect(clock.now() - replaced <= Self.bound)

        try await plane.renewAuthority()
        try await Self.expectLoss(agent)
        try account.write(token: token)
        let renewed = clock.now()
        try await plane.apply(annotatedServices: 2..<3)
        try await Self.settle(agent, node, configs: 3)
        print("a CA was replaced: it worked again after \(rounded((clock.now() - renewed).seconds)) s")
        #expect(clock.now() - renewed <= Self.bound)

        #expect(agent.process.poll() == nil)
        #expect(node.sets.drop { $0.isEmpty }.map(\.count) == [1, 2, 3], "\(node.process.output)")
        agent.process.signal(SIGTERM)
        #expect(try await agent.process.wait(within: .seconds(30)) == .exited(0))
        try await plane.stop()
    }

    private static func start(_ plane: ControlPlane, _ account: ServiceAccountVolume) throws -> RunningClusterAgent {
        let port = try TestEnvironment.freePort()
        return try RunningClusterAgent(
            "pod", in: plane.directory, port: port,
            [
                "--leader_election=true", "--leader_lease_duration=6s", "--leader_renew_deadline=4s",
                "--leader_retry_period=800ms", "--cluster_agent.advertise_address=127.0.0.1:\(port)",
                "--cluster_checks.warmup_duration=1", "--cluster_checks.node_expiration_timeout=60",
                "--shutdown_delay=0",
            ],
            environment: [
                "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": try plane.setting("API_SERVER_PORT"),
                "POD_NAME": "pod",
            ], hasProbes: true, serviceAccount: account.path)
    }

    private static func settle(_ agent: RunningClusterAgent, _ node: ProtocolAgent, configs: Int) async throws {
        try await eventually(within: bound * 2, "ready and \(configs) configs; \(agent.process.output.suffix(4000))") {
            try await agent.probe("/readyz").status == 200 && node.instances.count == configs
        }
    }

    /// Without the API server nobody leads, but the process lives.
    private static func expectLoss(_ agent: RunningClusterAgent) async throws {
        try await eventually(within: .seconds(60), "the Lease to be lost; \(agent.process.output.suffix(2000))") {
            let ready = try await agent.probe("/readyz")
            return ready.status == 503 && ready.text.contains("leader")
        }
        #expect(try await agent.probe("/livez").status == 200)
    }

    private static func transitions(_ plane: ControlPlane) async throws -> String {
        try await plane.kubectl(
            "-n", "cluster-agent", "get", "lease", "cluster-agent", "-o",
            "jsonpath={.spec.holderIdentity} {.spec.leaseTransitions} {.spec.acquireTime}")
    }
}

/// The volume of a service account.
private final class ServiceAccountVolume: Sendable {
    private let plane: ControlPlane
    private let volume: MountedVolume

    init(_ plane: ControlPlane) async throws {
        self.plane = plane
        volume = try MountedVolume("pod", in: plane.directory, ["token": [], "ca.crt": [], "namespace": []])
    }

    var path: String { volume.path }

    /// Replaces the token, and the CA by the API server's newest.
    func write(token: String) throws {
        try volume.replace([
            "token": Array(token.utf8), "ca.crt": try readFile("\(plane.path)/pki/ca.crt", atMost: 1 << 16),
            "namespace": Array("cluster-agent".utf8),
        ])
    }
}

extension ControlPlane {
    /// A token of the cluster-agent's ServiceAccount that is good as long as the Secret `name`, which is made, exists.
    fileprivate func token(boundTo name: String) async throws -> String {
        try await kubectl("-n", "cluster-agent", "create", "secret", "generic", name)
        let request = try directory.write(
            "\(name).json",
            #"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":3607,"#
                + #""audiences":["https://kubernetes.default.svc"],"#
                + #""boundObjectRef":{"kind":"Secret","apiVersion":"v1","name":"\#(name)"}}}"#)
        let path = "/api/v1/namespaces/cluster-agent/serviceaccounts/cluster-agent/token"
        let answer = try JSONValue(parsing: Array(try await kubectl("create", "--raw", path, "-f", request).utf8))
        guard let token = answer["status"]?["token"]?.stringValue else { throw TestFailure("no token: \(answer)") }
        return token
    }
}
