import CheckModel
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// What a real API server, of the oldest version that the manifests are for, says to them.
@Suite(.serialized) struct APIServerTests {
    /// Kubernetes 1.20 does not have these, in the order in which they are rendered; everything else it must take.
    private static let later = [
        "base": ["policy/v1 PodDisruptionBudget"], "overlays/kubernetes-1.21": ["policy/v1 PodDisruptionBudget"],
        "overlays/runners": ["policy/v1 PodDisruptionBudget", "policy/v1 PodDisruptionBudget"],
        "flow-schema/v1": ["flowcontrol.apiserver.k8s.io/v1 FlowSchema"],
        "flow-schema/v1beta3": ["flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema"],
        // The Prometheus operator's.
        "monitoring": ["monitoring.coreos.com/v1 PodMonitor", "monitoring.coreos.com/v1 PrometheusRule"],
    ]

    private static func kind(_ object: String) -> String {
        let lines = object.split(separator: "\n")
        func value(_ key: String) -> Substring {
            lines.first { $0.hasPrefix("\(key): ") }?.dropFirst(key.count + 2) ?? ""
        }
        return "\(value("apiVersion")) \(value("kind"))"
    }

    @Test func `a server-side dry run accepts every folder`() async throws {
        let plane = try await ControlPlane.start()
        for folder in Rendered.folders {
            let later = Self.later[folder] ?? []
            let (unknown, known) = try await Rendered.objects(folder).partitioned { later.contains(Self.kind($0)) }
            #expect(unknown.map(Self.kind) == later, "\(folder)")
            guard !known.isEmpty else { continue }
            let file = try plane.directory.write("known.yaml", known.joined(separator: "\n---\n"))
            let said = try await plane.kubectl("apply", "--dry-run=server", "--filename=\(file)")
            let taken = said.split(separator: "\n").filter { $0.hasSuffix("(server dry run)") }
            #expect(taken.count == known.count, "\(folder): \(said)")
        }
        try await plane.stop()
    }

    /// However it was made, the Secret is renewed in the same way.
    @Test(arguments: ["create", "apply"])
    func `renewing a part of the Secret changes nothing else`(_ make: String) async throws {
        let plane = try await ControlPlane.start()
        let secret = try await Rendered.secret()
        try await plane.kubectl(
            make, "--filename=\(try plane.directory.write("secret.json", secret))")
        try await renew("token", plane, ["token"])
        try await renew("operator-token", plane, ["operator-token"])
        try await renew("certificate", plane, ["tls.crt", "tls.key"])
        try await plane.stop()
    }

    private func renew(_ part: String, _ plane: ControlPlane, _ keys: [ExactText]) async throws {
        let (before, stored) = try await data(plane)
        #expect(before.keys.sorted() == ["operator-token", "tls.crt", "tls.key", "token"])
        let patch = try await Rendered.secret("--renew=\(part)", input: stored)
        try await plane.kubectl(
            "--namespace=cluster-agent", "patch", "secret", "cluster-agent",
            "--patch-file=\(try plane.directory.write("patch.json", patch))")
        let after = try await data(plane).data
        #expect(after.keys.filter { after[$0] != before[$0] }.sorted() == keys)
    }

    private func data(_ plane: ControlPlane) async throws -> (data: [ExactText: String], object: String) {
        let text = try await plane.kubectl(
            "--namespace=cluster-agent", "get", "secret", "cluster-agent", "--output=json")
        let data = try JSONValue(parsing: Array(text.utf8))["data"]?.objectValue ?? [:]
        return (data.compactMapValues(\.stringValue), text)
    }
}

extension Sequence {
    /// Those for which the predicate holds, and the others.
    fileprivate func partitioned(_ predicate: (Element) -> Bool) -> (matching: [Element], others: [Element]) {
        (filter(predicate), filter { !predicate($0) })
    }
}
