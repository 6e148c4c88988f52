/// The severity of a log line.
package enum LogLevel: Int, Comparable, Sendable, CaseIterable {
    /// Details for developers.
    case debug
    /// Events that an operator wants to see.
    case info
    /// Something is wrong, and the agent continues.
    case warning
    /// Something was lost or rejected.
    case error

    /// Orders by severity.
    package static func < (left: LogLevel, right: LogLevel) -> Bool {
        left.rawValue < right.rawValue
    }

    /// The name in a log line and in the option `log_level`.
    package var name: String {
        switch self {
        case .debug: "debug"
        case .info: "info"
        case .warning: "warning"
        case .error: "error"
        }
    }

    /// The level called `name`. `warn` is accepted too, as Datadog's agents spell it.
    package init?(name: String) {
        switch name {
        case "debug": self = .debug
        case "info": self = .info
        case "warning", "warn": self = .warning
        case "error": self = .error
        default: return nil
        }
    }
}

/// A destination of log lines. `write` may be called from any thread and must not block.
package protocol LogSink: Sendable {
    /// The lines that were lost: nobody waits until they can be written.
    var lostLines: UInt64 { get }

    /// Writes one line, now or soon.
    func write(_ line: LogLine)

    /// Waits until all lines are written, but no longer than `limit`.
    func flush(within limit: Duration)
}

extension LogSink {
    /// None.
    package var lostLines: UInt64 { 0 }

    /// Nothing is waiting.
    package func flush(within limit: Duration) {}
}

/// A detail of a log line.
package struct LogField: Sendable {
    /// What it is.
    package let name: String
    /// Its text.
    package let value: String
    /// Whether the text is a number or a boolean, and is one in JSON too.
    package let isLiteral: Bool

    /// A text.
    package init(_ name: String, _ text: String) {
        (self.name, value, isLiteral) = (name, text, false)
    }

    /// A value as its type says.
    init(_ name: String, _ value: any CustomStringConvertible) {
        self.name = name
        self.value = value.description
        switch value {
        case is Bool, is any BinaryInteger: isLiteral = true
        // JSON has neither infinity nor "no number".
        case let number as Double: isLiteral = number.isFinite
        default: isLiteral = false
        }
    }

    /// The same field with another text, unless it is a literal.
    func mapText(_ transform: (String) -> String) -> LogField {
        isLiteral ? self : LogField(name, transform(value))
    }
}

/// A log line: a constant message and its fields, in order.
package struct LogLine: Sendable {
    /// The severity.
    package let level: LogLevel
    /// The component that logs it, such as `dispatcher`.
    package let component: String
    /// What happened. Constant, so that lines can be counted and searched.
    package let message: String
    /// The details.
    package let fields: [LogField]
}

/// Writes log lines. It is a value: pass it on, named for each component.
package struct Log: Sendable {
    private let sink: any LogSink
    private let minimum: LogLevel
    private let component: String

    /// A log that sends lines of `minimum` and above to `sink`.
    package init(sink: any LogSink, minimum: LogLevel = .info, component: String = "") {
        self.sink = sink
        self.minimum = minimum
        self.component = component
    }

    /// The same log, for lines of `component`.
    package func named(_ component: String) -> Log {
        Log(sink: sink, minimum: minimum, component: component)
    }

    /// Waits until all lines are written, but no longer than `limit`: for the end of a process.
    package func flush(within limit: Duration) {
        sink.flush(within: limit)
    }

    /// Writes the metrics of the log.
    package func collect(into writer: inout MetricsWriter) {
        writer.family(
            "log_lost_lines_total", .counter, help: "Log lines lost because standard error was full or closed.",
            [([:], Double(sink.lostLines))])
    }

    /// Logs details for developers.
    package func debug(_ message: StaticString, _ fields: KeyValuePairs<String, any CustomStringConvertible> = [:]) {
        write(.debug, message, fields)
    }

    /// Logs an event that an operator wants to see.
    package func info(_ message: StaticString, _ fields: KeyValuePairs<String, any CustomStringConvertible> = [:]) {
        write(.info, message, fields)
    }

    /// Logs that something is wrong, and the agent continues.
    package func warning(_ message: StaticString, _ fields: KeyValuePairs<String, any CustomStringConvertible> = [:]) {
        write(.warning, message, fields)
    }

    /// Logs that something was lost or rejected.
    package func error(_ message: StaticString, _ fields: KeyValuePairs<String, any CustomStringConvertible> = [:]) {
        write(.error, message, fields)
    }

    private func write(
        _ level: LogLevel, _ message: StaticString, _ fields: KeyValuePairs<String, any CustomStringConvertible>
    ) {
        guard level >= minimum else { return }
        sink.write(
            LogLine(
                level: level, component: component, message: "\(message)",
                fields: fields.map { LogField($0.key, $0.value) }))
    }
}

/// A sink that drops every line.
package struct NoLog: LogSink {
    /// Creates a sink.
    package init() {}

    /// Drops the line.
    package func write(_ line: LogLine) {}
}
