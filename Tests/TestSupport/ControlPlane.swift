import Glibc
import Platform

/// A real etcd and kube-apiserver on loopback ports of their own: `Tests/setup/control-plane`.
package final class ControlPlane: Sendable {
    /// Where its files are.
    package let directory: TemporaryDirectory
    private let process: ChildProcess

    /// Starts one, and waits until it serves.
    ///
    /// - Throws: `TestFailure` with its output if it does not.
    package static func start() async throws -> ControlPlane {
        let plane = try ControlPlane()
        _ = try await eventually(within: .seconds(120), "the control plane; \(plane.process.output)") {
            if let end = plane.process.poll() { throw TestFailure("control plane \(end): \(plane.process.output)") }
            return unsafe access("\(plane.path)/ready", F_OK) == 0 ? true : nil
        }
        return plane
    }

    private init() throws {
        directory = try TemporaryDirectory()
        process = try ChildProcess(
            "\(TestEnvironment.root)/Tests/setup/control-plane", ["\(directory.path)/plane"],
            environment: processEnvironment(),
            outputPath: "\(directory.path)/control-plane.log")
    }

    private var path: String {
        "\(directory.path)/plane"
    }

    /// The kubeconfig of the cluster-agent's own account, with exactly the permissions of the manifests.
    package var agentKubeconfig: String {
        "\(path)/kubeconfig-cluster-agent.json"
    }

    /// The kubeconfig of somebody who may do nothing.
    package var nobodyKubeconfig: String {
        "\(path)/kubeconfig-nobody.json"
    }

    /// Runs kubectl as the administrator, and returns what it printed.
    ///
    /// - Throws: `TestFailure` with its output if it fails.
    @discardableResult
    package func kubectl(_ arguments: String...) async throws -> String {
        let output = "\(directory.path)/kubectl-\(UInt64.random(in: 0 ... .max)).log"
        let kubectl = try ChildProcess(
            "/usr/bin/env", ["kubectl", "--kubeconfig=\(path)/kubeconfig.json"] + arguments,
            environment: ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": directory.path], outputPath: output)
        let end = try await kubectl.wait(within: .seconds(60))
        guard end == .exited(0) else { throw TestFailure("kubectl \(arguments): \(end): \(kubectl.output)") }
        return kubectl.output
    }

    /// Starts kube-apiserver again on the same port; watches break.
    package func restartAPIServer() async throws {
        process.signal(SIGUSR1)
        try await eventually(within: .seconds(30), "the API server to go") { self.isReady ? nil : true }
        try await eventually(within: .seconds(120), "the API server to come back") { self.isReady ? true : nil }
    }

    private var isReady: Bool {
        unsafe access("\(path)/ready", F_OK) == 0
    }

    /// Ends both servers.
    package func stop() async throws {
        process.signal(SIGTERM)
        try await process.wait(within: .seconds(60))
    }
}
