package import Platform
import Synchronization

/// Keeps every log line. `NoLog` drops them.
package final class RecordingLog: LogSink {
    private let recorded = Mutex<[LogLine]>([])

    package init() {}

    package func write(_ line: LogLine) {
        recorded.withLock { $0.append(line) }
    }

    package var records: [LogLine] {
        recorded.withLock { $0 }
    }

    /// Each line as `level message name=value …`.
    package var lines: [String] {
        records.map { line in
            line.fields.reduce("\(line.level.name) \(line.message)") { "\($0) \($1.name)=\($1.value)" }
        }
    }

    package var messages: [String] { records.map(\.message) }

    package var levels: [LogLevel] { records.map(\.level) }

    /// The values of a field in all lines.
    package func values(of field: String) -> [String] {
        records.flatMap(\.fields).filter { $0.name == field }.map(\.value)
    }

    /// The fields of each line with that message.
    package func fields(of message: String) -> [[String: String]] {
        records.filter { $0.message == message }.map { line in
            Dictionary(line.fields.map { ($0.name, $0.value) }) { first, _ in first }
        }
    }
}
