import Glibc

/// Writes log lines to standard error. Nobody waits for them: see `LineWriter`.
struct StandardErrorLog: LogSink {
    private let isJSON: Bool
    private let clock: any Clock
    private let scrub: @Sendable (String) -> String
    private let writer: LineWriter

    /// A sink that writes one JSON object per line if `isJSON`, else `time LEVEL component: message field=value`.
    ///
    /// - Parameter scrub: masks the secrets in the value of a field.
    /// - Throws: `SystemCallError` if the system has no descriptor or no thread for it.
    init(
        isJSON: Bool, clock: any Clock, scrub: @escaping @Sendable (String) -> String
    ) throws(SystemCallError) {
        self.scrub = scrub
        self.isJSON = isJSON
        self.clock = clock
        writer = try LineWriter(to: STDERR_FILENO) { count in
            let line = LogLine(
                level: .warning, component: "log",
                message: "log lines were lost: standard error was full or closed", fields: [LogField("lines", count)])
            return Self.text(line, isJSON: isJSON, clock)
        }
    }

    var lostLines: UInt64 { writer.lostLines }

    func write(_ line: LogLine) {
        let shown = LogLine(
            level: line.level, component: line.component, message: line.message,
            fields: line.fields.map { $0.mapText(scrub) })
        writer.write(Self.text(shown, isJSON: isJSON, clock))
    }

    func flush(within limit: Duration) {
        writer.flush(within: limit)
    }

    private static func text(_ line: LogLine, isJSON: Bool, _ clock: any Clock) -> String {
        let time = timestamp(clock.wallTime())
        return isJSON ? json(line, time) : plain(line, time)
    }

    static func plain(_ line: LogLine, _ time: String) -> String {
        let component = line.component.isEmpty ? "" : " \(line.component):"
        return line.fields.reduce("\(time) \(line.level.name.uppercased())\(component) \(line.message)") {
            text, field in
            "\(text) \(field.name)=\(isBare(field.value) ? field.value : quoted(field.value))"
        }
    }

    static func json(_ line: LogLine, _ time: String) -> String {
        let fixed = [
            LogField("time", time), LogField("level", line.level.name), LogField("component", line.component),
            LogField("message", line.message),
        ]
        let members = (fixed + line.fields).map { field in
            "\(quoted(field.name)):\(field.isLiteral ? field.value : quoted(field.value))"
        }
        return "{" + members.joined(separator: ",") + "}"
    }

    private static func isBare(_ value: String) -> Bool {
        !value.isEmpty
            && value.unicodeScalars.allSatisfy {
                $0.value > 0x20 && $0 != "\"" && $0 != "\\" && !(0x7F..<0xA0).contains($0.value)
            }
    }

    /// `value` as a JSON string. Control characters are escaped, so that input cannot forge a line or move the cursor
    /// of a terminal.
    private static func quoted(_ value: String) -> String {
        var text = "\""
        for character in value.unicodeScalars {
            switch character {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case _ where character.value < 0x20 || (character.value >= 0x7F && character.value < 0xA0):
                text += "\\u" + zeroPadded(character.value, width: 4, radix: 16)
            default: text.unicodeScalars.append(character)
            }
        }
        return text + "\""
    }
}

/// Writes a line to standard error, for a command that prints its errors and ends. It is lost if standard error is
/// closed, or has no room for a second: a pipe that nobody reads must not keep the command from its end.
func writeToStandardError(_ line: String) {
    var rest = Array((line + "\n").utf8)[...]
    while !rest.isEmpty {
        var stream = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        guard unsafe poll(&stream, 1, 1_000) == 1 else { return }
        // A pipe with room has room for so many.
        let part = rest.prefix(Int(PIPE_BUF))
        let count = unsafe part.withUnsafeBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
        guard count > 0 else { return }
        rest = rest.dropFirst(count)
    }
}
