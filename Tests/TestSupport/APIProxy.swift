import CheckModel
import Glibc
import HTTPClient
import JSON
package import Platform
import Synchronization
import TestKit

/// A proxy in front of a control plane's API server, with a way of its own for each replica, that fails on demand and
/// records what it saw: `IntegrationTests/clients/api_proxy.py`, whose head says what the faults and the record are.
package final class APIProxy: Sendable {
    /// How a way fails.
    package enum Fault: Sendable {
        /// Not at all.
        case none
        /// Nothing passes, in either direction, until the fault changes.
        case hang
        /// What is open and what comes is reset.
        case drop
        /// Requests reach the API server later.
        case delayRequests(Duration)
        /// Answers reach the replica later.
        case delayAnswers(Duration)
    }

    /// One request that the proxy saw.
    package struct Request: Sendable {
        /// Which way it took: the replica's number.
        package let way: Int
        /// Its method; `CONNECT` for a connection that was reset at once.
        package let method: String
        /// The path and the query.
        package let target: String
        /// When all of it had reached the proxy.
        package let received: Instant
        /// When it was passed on, if it was.
        package let forwarded: Instant?
        /// When the whole answer had been read from the API server.
        package let answered: Instant?
        /// The answer's status; nil without an answer.
        package let status: Int?
        /// Whether this is an error event inside a watch, and no request.
        package let isEvent: Bool
        /// The Lease that a write stored.
        package let lease: StoredLease?

        /// The path alone.
        package var path: String {
            String(target.split(separator: "?", omittingEmptySubsequences: false).first ?? "")
        }

        /// Whether it is a watch.
        package var isWatch: Bool {
            target.contains("watch=true")
        }
    }

    /// A Lease as the API server answered a write of it.
    package struct StoredLease: Sendable {
        /// Empty when it was released.
        package let holder: String
        /// When it was acquired, as its holder wrote it.
        package let acquireTime: String
        /// When it was renewed, as its holder wrote it.
        package let renewTime: String
        /// How long it is good without a renewal.
        package let duration: Duration
        /// The version of this write: etcd's revision, so that all writes have an order.
        package let version: Int
    }

    private struct Record {
        var next = 0
        var requests: [Request] = []
    }

    private let process: ChildProcess
    private let client: HTTPClient
    private let clock = SystemClock()
    private let controlPort: Int
    private let ports: [Int]
    private let plane: ControlPlane
    private let record = Mutex(Record())

    /// Starts one with `ways` ways.
    ///
    /// - Throws: `TestFailure` with its output if it does not start.
    package static func start(before plane: ControlPlane, ways: Int) async throws -> APIProxy {
        let process = try ChildProcess(
            "/usr/bin/env",
            [
                "python3", "\(TestEnvironment.root)/Tests/IntegrationTests/clients/api_proxy.py",
                try plane.setting("API_SERVER_PORT"), "\(plane.path)/pki/ca.crt", "\(plane.path)/pki/apiserver.crt",
                "\(plane.path)/pki/apiserver.key", "\(ways)",
            ],
            environment: ["PATH": processEnvironment()["PATH"] ?? "/usr/bin:/bin"],
            outputPath: "\(plane.directory.path)/api-proxy.log")
        let ports = try await eventually(within: .seconds(30), "the proxy; \(process.output)") {
            process.output.split(separator: "\n").first.flatMap { try? JSONValue(parsing: Array($0.utf8)) }
        }
        return try APIProxy(process, ports, plane)
    }

    private init(_ process: ChildProcess, _ told: JSONValue, _ plane: ControlPlane) throws {
        self.process = process
        self.plane = plane
        guard let control = told["control"]?.integerValue, let ports = told["paths"]?.arrayValue
        else { throw TestFailure("the proxy told no ports: \(process.output)") }
        controlPort = Int(control)
        self.ports = ports.compactMap(\.integerValue).map { Int($0) }
        client = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: clock)
    }

    /// A kubeconfig of the cluster-agent's account that goes by a way; returns its path.
    package func kubeconfig(_ way: Int) throws -> String {
        let given = String(decoding: try readFile(plane.agentKubeconfig, atMost: 1 << 20), as: UTF8.self)
        let own = given.replacing(try plane.setting("API_SERVER_URL"), with: "https://127.0.0.1:\(ports[way])")
        return try plane.directory.write("kubeconfig-\(way).json", own)
    }

    /// From now on `way` fails so.
    package func set(_ fault: Fault, on way: Int) async throws {
        let (name, seconds) =
            switch fault {
            case .none: ("none", 0.0)
            case .hang: ("hang", 0.0)
            case .drop: ("drop", 0.0)
            case .delayRequests(let delay): ("delay-requests", delay.seconds)
            case .delayAnswers(let delay): ("delay-answers", delay.seconds)
            }
        _ = try await ask("POST", "/fault", #"{"path":\#(way),"fault":"\#(name)","seconds":\#(seconds)}"#)
    }

    /// All that was recorded so far, in the order in which it was over.
    package func requests() async throws -> [Request] {
        let next = record.withLock { $0.next }
        let answer = try await ask("GET", "/record?from=\(next)")
        let rows = (answer["rows"]?.arrayValue ?? []).compactMap(Request.init)
        return record.withLock { record in
            record.next = answer["next"]?.integerValue.map { Int($0) } ?? next
            record.requests += rows
            return record.requests
        }
    }

    /// All writes of Leases that the API server took, in its order.
    package func leaseWrites() async throws -> [Request] {
        try await requests().filter { $0.lease != nil }.sorted { $0.lease?.version ?? 0 < $1.lease?.version ?? 0 }
    }

    /// Ends it.
    package func stop() async {
        await client.shutdown()
        process.signal(SIGKILL)
    }

    private func ask(_ method: String, _ target: String, _ body: String? = nil) async throws -> JSONValue {
        let answer = try await client.send(
            ClientRequest(method, url: "http://127.0.0.1:\(controlPort)\(target)", body: body.map { Array($0.utf8) }),
            deadline: clock.now() + .seconds(20))
        return try JSONValue(parsing: answer.body)
    }
}

extension APIProxy.Request {
    fileprivate init?(_ row: JSONValue) {
        guard let way = row["path"]?.integerValue, let method = row["method"]?.stringValue,
            let target = row["target"]?.stringValue, let received = row["received"]?.integerValue
        else { return nil }
        self.way = Int(way)
        self.method = method
        self.target = target
        self.received = Instant(nanoseconds: received)
        forwarded = row["forwarded"]?.integerValue.map { Instant(nanoseconds: $0) }
        answered = row["answered"]?.integerValue.map { Instant(nanoseconds: $0) }
        status = row["status"]?.integerValue.map { Int($0) }
        isEvent = row["event"] != nil
        lease = row["lease"].flatMap(APIProxy.StoredLease.init)
    }
}

extension APIProxy.StoredLease {
    fileprivate init?(_ lease: JSONValue) {
        guard let spec = lease["spec"], let version = lease["metadata"]?["resourceVersion"]?.stringValue,
            let version = Int(version)
        else { return nil }
        holder = spec["holderIdentity"]?.stringValue ?? ""
        acquireTime = spec["acquireTime"]?.stringValue ?? ""
        renewTime = spec["renewTime"]?.stringValue ?? ""
        duration = .seconds(spec["leaseDurationSeconds"]?.integerValue ?? 0)
        self.version = version
    }
}
