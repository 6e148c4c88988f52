import Platform
import TestKit
import TestSupport
import Testing

/// The Helm chart beside the kustomizations: `tests/`, with Helm's engine, and a release on a real API server.
@Suite(.serialized) struct ChartTests {
    private static let tests = "\(TestEnvironment.root)/Tests"
    private static let chart = "\(TestEnvironment.root)/manifests/chart"

    /// A module of `tests/`, and the least number of tests that it must run.
    @Test(arguments: [("chart", 11), ("values", 19), ("schemas", 4), ("kustomize", 8)])
    func `the tests of what is rendered pass`(module: String, least: Int) async throws {
        let kubectl = try await Rendered.setup("kubectl")
        let folder = "\(Self.tests)/ManifestTests"
        let (end, output) = try await Rendered.run(
            "/usr/bin/env",
            [
                "KUBECTL_OF_DEBIAN=\(kubectl)", try await Rendered.setup("manifest-tools", within: .seconds(600)), "-m",
                "unittest", "discover", "-t", folder, "-s", "\(folder)/tests", "-p", "test_\(module).py",
            ], within: .seconds(300))
        let ran = try #require(output.split(separator: "\n").first { $0.hasPrefix("Ran ") }, "\(output)")
        let count = try #require(ran.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        #expect(end == .exited(0) && count >= least, "\(output)")
    }

    /// Helm applies on the server's side, where Kubernetes 1.20 demands more of an object than of the client's.
    @Test func `a release on Kubernetes 1_20 comes, changes and goes, and the Secret stays as it is`() async throws {
        let plane = try await ControlPlane.start()
        // The account of other tests. The chart's own has the same name, and Helm takes over nothing that is not its.
        try await plane.kubectl("delete", "clusterrole,clusterrolebinding", "cluster-agent")
        let everything = ["clusterChecksRunner.enabled=true", "nodeAgent.enabled=true", "flowSchema.enabled=true"]
        let installed = try await helm(plane, "install", Self.chart, ["--create-namespace"], everything)
        #expect(installed.contains("STATUS: deployed"), "\(installed)")
        #expect(installed.contains(" secret --namespace shop | kubectl create --filename -\n"), "\(installed)")
        let secret = try await Rendered.secret("--namespace=shop")
        try await plane.kubectl("create", "--filename=\(try plane.directory.write("secret.json", secret))")
        let before = try await versions(plane)
        #expect(before.count == 4, "\(before)")
        // What 1.20 has of them.
        let budgets = try await plane.kubectl(
            "--namespace=shop", "get", "poddisruptionbudgets.v1beta1.policy", "--output=yaml")
        #expect(!budgets.contains("unhealthyPodEvictionPolicy"), "\(budgets)")
        try await plane.kubectl("get", "flowschemas.v1beta1.flowcontrol.apiserver.k8s.io", "cluster-agent-leases")

        _ = try await helm(plane, "upgrade", Self.chart, [], everything)
        #expect(try await versions(plane) == before)
        _ = try await helm(plane, "upgrade", Self.chart, [], everything + ["clusterAgent.options.log_level=debug"])
        let changed = try await versions(plane)
        let difference = Set(before).symmetricDifference(changed)
        #expect(difference == ["Deployment/cluster-agent 1", "Deployment/cluster-agent 2"])

        let refused = try await Rendered.run(
            try await Rendered.setup("manifest-tools"),
            arguments(plane, "upgrade", Self.chart, [], ["podMonitor.enabled=true"]))
        #expect(refused.end == .exited(1))
        let reason = #"no matches for kind "PodMonitor" in version "monitoring.coreos.com/v1""#
        #expect(refused.output.contains(reason), "\(refused.output)")
        #expect(try await versions(plane) == changed)

        _ = try await helm(plane, "uninstall", nil, [], [])
        #expect(try await versions(plane) == changed.filter { $0.hasPrefix("Secret/") })
        try await plane.stop()
    }

    /// `Kind/name version` of the workloads, by generation, and of the Secret that is not Helm's, by resource version.
    private func versions(_ plane: ControlPlane) async throws -> [String] {
        let template =
            #"{{range .items}}{{if ne (printf "%.15s" .metadata.name) "sh.helm.release"}}{{.kind}}/{{.metadata.name}} "#
            + #"{{or .metadata.generation .metadata.resourceVersion}}{{"\n"}}{{end}}{{end}}"#
        return try await plane.kubectl(
            "--namespace=shop", "get", "deployments,daemonsets,secrets",
            "--output=go-template=\(template)"
        ).split(separator: "\n").map(String.init).sorted()
    }

    private func helm(
        _ plane: ControlPlane, _ command: String, _ chart: String?, _ options: [String], _ values: [String]
    ) async throws -> String {
        try await Rendered.output(
            try await Rendered.setup("manifest-tools", within: .seconds(600)),
            arguments(plane, command, chart, options, values))
    }

    private func arguments(
        _ plane: ControlPlane, _ command: String, _ chart: String?, _ options: [String], _ values: [String]
    ) -> [String] {
        ["\(Self.tests)/hollow/helm.py", "--kubeconfig=\(plane.adminKubeconfig)", command, "release"]
            + (chart.map { [$0] } ?? []) + ["--namespace=shop"] + options + values.map { "--set=\($0)" }
    }
}
