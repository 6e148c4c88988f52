import CheckModel
import Glibc
import HTTPClient
package import JSON
package import Platform
package import TestKit

/// A Service in front of replicas whose network fails on demand: `AcceptanceTests/clients/service.py`, whose head says
/// how.
package final class FaultyService: Sendable {
    /// What becomes of requests.
    package enum Fault: String, Sendable {
        /// They are served.
        case none
        /// They get 500, 502 and 503, are reset, cut and late, and some are served.
        case storm
        /// Every connection is reset.
        case down
    }

    /// Its address.
    package let url: String
    private let process: ChildProcess
    private let client: HTTPClient
    private let clock = SystemClock()
    private let controlURL: String

    /// Starts one in front of `ports` of this machine; `seed` draws the backends and the faults.
    ///
    /// - Throws: `TestFailure` with its output if it does not start.
    package static func start(
        before ports: [Int], seed: Int, in directory: TemporaryDirectory
    ) async throws -> FaultyService {
        let process = try ChildProcess(
            "/usr/bin/env",
            [
                "python3", "\(TestEnvironment.root)/Tests/AcceptanceTests/clients/service.py", directory.path,
                "\(seed)",
            ] + ports.map { "\($0)" },
            environment: ["PATH": processEnvironment()["PATH"] ?? "/usr/bin:/bin"],
            outputPath: "\(directory.path)/service.log")
        return try FaultyService(process, try await process.firstLine())
    }

    private init(_ process: ChildProcess, _ told: JSONValue) throws {
        guard let control = told["control"]?.integerValue, let port = told["port"]?.integerValue
        else { throw TestFailure("the service told no ports: \(process.output)") }
        self.process = process
        url = "https://127.0.0.1:\(port)"
        controlURL = "http://127.0.0.1:\(control)"
        client = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: clock)
    }

    /// New connections go to these backends from now on.
    package func set(backends ports: [Int]) async throws {
        try await tell(#"{"backends":[\#(ports.map { "\($0)" }.joined(separator: ","))]}"#)
    }

    /// What becomes of requests from now on.
    package func set(_ fault: Fault) async throws {
        try await tell(#"{"fault":"\#(fault.rawValue)"}"#)
    }

    /// New connections go to these backends, and those that are open are reset, so that all are new.
    package func move(to ports: [Int]) async throws {
        try await set(.down)
        try await set(backends: ports)
        try await set(.none)
    }

    /// What became of the requests so far, by kind, such as `passed`, `500` and `served 200`.
    package func counts() async throws -> [ExactText: Int] {
        let answer = try await client.send(
            ClientRequest(url: "\(controlURL)/counts"), deadline: clock.now() + .seconds(20))
        let members = try JSONValue(parsing: answer.body).objectValue ?? [:]
        return members.compactMapValues { $0.integerValue.map { Int($0) } }
    }

    /// Ends it.
    package func stop() async {
        await client.shutdown()
        process.signal(SIGKILL)
    }

    private func tell(_ body: String) async throws {
        let request = ClientRequest("POST", url: "\(controlURL)/set", body: Array(body.utf8))
        let answer = try await client.send(request, deadline: clock.now() + .seconds(20))
        guard answer.status == 200 else { throw TestFailure("the service answered \(answer.status)") }
    }
}

extension ChildProcess {
    /// The first line of its output, which is JSON and says on which ports it listens.
    ///
    /// - Throws: `TestFailure` with its output if there is none after half a minute.
    package func firstLine() async throws -> JSONValue {
        try await eventually(within: .seconds(30), "a first line; \(output)") {
            output.split(separator: "\n").first.flatMap { try? JSONValue(parsing: Array($0.utf8)) }
        }
    }
}
