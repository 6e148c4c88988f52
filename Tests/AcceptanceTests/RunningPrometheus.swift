import Glibc
import TestKit
import TestSupport

/// A real Prometheus, unpacked from Debian's package, that gets its targets from a cluster-agent.
final class RunningPrometheus: Sendable {
    let name: String
    let process: ChildProcess

    /// How often it fetches its targets, in seconds.
    static let refresh = 2

    /// Starts one. It names itself to its targets as a user.
    ///
    /// - Parameters:
    ///   - program: its path.
    ///   - url: the cluster-agent's.
    init(_ name: String, _ program: String, in directory: TemporaryDirectory, url: String) throws {
        self.name = name
        let configuration = """
            global: {scrape_interval: 2s, scrape_timeout: 2s}
            scrape_configs:
              - job_name: cluster-agent
                basic_auth: {username: \(name), password: none}
                http_sd_configs:
                  - url: \(url)/api/v1/targets/\(name)
                    refresh_interval: \(Self.refresh)s
                    authorization: {type: Bearer, credentials: \(RunningClusterAgent.token)}
                    tls_config: {insecure_skip_verify: true}
            """
        process = try ChildProcess(
            program,
            [
                "--config.file=\(try directory.write("\(name).yaml", configuration))",
                "--storage.tsdb.path=\(directory.path)/\(name).data",
                "--web.listen-address=127.0.0.1:\(try TestEnvironment.freePort())",
            ], outputPath: "\(directory.path)/\(name).log")
    }

    /// The path of the program.
    ///
    /// - Throws: `TestFailure` if it cannot be set up.
    static func program(in directory: TemporaryDirectory) async throws -> String {
        let setup = try ChildProcess(
            "\(TestEnvironment.root)/Tests/setup/prometheus", [], outputPath: "\(directory.path)/setup.log")
        let end = try await setup.wait(within: .seconds(120))
        let path = setup.output.split(separator: "\n").last.map(String.init) ?? ""
        guard path.hasPrefix("/"), unsafe access(path, X_OK) == 0 else {
            throw TestFailure("\(end): \(setup.output)")
        }
        return path
    }
}
