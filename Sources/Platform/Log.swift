/// How much a log line matters.
package enum LogLevel: Int, Comparable, Sendable, CaseIterable {
    /// For those who work on the agent.
    case debug
    /// Things that an operator wants to know.
    case info
    /// Something is wrong and the agent goes on.
    case warning
    /// Something is lost or refused.
    case error

    /// Orders by weight.
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

    /// The level of a name; `warn` is accepted too, as Datadog's agents spell it.
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

/// Where log lines go. `write` may be called from any thread and must not block for long.
package protocol LogSink: Sendable {
    /// Writes one line.
    func write(_ line: LogLine)
}

/// One log line: a constant message and its fields, in the order in which they were given.
package struct LogLine: Sendable {
    /// How much it matters.
    package let level: LogLevel
    /// The component that says it, such as `dispatcher`.
    package let component: String
    /// What happened; constant, so that lines can be counted and searched.
    package let message: String
    /// Details.
    package let fields: [(name: String, value: String)]
}

/// Says what happens. A value: pass it on, with a name for each component.
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

    /// The same log, speaking as `component`.
    package func named(_ component: String) -> Log {
        Log(sink: sink, minimum: minimum, component: component)
    }

    /// A line for those who work on the agent.
    package func debug(_ message: StaticString, _ fields: KeyValuePairs<String, any CustomStringConvertible> = [:]) {
        write(.debug, message, fields)
    }

    /// A line that an operator wants to know of.
    package func info(_ message: StaticString, _ fields: KeyValuePairs<String, any CustomStringConvertible> = [:]) {
        write(.info, message, fields)
    }

    /// Something is wrong and the agent goes on.
    package func warning(_ message: StaticString, _ fields: KeyValuePairs<String, any CustomStringConvertible> = [:]) {
        write(.warning, message, fields)
    }

    /// Something is lost or refused.
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
                fields: fields.map { ($0.key, $0.value.description) }))
    }
}

/// A sink that drops every line, for tests.
package struct NoLog: LogSink {
    /// A sink that drops every line.
    package init() {}

    /// Drops the line.
    package func write(_ line: LogLine) {}
}
