import Kubernetes
import Platform
import TestKit
import TestSupport
import Testing

/// A kubeconfig that kubectl wrote, against a real API server.
@Suite(.timeLimit(.minutes(5))) struct KubeconfigTests {
    @Test func `a kubeconfig that kubectl wrote opens the API, with the CA in it or beside it`() async throws {
        let plane = try await ControlPlane.start()
        for isEmbedded in [true, false] { try await Self.check(plane, isEmbedded: isEmbedded) }
        try await plane.stop()
    }

    private static func check(_ plane: ControlPlane, isEmbedded: Bool) async throws {
        let path = "\(plane.directory.path)/written-\(isEmbedded)"
        let clock = SystemClock()
        let admin = try KubernetesConfiguration.kubeconfig(path: plane.adminKubeconfig, environment: [:], clock: clock)
        let token = try #require(admin.token?.text)
        let edits = [
            ["set-cluster", "real", "--server=\(admin.server)", "--embed-certs=\(isEmbedded)"]
                + ["--certificate-authority=\(plane.path)/pki/ca.crt"],
            ["set-credentials", "administrator", "--token=\(token)"],
            ["set-context", "work", "--cluster=real", "--user=administrator", "--namespace=kube-system"],
            ["set-context", "other", "--cluster=none"], ["use-context", "work"],
        ]
        for edit in edits { try await plane.kubectl(["config", "--kubeconfig=\(path)"] + edit) }
        let text = String(decoding: try readFile(path, atMost: 1 << 20), as: UTF8.self)
        #expect(text.contains("current-context: work") && !text.hasPrefix("{"), "\(text)")
        #expect(text.contains("certificate-authority-data:") == isEmbedded)
        let configuration = try KubernetesConfiguration.kubeconfig(path: path, environment: [:], clock: clock)
        #expect(configuration.namespace == "kube-system")
        let client = try KubernetesClient(configuration, userAgent: "test/1", clock: clock)
        let services = try await ResourceSource<Service>(client: client).list(
            ListRequest(limit: nil), deadline: clock.now() + .seconds(30))
        #expect(services.items.contains { $0.name == "kubernetes" })
        await client.shutdown()
    }
}
