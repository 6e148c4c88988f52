import Platform
import TestKit
import TestSupport
import Testing

/// The Helm chart beside the kustomizations: `tests/`, with Helm's engine, and a release on a real API server.
@Suite(.serialized) struct ChartTests {
    private static let tests = "\(TestEnvironment.root)/Tests"
    private static let chart = "\(TestEnvironment.root)/manifests/chart"

    /// A module of `tests/`, and the least number of tests that it must run.
    @Test(
        arguments: [
            ("chart", 11), ("values", 21), ("schemas", 4), ("migrating", 3), ("kustomize", 8), ("monitoring", 6),
        ])
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

    /// Those that need no Datadog: with the files that the page shows, in its order.
    @Test func `the commands for those who come from Datadog's cluster agent do what they say`() async throws {
        let plane = try await ControlPlane.start()
        try await plane.kubectl("delete", "clusterrole,clusterrolebinding", "cluster-agent")
        try await plane.kubectl("create", "namespace", "datadog")
        let service =
            #"ad.datadoghq.com/service.checks={"tcp_check": {"instances": [{"host": "%%host%%", "port": 1}]}}"#
        try await plane.kubectl("annotate", "service", "kubernetes", service)
        let page = String(
            decoding: try readFile("\(TestEnvironment.root)/manifests/MIGRATING.md", atMost: 1 << 20), as: UTF8.self)
        var (commands, known): ([String], Set<String>) = ([], [])
        for block in page.split(separator: "\n```\n").flatMap({
            $0.split(separator: "```yaml\n# ", omittingEmptySubsequences: false).dropFirst()
        }) {
            let name = String(block.prefix { $0 != "\n" && $0 != ":" })
            if known.insert(name).inserted { try plane.directory.write(name, "# \(block)\n") }
        }
        for line in page.split(separator: "\n") {
            let isCommand = ["docker run ", "helm ", "kubectl "].contains { line.hasPrefix($0) }
            let needsDatadog = ["datadog/datadog", " exec ", " rollout "].contains { line.contains($0) }
            if isCommand && !needsDatadog { commands.append(String(line)) }
        }
        #expect(commands.count == 7, "\(commands)")
        let output = try await run(commands, plane)
        #expect(output.contains("=== tcp_check check ===") && output.contains("1 configs, 0 errors"), "\(output)")
        for done in [
            "secret/cluster-agent created", "networkpolicy.networking.k8s.io/cluster-agent-datadog created",
            "STATUS: deployed", #"networkpolicy.networking.k8s.io "cluster-agent-datadog" deleted"#,
            #"secret "cluster-agent" deleted"#,
        ] {
            #expect(output.contains(done), "\(done): \(output)")
        }
        let left = try await plane.kubectl(
            "--namespace=datadog", "get", "deployments,secrets,networkpolicies,leases,configmaps", "--output=name")
        #expect(!left.contains("cluster-agent"), "\(left)")
        try await plane.stop()
    }

    /// Runs command lines with the program of this checkout as the image, in the directory of the control plane.
    private func run(_ commands: [String], _ plane: ControlPlane) async throws -> String {
        let helm =
            "\(try await Rendered.setup("manifest-tools", within: .seconds(600))) -B \(Self.tests)/hollow/helm.py"
        let script = """
            set -o errexit -o pipefail
            docker() { while [[ $1 != IMAGE ]]; do shift; done; "\(try TestEnvironment.program("cluster-agent"))" "${@:2}"; }
            helm() { \(helm) --kubeconfig=\(plane.adminKubeconfig) "$@"; }
            kubectl() { command kubectl --kubeconfig=\(plane.adminKubeconfig) "$@"; }
            cd \(plane.directory.path) && ln -s \(TestEnvironment.root)/manifests .
            \(commands.joined(separator: "\n"))
            """
        return try await Rendered.output("/bin/bash", ["-c", script])
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
