import Glibc
import Kubernetes
import Platform
import Synchronization
import TestKit
import TestSupport
import Testing

/// The watches, as they see a real API server.
@Suite(.serialized, .timeLimit(.minutes(5))) struct WatchTests {
    /// What a handler knows, by name, from `replaced`, `applied` and `deleted` alone.
    private final class Known<Object: KubernetesObject>: Sendable {
        private let objects = Mutex<[String: Object]>([:])

        func take(_ event: ReflectorEvent<Object>) {
            objects.withLock { objects in
                switch event {
                case .replaced(let all, _):
                    objects = Dictionary(all.map { ($0.metadata.name, $0) }) { _, last in last }
                case .applied(let object): objects[object.metadata.name] = object
                case .deleted(let object): objects[object.metadata.name] = nil
                }
            }
        }

        subscript(name: String) -> Object? {
            objects.withLock { $0[name] }
        }

        var names: [String] {
            objects.withLock { $0.keys.sorted() }
        }
    }

    private static let slice = """
        {"apiVersion":"discovery.k8s.io/v1beta1","kind":"EndpointSlice","metadata":{"name":"web-1",
        "labels":{"kubernetes.io/service-name":"web"}},"addressType":"IPv4","ports":[{"name":"http","port":80}],
        "endpoints":[{"addresses":["10.1.2.3"],"topology":{"kubernetes.io/hostname":"node-1"}}]}
        """

    private static func pod(_ name: String, _ app: String) -> String {
        """
        {"apiVersion":"v1","kind":"Pod","metadata":{"name":"\(name)","labels":{"app":"\(app)"}},
        "spec":{"nodeName":"node-1","containers":[{"name":"c","image":"none"}]}}
        """
    }

    private static func apply(_ plane: ControlPlane, _ objects: String...) async throws {
        let items = objects.joined(separator: ",")
        let path = try plane.directory.write(
            "objects.json", #"{"apiVersion":"v1","kind":"List","items":[\#(items)]}"#)
        try await plane.kubectl("apply", "-f", path)
    }

    /// The administrator's kubeconfig, with the CA in a file that is replaced, instead of in it.
    private static func configuration(_ plane: ControlPlane) throws -> KubernetesConfiguration {
        let given = try KubernetesConfiguration.kubeconfig(
            path: plane.adminKubeconfig, environment: [:], clock: SystemClock())
        let token = try plane.directory.write("token", try #require(given.token?.text))
        let path = try plane.directory.write(
            "config.json",
            """
            {"current-context":"c","contexts":[{"name":"c","context":{"cluster":"k","user":"u"}}],
            "clusters":[{"name":"k","cluster":{"server":"\(given.server)","certificate-authority":"\(plane.path)/pki/ca.crt"}}],
            "users":[{"name":"u","user":{"tokenFile":"\(token)"}}]}
            """)
        return try .kubeconfig(path: path, environment: [:], clock: SystemClock())
    }

    @Test func `pods, nodes and endpoints are known through a restart, a compaction and a new CA`() async throws {
        let plane = try await ControlPlane.start()
        let (clock, entropy, log) = (SystemClock(), SystemEntropy(), Log(sink: NoLog()))
        let client = try KubernetesClient(try Self.configuration(plane), userAgent: "test/1", clock: clock)
        let (pods, nodes, endpoints) = (Known<Pod>(), Known<KubernetesNode>(), Known<ServiceEndpoints>())
        let watches: [any ResourceWatch] = [
            Reflector(
                source: ResourceSource<Pod>(client: client, namespace: "default", labelSelector: "app=agent"),
                clock: clock, entropy: entropy, log: log, handler: pods.take),
            Reflector(
                source: ResourceSource<KubernetesNode>(client: client), clock: clock, entropy: entropy, log: log,
                handler: nodes.take),
            ServiceEndpointsWatch(client: client, clock: clock, entropy: entropy, log: log, handler: endpoints.take),
        ]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for watch in watches { group.addTask { await watch.run() } }
            try await Self.apply(
                plane, Self.slice, Self.pod("a", "agent"), Self.pod("b", "agent"), Self.pod("c", "other"),
                #"{"apiVersion":"v1","kind":"Node","metadata":{"name":"node-1"}}"#)
            try await eventually(within: .seconds(30), "the first state: \(watches.map(\.report))") {
                pods.names == ["a", "b"] && nodes.names == ["node-1"] && endpoints["web-1"] != nil
            }
            #expect(endpoints["web-1"]?.serviceName == "web")
            #expect(
                endpoints["web-1"]?.subsets.first?.endpoints == [.init(addresses: ["10.1.2.3"], nodeName: "node-1")])
            #expect(pods["a"]?.nodeName == "node-1" && pods["a"]?.isTerminating == false)
            try await plane.kubectl("cordon", "node-1")
            try await plane.kubectl("delete", "pod", "a", "--wait=false")
            try await eventually(within: .seconds(30), "the cordon and the end: \(watches.map(\.report))") {
                nodes["node-1"]?.isUnschedulable == true && pods["a"]?.isTerminating == true
            }

            // While it is away from the watches an object goes, and every version that they know is forgotten.
            try await plane.restartAPIServer()
            try await plane.kubectl("delete", "pod", "b", "--force", "--grace-period=0")
            try await Self.apply(plane, Self.pod("d", "agent"))
            try await plane.compact()
            try await eventually(within: .seconds(90), "the state after the restart: \(watches.map(\.report))") {
                pods["b"] == nil && pods["d"] != nil
            }

            try await plane.renewAuthority()
            try await Self.apply(plane, Self.pod("e", "agent"))
            try await eventually(within: .seconds(120), "the state under the new CA: \(watches.map(\.report))") {
                pods["e"] != nil
            }
            try await eventually(within: .seconds(90), "every watch to be well: \(watches.map(\.report))") {
                watches.allSatisfy { $0.report.problem == nil && $0.report.isSynced }
            }
            group.cancelAll()
        }
        await client.shutdown()
        try await plane.stop()
    }
}
