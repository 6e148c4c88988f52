import CheckModel
package import JSON
package import Platform
import Synchronization
package import TestKit

/// A node agent that was written from the description of the protocol alone:
/// `AcceptanceTests/clients/datadog_agent.py`, whose head says what its times are and what it tells.
package final class DatadogAgent: Sendable {
    /// One thing that it told.
    package struct Event: Sendable {
        /// When.
        package let time: Instant
        /// `schedule`, `unschedule`, `answer`, `error`, `flush`, `violation` or `client`.
        package let kind: String
        /// All of it.
        package let fields: JSONValue
        /// What a check is called that was scheduled or unscheduled: its instances' names, joined.
        package let check: String?
    }

    private struct Told {
        var readBytes = 0
        var events: [Event] = []
        var running: Set<String> = []
    }

    /// The process.
    package let process: ChildProcess
    /// Its id.
    package let id: String
    private let told = Mutex(Told())

    /// Starts one.
    ///
    /// - Parameters:
    ///   - id: its host name.
    ///   - directory: where its output goes.
    ///   - url: the address of a Service.
    ///   - options: such as `--scale=0.1`.
    package init(_ id: String, in directory: TemporaryDirectory, url: String, _ options: [String] = []) throws {
        self.id = id
        process = try ChildProcess(
            "/usr/bin/env",
            [
                "python3", "\(TestEnvironment.root)/Tests/AcceptanceTests/clients/datadog_agent.py", url,
                RunningClusterAgent.token, id, "--instances",
            ] + options,
            environment: ["PATH": processEnvironment()["PATH"] ?? "/usr/bin:/bin"],
            outputPath: "\(directory.path)/datadog-agent-\(id).log")
    }

    /// All it told so far.
    package var events: [Event] {
        told.withLock { told in
            read(&told)
            return told.events
        }
    }

    /// The names of the checks that it runs now.
    package var running: Set<String> {
        told.withLock { told in
            read(&told)
            return told.running
        }
    }

    /// How many answers of this kind (`version`, `status`, `configs`, `endpoints`, `heartbeat`) it had since `start`.
    package func answers(_ call: String, since start: Instant = Instant(nanoseconds: 0)) -> Int {
        events.count { $0.kind == "answer" && $0.time >= start && $0.fields["call"]?.stringValue == call }
    }

    private func read(_ told: inout Told) {
        guard let bytes = try? readFile(process.outputPath, atMost: 64 << 20), bytes.count > told.readBytes,
            let end = bytes.lastIndex(of: UInt8(ascii: "\n"))
        else { return }
        for line in bytes[told.readBytes..<max(end, told.readBytes)].split(separator: UInt8(ascii: "\n")) {
            guard let event = Event(Array(line)) else { continue }
            told.events.append(event)
            guard let check = event.check else { continue }
            if event.kind == "schedule" { told.running.insert(check) }
            if event.kind == "unschedule" { told.running.remove(check) }
        }
        told.readBytes = end + 1
    }
}

extension DatadogAgent.Event {
    fileprivate init?(_ line: [UInt8]) {
        guard let fields = try? JSONValue(parsing: line), let kind = fields["event"]?.stringValue,
            let time = fields["time"]?.integerValue
        else { return nil }
        self.fields = fields
        self.kind = kind
        self.time = Instant(nanoseconds: time)
        check = fields["instances"]?.arrayValue.map { instances in
            let names = instances.map { instance in
                instance.stringValue.flatMap { try? JSONValue(parsing: Array($0.utf8)) }?["name"]?.stringValue ?? ""
            }
            return names.joined(separator: ",")
        }
    }
}
