import CheckModel
import JSON
import Kubernetes
import Platform
import TestKit
import TestSupport
import Testing

/// A text in a ConfigMap of a real API server, with the permissions of the manifests.
@Suite(.serialized, .timeLimit(.minutes(5))) struct KeptTextTests {
    private static let name = "cluster-agent-intent"

    private static func client(_ plane: ControlPlane) throws -> KubernetesClient {
        let clock = SystemClock()
        let configuration = try KubernetesConfiguration.kubeconfig(
            path: plane.agentKubeconfig, environment: [:], clock: clock)
        return try KubernetesClient(configuration, userAgent: "test/1", clock: clock)
    }

    private static func map(
        _ client: KubernetesClient, namespace: String = "cluster-agent", _ name: String = name
    ) -> KubernetesConfigMap {
        KubernetesConfigMap(
            client: client, namespace: namespace, name: name, key: "intent.json",
            labels: ["app.kubernetes.io/name": "cluster-agent"])
    }

    private static func soon() -> Instant {
        SystemClock().now() + .seconds(30)
    }

    /// How a write is refused; nil if it is not.
    private static func refusal(
        of map: KubernetesConfigMap, replacing version: String?
    ) async -> KubernetesError? {
        do throws(KubernetesError) {
            _ = try await map.write("refused", replacing: version, deadline: soon())
            return nil
        } catch {
            return error
        }
    }

    private static func code(_ error: KubernetesError?) -> Int? {
        guard case .status(let status)? = error else { return nil }
        return status.code
    }

    private static func patch(_ plane: ControlPlane, _ text: String) async throws {
        try await plane.kubectl("-n", "cluster-agent", "patch", "configmap", name, "--type=merge", "--patch=\(text)")
    }

    private static func stored(_ plane: ControlPlane) async throws -> JSONValue {
        try JSONValue(
            parsing: try await plane.kubectl("-n", "cluster-agent", "get", "configmap", name, "--output=json"))
    }

    @Test func `a text is kept and nothing else is touched`() async throws {
        let plane = try await ControlPlane.start()
        let client = try Self.client(plane)
        let map = Self.map(client)
        #expect(try await map.read(deadline: Self.soon()) == nil)
        let first = try await map.write("{}", replacing: nil, deadline: Self.soon())
        #expect(try await map.read(deadline: Self.soon()) == VersionedText(text: "{}", version: first))
        #expect(Self.code(await Self.refusal(of: map, replacing: nil)) == 409)

        try await Self.othersWrite(plane, map, first)
        try await Self.somebodyDeletes(plane, map)
        try await Self.somebodyFreezes(plane, map)
        await client.shutdown()
        try await plane.stop()
    }

    /// Others write into it too.
    private static func othersWrite(_ plane: ControlPlane, _ map: KubernetesConfigMap, _ first: String) async throws {
        try await Self.patch(plane, #"{"metadata":{"labels":{"x":"1"},"annotations":{"y":"2"}},"data":{"z":"3"}}"#)
        #expect(Self.code(await Self.refusal(of: map, replacing: first)) == 409)
        let read = try #require(try await map.read(deadline: Self.soon()))
        #expect(read.text == "{}" && read.version != first)
        let large = String(repeating: #""é\"#, count: KubernetesConfigMap.limit / 4)
        let second = try await map.write(large, replacing: read.version, deadline: Self.soon())
        #expect(try await map.read(deadline: Self.soon()) == VersionedText(text: large, version: second))
        let object = try await Self.stored(plane)
        let labels: JSONValue = .object(["app.kubernetes.io/name": .string("cluster-agent"), "x": .string("1")])
        #expect(object["metadata"]?["labels"] == labels)
        #expect(object["metadata"]?["annotations"] == .object(["y": .string("2")]))
        #expect(object["data"] == .object(["intent.json": .string(large), "z": .string("3")]))
    }

    /// Somebody empties it, then deletes it.
    private static func somebodyDeletes(_ plane: ControlPlane, _ map: KubernetesConfigMap) async throws {
        try await Self.patch(plane, #"{"data":null}"#)
        #expect(try await map.read(deadline: Self.soon()) == nil)
        let third = try await map.write("again", replacing: nil, deadline: Self.soon())
        #expect(try await map.read(deadline: Self.soon()) == VersionedText(text: "again", version: third))
        try await plane.kubectl("-n", "cluster-agent", "delete", "configmap", Self.name)
        #expect(Self.code(await Self.refusal(of: map, replacing: third)) == 409)
        _ = try await map.write("new", replacing: nil, deadline: Self.soon())
    }

    /// Somebody marks it as immutable.
    private static func somebodyFreezes(_ plane: ControlPlane, _ map: KubernetesConfigMap) async throws {
        let former = try #require(try await map.read(deadline: Self.soon())).version
        try await Self.patch(plane, #"{"immutable":true}"#)
        #expect(Self.code(await Self.refusal(of: map, replacing: former)) == 409)
        let version = try #require(try await map.read(deadline: Self.soon())).version
        let refused = await Self.refusal(of: map, replacing: version)
        #expect(Self.code(refused) == 422)
        let advice = "ConfigMap cluster-agent/\(Self.name) is immutable: create it again without `immutable`"
        #expect(refused?.description.contains(advice) == true, "\(String(describing: refused))")
    }

    @Test func `the account may write this ConfigMap and no other`() async throws {
        let plane = try await ControlPlane.start()
        let client = try Self.client(plane)
        try await plane.kubectl("-n", "cluster-agent", "create", "configmap", "other", "--from-literal=intent.json=x")
        let other = Self.map(client, "other")
        await #expect(throws: KubernetesError.self) { try await other.read(deadline: Self.soon()) }
        // It exists, and whether it has the text is not told.
        for version in [nil, "1"] {
            let refused = await Self.refusal(of: other, replacing: version)
            #expect(Self.code(refused) == 403, "\(String(describing: refused))")
        }
        let elsewhere = Self.map(client, namespace: "default")
        for version in [nil, "1"] {
            #expect(Self.code(await Self.refusal(of: elsewhere, replacing: version)) == 403)
        }
        let version = try await Self.map(client).write("{}", replacing: nil, deadline: Self.soon())
        _ = try await Self.map(client).write("[]", replacing: version, deadline: Self.soon())
        await client.shutdown()
        try await plane.stop()
    }
}
