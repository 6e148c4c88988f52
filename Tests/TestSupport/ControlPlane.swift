import CheckModel
import Glibc
import HTTPClient
import JSON
package import Platform
package import TestKit

/// A real etcd and kube-apiserver on loopback ports of their own: `Tests/setup/control-plane`.
package final class ControlPlane: Sendable {
    /// Where its files are.
    package let directory: TemporaryDirectory
    private let process: ChildProcess

    /// Starts one, and waits until it serves.
    ///
    /// - Parameter options: further options of kube-apiserver.
    /// - Throws: `TestFailure` with its output if it does not.
    package static func start(_ options: String...) async throws -> ControlPlane {
        let plane = try ControlPlane(options)
        _ = try await eventually(within: .seconds(120), "the control plane; \(plane.process.output)") {
            if let end = plane.process.poll() { throw TestFailure("control plane \(end): \(plane.process.output)") }
            return unsafe access("\(plane.path)/ready", F_OK) == 0
        }
        return plane
    }

    private init(_ options: [String]) throws {
        directory = try TemporaryDirectory()
        process = try ChildProcess(
            "\(TestEnvironment.root)/Tests/setup/control-plane", ["\(directory.path)/plane", "--"] + options,
            environment: processEnvironment(),
            outputPath: "\(directory.path)/control-plane.log")
    }

    /// The folder with its certificates, logs and kubeconfigs; its head lists them.
    package var path: String {
        "\(directory.path)/plane"
    }

    /// A value of `control-plane.env`, such as `API_SERVER_PID`.
    ///
    /// - Throws: `TestFailure` if it is not there.
    package func setting(_ name: String) throws -> String {
        let text = String(decoding: try readFile("\(path)/control-plane.env", atMost: 1 << 16), as: UTF8.self)
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("\(name)=") }) else {
            throw TestFailure("control-plane.env has no \(name)")
        }
        return String(line.dropFirst(name.utf8.count + 1))
    }

    /// The administrator's kubeconfig.
    package var adminKubeconfig: String {
        "\(path)/kubeconfig.json"
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
        try await kubectl(arguments)
    }

    /// Runs kubectl as the administrator, unless the arguments name another kubeconfig.
    @discardableResult
    package func kubectl(_ arguments: [String]) async throws -> String {
        let output = "\(directory.path)/kubectl-\(UInt64.random(in: 0 ... .max)).log"
        let kubectl = try ChildProcess(
            "/usr/bin/env", ["kubectl", "--kubeconfig=\(adminKubeconfig)"] + arguments,
            environment: ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": directory.path], outputPath: output)
        let end = try await kubectl.wait(within: .seconds(60))
        guard end == .exited(0) else { throw TestFailure("kubectl \(arguments): \(end): \(kubectl.output)") }
        return kubectl.output
    }

    /// Starts kube-apiserver again on the same port; watches break.
    package func restartAPIServer() async throws {
        try await restart(by: SIGUSR1)
    }

    /// Starts kube-apiserver again with a certificate of a new CA: who has only the old `ca.crt` believes it no more.
    package func renewAuthority() async throws {
        try await restart(by: SIGUSR2)
    }

    /// Kills kube-apiserver.
    ///
    /// - Returns: when it was killed.
    package func stopAPIServer() async throws -> Instant {
        guard let id = pid_t(try setting("API_SERVER_PID")) else { throw TestFailure("no API_SERVER_PID") }
        let now = SystemClock().now()
        kill(id, SIGKILL)
        try await eventually(within: .seconds(30), "the API server to go") { !self.isReady }
        return now
    }

    /// Starts kube-apiserver after `stopAPIServer`, and waits until it serves.
    package func startAPIServer() async throws {
        process.signal(SIGUSR1)
        try await eventually(within: .seconds(120), "the API server to come back") { self.isReady }
    }

    /// Makes etcd forget every version but the newest: a watch from an older one gets 410.
    ///
    /// - Returns: the version up to which it forgot.
    @discardableResult
    package func compact() async throws -> Int {
        // A read of nothing tells the newest revision.
        let newest = try await etcd("range", #"{"key":"AA=="}"#)["header"]?["revision"]?.stringValue
        guard let newest, let revision = Int(newest) else { throw TestFailure("etcd told no revision") }
        _ = try await etcd("compaction", #"{"revision":"\#(newest)","physical":true}"#)
        return revision
    }

    private func etcd(_ call: String, _ body: String) async throws -> JSONValue {
        let clock = SystemClock()
        let client = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: clock)
        let request = ClientRequest("POST", url: "\(try setting("ETCD_URL"))/v3/kv/\(call)", body: Array(body.utf8))
        let answer = try await client.send(request, deadline: clock.now() + .seconds(10))
        await client.shutdown()
        guard answer.status == 200 else {
            throw TestFailure("etcd \(call): \(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
        }
        return try JSONValue(parsing: answer.body)
    }

    private func restart(by signal: Int32) async throws {
        process.signal(signal)
        try await eventually(within: .seconds(30), "the API server to go") { !self.isReady }
        try await eventually(within: .seconds(120), "the API server to come back") { self.isReady }
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
