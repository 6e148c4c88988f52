import Glibc
import Platform
import TestKit
import TestSupport
import Testing

/// What the manifests allow is all that the cluster-agent asks for.
@Suite(.serialized, .timeLimit(.minutes(5))) struct PermissionTests {
    private func start(_ name: String, on plane: ControlPlane, _ options: String...) throws -> RunningClusterAgent {
        let port = try TestEnvironment.freePort()
        return try RunningClusterAgent(
            name, in: plane.directory, port: port,
            [
                "--kubeconfig=\(plane.agentKubeconfig)", "--kube_resources_namespace=cluster-agent",
                "--leader_election=true", "--cluster_agent.advertise_address=127.0.0.1:\(port)", "--shutdown_delay=0",
            ] + options)
    }

    @Test func `the manifests grant every permission and a missing one is named`() async throws {
        let plane = try await ControlPlane.start()
        let well = try start("well", on: plane)
        try await eventually(within: .seconds(60), "its permissions; \(well.process.output)") {
            well.process.output.contains("all permissions are there")
        }
        #expect(!well.process.output.contains("permissions are missing"))

        // The rule for pods goes: the last one of the Role.
        try await plane.kubectl(
            "--namespace=cluster-agent", "patch", "role", "cluster-agent", "--type=json",
            #"--patch=[{"op": "remove", "path": "/rules/4"}]"#)
        let poor = try start("poor", on: plane, "--cluster_agent.intent_config_map=other")
        try await eventually(within: .seconds(60), "what is missing; \(poor.process.output)") {
            poor.process.output.contains("permissions are missing")
        }
        let line = poor.process.output.split(separator: "\n").first { $0.contains("permissions are missing") } ?? ""
        for verb in ["get", "list", "watch"] {
            #expect(line.contains("\(verb) pods in namespace cluster-agent"), "\(line)")
        }
        for verb in ["get", "patch"] {
            #expect(line.contains("\(verb) configmaps/other in namespace cluster-agent"), "\(line)")
        }
        #expect(!line.contains("create configmaps"), "\(line)")
        #expect(!line.contains("services") && !line.contains("leases"), "\(line)")
        for agent in [well, poor] {
            agent.process.signal(SIGTERM)
            try await agent.process.wait(within: .seconds(30))
        }
        try await plane.stop()
    }
}
